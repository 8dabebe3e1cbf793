package iam

import (
	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/iam"
	"cloister/internal/door"
	"cloister/internal/store"
)

func (s *Service) registerGroups(d *door.Door) {
	door.Write(d, api.OpCreateGroup, onNew("group", "iam:CreateGroup", "",
		func(in *api.CreateGroupRequest) *string { return in.GroupName },
		func(in *api.CreateGroupRequest) *string { return in.Path },
		func(*api.CreateGroupRequest) []*api.Tag { return nil }), s.createGroup)
	door.Read(d, api.OpGetGroup, on(groupKind, "iam:GetGroup",
		func(in *api.GetGroupRequest) *string { return in.GroupName }), s.getGroup)
	door.Read(d, api.OpListGroups, everything[api.ListGroupsRequest]("iam:ListGroups"), s.listGroups)
	door.Write(d, api.OpUpdateGroup, onRename(groupKind, "iam:UpdateGroup",
		func(in *api.UpdateGroupRequest) (name, newPath, newName *string) {
			return in.GroupName, in.NewPath, in.NewGroupName
		}), s.updateGroup)
	door.Write(d, api.OpDeleteGroup, on(groupKind, "iam:DeleteGroup",
		func(in *api.DeleteGroupRequest) *string { return in.GroupName }), s.deleteGroup)
}

func (s *Service) createGroup(c *door.Call, tx *store.Tx, in *api.CreateGroupRequest) (*api.CreateGroupResponse, error) {
	g := &group{newEntity(c, in.Path, in.GroupName)}
	if err := groupKind.create(tx, g); err != nil {
		return nil, err
	}
	return &api.CreateGroupResponse{Group: describeGroup(g)}, nil
}

func (s *Service) getGroup(c *door.Call, r store.Reader, in *api.GetGroupRequest) (*api.GetGroupResponse, error) {
	g, err := groupKind.find(r, c.Account, awsapi.Val(in.GroupName))
	if err != nil {
		return nil, err
	}
	members, err := membersOf(r, g)
	if err != nil {
		return nil, err
	}
	p, err := paginate(members, userKind.sortKey, in.Marker, in.MaxItems)
	return &api.GetGroupResponse{
		Group: describeGroup(g), Users: each(p.items, summariseUser), IsTruncated: p.truncated, Marker: p.marker,
	}, err
}

func membersOf(r store.Reader, g *group) ([]*user, error) {
	return userKind.holding(r, "group", store.K(g.Account, g.ID))
}

func (s *Service) listGroups(c *door.Call, r store.Reader, in *api.ListGroupsRequest) (*api.ListGroupsResponse, error) {
	all, err := groupKind.all(r, c.Account)
	if err != nil {
		return nil, err
	}
	p, err := paginate(under(groupKind, all, in.PathPrefix), groupKind.sortKey, in.Marker, in.MaxItems)
	return &api.ListGroupsResponse{Groups: each(p.items, describeGroup), IsTruncated: p.truncated, Marker: p.marker}, err
}

func (s *Service) updateGroup(c *door.Call, tx *store.Tx, in *api.UpdateGroupRequest) (*awsapi.None, error) {
	return rename(c, tx, groupKind, in.GroupName, in.NewPath, in.NewGroupName)
}

func (s *Service) deleteGroup(c *door.Call, tx *store.Tx, in *api.DeleteGroupRequest) (*awsapi.None, error) {
	g, err := groupKind.find(tx, c.Account, awsapi.Val(in.GroupName))
	if err != nil {
		return nil, err
	}
	members, err := membersOf(tx, g)
	if err != nil {
		return nil, err
	}
	if len(members) > 0 {
		return nil, deleteConflict("Cannot delete entity, must remove users from group first.")
	}
	return &awsapi.None{}, groupKind.remove(tx, g, c.Time)
}

func describeGroup(g *group) *api.Group {
	return &api.Group{
		Path: str(g.Path), GroupName: str(g.Name), GroupId: str(g.ID),
		Arn: str(groupKind.arn(g)), CreateDate: &g.Created,
	}
}
