package cognitoidp

import (
	"slices"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/cognitoidp"
	"cloister/internal/door"
	"cloister/internal/store"
)

// mostGroups is how many groups a user may be in
// (https://docs.aws.amazon.com/cognito/latest/developerguide/limits.html).
const mostGroups = 100

func (s *Service) registerGroups(d *door.Door) {
	door.Write(d, api.OpCreateGroup, onPoolAndRole("CreateGroup", func(in *api.CreateGroupRequest) *string { return in.UserPoolId }, func(in *api.CreateGroupRequest) *string { return in.RoleArn }), s.createGroup)
	door.Write(d, api.OpUpdateGroup, onPoolAndRole("UpdateGroup", func(in *api.UpdateGroupRequest) *string { return in.UserPoolId }, func(in *api.UpdateGroupRequest) *string { return in.RoleArn }), s.updateGroup)
	door.Read(d, api.OpGetGroup, onPool("GetGroup", func(in *api.GetGroupRequest) *string { return in.UserPoolId }), s.getGroup)
	door.Read(d, api.OpListGroups, onPool("ListGroups", func(in *api.ListGroupsRequest) *string { return in.UserPoolId }), s.listGroups)
	door.Write(d, api.OpDeleteGroup, onPool("DeleteGroup", func(in *api.DeleteGroupRequest) *string { return in.UserPoolId }), s.deleteGroup)
	door.Write(d, api.OpAdminAddUserToGroup, onPool("AdminAddUserToGroup", func(in *api.AdminAddUserToGroupRequest) *string { return in.UserPoolId }), s.addToGroup)
	door.Write(d, api.OpAdminRemoveUserFromGroup, onPool("AdminRemoveUserFromGroup", func(in *api.AdminRemoveUserFromGroupRequest) *string { return in.UserPoolId }), s.removeFromGroup)
	door.Read(d, api.OpAdminListGroupsForUser, onPool("AdminListGroupsForUser", func(in *api.AdminListGroupsForUserRequest) *string { return in.UserPoolId }), s.groupsOfUser)
	door.Read(d, api.OpListUsersInGroup, onPool("ListUsersInGroup", func(in *api.ListUsersInGroupRequest) *string { return in.UserPoolId }), s.usersInGroup)
}

func groupOf(c *door.Call, r store.Reader, id, name *string) (*pool, *group, error) {
	p, err := poolOf(c, r, id)
	if err != nil {
		return nil, nil, err
	}
	g, err := groups.Get(r, store.K(p.ID, val(name)))
	if isMissing(err) {
		return nil, nil, notFound("Group not found.")
	}
	return p, g, err
}

func (g *group) key() store.Key { return store.K(g.Pool, g.Name) }

func (g *group) shown() *api.GroupType {
	return &api.GroupType{
		GroupName: &g.Name, UserPoolId: &g.Pool, Description: some(g.Description), RoleArn: some(g.Role), Precedence: g.Precedence,
		CreationDate: &g.Created, LastModifiedDate: &g.Modified,
	}
}

func (s *Service) createGroup(c *door.Call, tx *store.Tx, in *api.CreateGroupRequest) (*api.CreateGroupResponse, error) {
	p, err := poolOf(c, tx, in.UserPoolId)
	if err != nil {
		return nil, err
	}
	g := &group{Pool: p.ID, Name: val(in.GroupName), Description: val(in.Description), Role: val(in.RoleArn), Precedence: in.Precedence, Created: c.Time, Modified: c.Time}
	if _, err := groups.Get(tx, g.key()); err == nil {
		return nil, awsapi.Errorf("GroupExistsException", "A group with the name %s already exists.", g.Name)
	} else if !isMissing(err) {
		return nil, err
	}
	return &api.CreateGroupResponse{Group: g.shown()}, groups.Insert(tx, g.key(), g)
}

func (s *Service) updateGroup(c *door.Call, tx *store.Tx, in *api.UpdateGroupRequest) (*api.UpdateGroupResponse, error) {
	_, g, err := groupOf(c, tx, in.UserPoolId, in.GroupName)
	if err != nil {
		return nil, err
	}
	g.Description, g.Role, g.Modified = or(in.Description, g.Description), or(in.RoleArn, g.Role), c.Time
	if in.Precedence != nil {
		g.Precedence = in.Precedence
	}
	return &api.UpdateGroupResponse{Group: g.shown()}, groups.Put(tx, g.key(), g)
}

func (s *Service) getGroup(c *door.Call, r store.Reader, in *api.GetGroupRequest) (*api.GetGroupResponse, error) {
	_, g, err := groupOf(c, r, in.UserPoolId, in.GroupName)
	if err != nil {
		return nil, err
	}
	return &api.GetGroupResponse{Group: g.shown()}, nil
}

func (s *Service) listGroups(c *door.Call, r store.Reader, in *api.ListGroupsRequest) (*api.ListGroupsResponse, error) {
	p, err := poolOf(c, r, in.UserPoolId)
	if err != nil {
		return nil, err
	}
	after, err := parseToken(in.NextToken)
	if err != nil {
		return nil, err
	}
	found, next, err := page(groups.Scan(r, p.key(), after), val(in.Limit), nil)
	if err != nil {
		return nil, err
	}
	out := &api.ListGroupsResponse{Groups: []*api.GroupType{}, NextToken: next}
	for _, g := range found {
		out.Groups = append(out.Groups, g.shown())
	}
	return out, nil
}

// deleteGroup takes its members out of it: a group made again under the name
// has none.
func (s *Service) deleteGroup(c *door.Call, tx *store.Tx, in *api.DeleteGroupRequest) (*awsapi.None, error) {
	p, g, err := groupOf(c, tx, in.UserPoolId, in.GroupName)
	if err != nil {
		return nil, err
	}
	var members []*user
	for item, err := range users.ScanIndex(tx, "group", store.K(p.ID, g.Name), nil) {
		if err != nil {
			return nil, err
		}
		members = append(members, item.Value)
	}
	for _, u := range members {
		u.leave(g.Name)
		if err := users.Put(tx, u.key(), u); err != nil {
			return nil, err
		}
	}
	return &awsapi.None{}, groups.Delete(tx, g.key())
}

func (u *user) leave(name string) {
	u.Groups = slices.DeleteFunc(u.Groups, func(g string) bool { return g == name })
}

func (s *Service) addToGroup(c *door.Call, tx *store.Tx, in *api.AdminAddUserToGroupRequest) (*awsapi.None, error) {
	p, g, err := groupOf(c, tx, in.UserPoolId, in.GroupName)
	if err != nil {
		return nil, err
	}
	u, err := userOf(tx, p, in.Username)
	if err != nil {
		return nil, err
	}
	if slices.Contains(u.Groups, g.Name) {
		return &awsapi.None{}, nil
	}
	if len(u.Groups) >= mostGroups {
		return nil, limitExceeded("Exceeded limit on groups of a user: %d", mostGroups)
	}
	u.Groups = append(u.Groups, g.Name)
	return &awsapi.None{}, users.Put(tx, u.key(), u)
}

func (s *Service) removeFromGroup(c *door.Call, tx *store.Tx, in *api.AdminRemoveUserFromGroupRequest) (*awsapi.None, error) {
	p, g, err := groupOf(c, tx, in.UserPoolId, in.GroupName)
	if err != nil {
		return nil, err
	}
	u, err := userOf(tx, p, in.Username)
	if err != nil {
		return nil, err
	}
	u.leave(g.Name)
	return &awsapi.None{}, users.Put(tx, u.key(), u)
}

func (s *Service) groupsOfUser(c *door.Call, r store.Reader, in *api.AdminListGroupsForUserRequest) (*api.AdminListGroupsForUserResponse, error) {
	p, u, err := poolAndUser(c, r, in.UserPoolId, in.Username)
	if err != nil {
		return nil, err
	}
	out := &api.AdminListGroupsForUserResponse{Groups: []*api.GroupType{}}
	names := slices.Sorted(slices.Values(u.Groups))
	for _, name := range names {
		if name <= val(in.NextToken) {
			continue
		}
		if in.Limit != nil && *in.Limit > 0 && int64(len(out.Groups)) == *in.Limit {
			out.NextToken = out.Groups[len(out.Groups)-1].GroupName
			break
		}
		g, err := groups.Get(r, store.K(p.ID, name))
		if err != nil {
			return nil, err
		}
		out.Groups = append(out.Groups, g.shown())
	}
	return out, nil
}

func (s *Service) usersInGroup(c *door.Call, r store.Reader, in *api.ListUsersInGroupRequest) (*api.ListUsersInGroupResponse, error) {
	p, g, err := groupOf(c, r, in.UserPoolId, in.GroupName)
	if err != nil {
		return nil, err
	}
	after, err := parseToken(in.NextToken)
	if err != nil {
		return nil, err
	}
	found, next, err := page(users.ScanIndex(r, "group", store.K(p.ID, g.Name), after), val(in.Limit), nil)
	if err != nil {
		return nil, err
	}
	out := &api.ListUsersInGroupResponse{Users: []*api.UserType{}, NextToken: next}
	for _, u := range found {
		out.Users = append(out.Users, u.shown())
	}
	return out, nil
}
