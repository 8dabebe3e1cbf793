package iam

import (
	"slices"
	"sort"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/iam"
	"cloister/internal/door"
	"cloister/internal/store"
)

// groupsPerUser is how many groups a user may be in.
const groupsPerUser = 10

func (s *Service) registerMembership(d *door.Door) {
	door.Write(d, api.OpAddUserToGroup, on(groupKind, "iam:AddUserToGroup",
		func(in *api.AddUserToGroupRequest) *string { return in.GroupName }), s.addUserToGroup)
	door.Write(d, api.OpRemoveUserFromGroup, on(groupKind, "iam:RemoveUserFromGroup",
		func(in *api.RemoveUserFromGroupRequest) *string { return in.GroupName }), s.removeUserFromGroup)
	door.Read(d, api.OpListGroupsForUser, on(userKind, "iam:ListGroupsForUser",
		func(in *api.ListGroupsForUserRequest) *string { return in.UserName }), s.listGroupsForUser)
}

func (s *Service) addUserToGroup(c *door.Call, tx *store.Tx, in *api.AddUserToGroupRequest) (*awsapi.None, error) {
	g, u, err := pair(c, tx, in.GroupName, in.UserName)
	if err != nil {
		return nil, err
	}
	if slices.Contains(u.Groups, g.ID) {
		return &awsapi.None{}, nil
	}
	if len(u.Groups) >= groupsPerUser {
		return nil, overQuota("GroupsPerUser", groupsPerUser)
	}
	u.Groups = append(u.Groups, g.ID)
	return &awsapi.None{}, userKind.put(tx, u)
}

func (s *Service) removeUserFromGroup(c *door.Call, tx *store.Tx, in *api.RemoveUserFromGroupRequest) (*awsapi.None, error) {
	g, u, err := pair(c, tx, in.GroupName, in.UserName)
	if err != nil {
		return nil, err
	}
	i := slices.Index(u.Groups, g.ID)
	if i < 0 {
		return nil, noSuchEntity("User %s is not in group %s.", u.Name, g.Name)
	}
	u.Groups = slices.Delete(u.Groups, i, i+1)
	return &awsapi.None{}, userKind.put(tx, u)
}

func pair(c *door.Call, r store.Reader, groupName, userName *string) (*group, *user, error) {
	g, err := groupKind.find(r, c.Account, awsapi.Val(groupName))
	if err != nil {
		return nil, nil, err
	}
	u, err := userKind.find(r, c.Account, awsapi.Val(userName))
	return g, u, err
}

func (s *Service) listGroupsForUser(c *door.Call, r store.Reader, in *api.ListGroupsForUserRequest) (*api.ListGroupsForUserResponse, error) {
	u, err := userKind.find(r, c.Account, awsapi.Val(in.UserName))
	if err != nil {
		return nil, err
	}
	var joined []*group
	for _, id := range u.Groups {
		g, err := groupKind.get(r, u.Account, id)
		if err != nil {
			return nil, err
		}
		joined = append(joined, g)
	}
	sort.Slice(joined, func(i, j int) bool { return groupKind.sortKey(joined[i]) < groupKind.sortKey(joined[j]) })
	p, err := paginate(joined, groupKind.sortKey, in.Marker, in.MaxItems)
	return &api.ListGroupsForUserResponse{Groups: each(p.items, describeGroup), IsTruncated: p.truncated, Marker: p.marker}, err
}
