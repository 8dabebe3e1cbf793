package iam

import (
	"strings"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/iam"
	"cloister/internal/door"
	"cloister/internal/guardrail"
	"cloister/internal/store"
)

// sessionSeconds is the longest session of a role that does not say.
const sessionSeconds = 3600

func (s *Service) registerRoles(d *door.Door) {
	door.Write(d, api.OpCreateRole, onNew("role", "iam:CreateRole", "iam:TagRole",
		func(in *api.CreateRoleRequest) *string { return in.RoleName },
		func(in *api.CreateRoleRequest) *string { return in.Path },
		func(in *api.CreateRoleRequest) []*api.Tag { return in.Tags },
		func(need *door.Need, in *api.CreateRoleRequest, _ *struct{}) {
			setBoundary(need, awsapi.Val(in.PermissionsBoundary))
		}), s.createRole)
	door.Read(d, api.OpGetRole, on(roleKind, "iam:GetRole",
		func(in *api.GetRoleRequest) *string { return in.RoleName }), s.getRole)
	door.Read(d, api.OpListRoles, everything[api.ListRolesRequest]("iam:ListRoles"), s.listRoles)
	door.Write(d, api.OpUpdateRole, on(roleKind, "iam:UpdateRole",
		func(in *api.UpdateRoleRequest) *string { return in.RoleName }), s.updateRole)
	door.Write(d, api.OpUpdateRoleDescription, on(roleKind, "iam:UpdateRoleDescription",
		func(in *api.UpdateRoleDescriptionRequest) *string { return in.RoleName }), s.updateRoleDescription)
	door.Write(d, api.OpUpdateAssumeRolePolicy, on(roleKind, "iam:UpdateAssumeRolePolicy",
		func(in *api.UpdateAssumeRolePolicyRequest) *string { return in.RoleName }), s.updateAssumeRolePolicy)
	door.Write(d, api.OpDeleteRole, on(roleKind, "iam:DeleteRole",
		func(in *api.DeleteRoleRequest) *string { return in.RoleName }), s.deleteRole)
}

func (s *Service) createRole(c *door.Call, tx *store.Tx, in *api.CreateRoleRequest) (*api.CreateRoleResponse, error) {
	if strings.HasPrefix(pathOf(in.Path), serviceLinkedPath) {
		return nil, invalidInput("Path prefix '%s' can only be used for AWS Service linked Roles", serviceLinkedPath)
	}
	tags, err := newTags(in.Tags)
	if err != nil {
		return nil, err
	}
	bound, err := s.bindTrust(tx, c.Account, awsapi.Val(in.AssumeRolePolicyDocument))
	if err != nil {
		return nil, err
	}
	r := &role{
		Entity: newEntity(c, in.Path, in.RoleName), Tags: tags,
		Boundary:    awsapi.Val(in.PermissionsBoundary),
		Trust:       awsapi.Val(in.AssumeRolePolicyDocument),
		Bound:       bound,
		Description: awsapi.Val(in.Description),
		MaxSession:  sessionSeconds,
	}
	if in.MaxSessionDuration != nil {
		r.MaxSession = *in.MaxSessionDuration
	}
	if err := checkBoundary(tx, r.Account, r.Boundary); err != nil {
		return nil, err
	}
	if err := roleKind.create(tx, r); err != nil {
		return nil, err
	}
	if err := s.guardTrust(c, tx, r); err != nil {
		return nil, err
	}
	return &api.CreateRoleResponse{Role: describeRole(r)}, nil
}

func (s *Service) getRole(c *door.Call, r store.Reader, in *api.GetRoleRequest) (*api.GetRoleResponse, error) {
	found, err := roleKind.find(r, c.Account, awsapi.Val(in.RoleName))
	if err != nil {
		return nil, err
	}
	shown := describeRole(found)
	shown.RoleLastUsed, err = s.roleLastUsed(r, found)
	return &api.GetRoleResponse{Role: shown}, err
}

// roleLastUsed is when a session of the role last asked for anything.
func (s *Service) roleLastUsed(r store.Reader, of *role) (*api.RoleLastUsed, error) {
	tried, err := s.attemptsOf(r, actor{of.Account, of.ID})
	var last attempt
	for _, done := range tried {
		if done.At.After(last.At) {
			last = done
		}
	}
	if err != nil || last.At.IsZero() {
		return &api.RoleLastUsed{}, err
	}
	return &api.RoleLastUsed{LastUsedDate: &last.At, Region: str(last.Region)}, nil
}

func (s *Service) listRoles(c *door.Call, r store.Reader, in *api.ListRolesRequest) (*api.ListRolesResponse, error) {
	all, err := roleKind.all(r, c.Account)
	if err != nil {
		return nil, err
	}
	p, err := paginate(under(roleKind, all, in.PathPrefix), roleKind.sortKey, in.Marker, in.MaxItems)
	return &api.ListRolesResponse{Roles: each(p.items, summariseRole), IsTruncated: p.truncated, Marker: p.marker}, err
}

// changeRole applies change to a role that exists.
func changeRole(c *door.Call, tx *store.Tx, name *string, change func(*role)) (*role, error) {
	r, err := roleKind.find(tx, c.Account, awsapi.Val(name))
	if err != nil {
		return nil, err
	}
	change(r)
	return r, roleKind.put(tx, r)
}

func (s *Service) updateRole(c *door.Call, tx *store.Tx, in *api.UpdateRoleRequest) (*api.UpdateRoleResponse, error) {
	r, err := changeRole(c, tx, in.RoleName, func(r *role) {
		r.Description = or(in.Description, r.Description)
		if in.MaxSessionDuration != nil {
			r.MaxSession = *in.MaxSessionDuration
		}
	})
	if err == nil && in.MaxSessionDuration != nil {
		err = unlinked(r)
	}
	return &api.UpdateRoleResponse{}, err
}

func (s *Service) updateRoleDescription(c *door.Call, tx *store.Tx, in *api.UpdateRoleDescriptionRequest) (*api.UpdateRoleDescriptionResponse, error) {
	r, err := changeRole(c, tx, in.RoleName, func(r *role) { r.Description = awsapi.Val(in.Description) })
	if err != nil {
		return nil, err
	}
	return &api.UpdateRoleDescriptionResponse{Role: describeRole(r)}, nil
}

func (s *Service) updateAssumeRolePolicy(c *door.Call, tx *store.Tx, in *api.UpdateAssumeRolePolicyRequest) (*awsapi.None, error) {
	bound, err := s.bindTrust(tx, c.Account, awsapi.Val(in.PolicyDocument))
	if err != nil {
		return nil, err
	}
	r, err := changeRole(c, tx, in.RoleName, func(r *role) { r.Trust, r.Bound = awsapi.Val(in.PolicyDocument), bound })
	if err != nil {
		return nil, err
	}
	if err := unlinked(r); err != nil {
		return nil, err
	}
	if err := s.guardTrust(c, tx, r); err != nil {
		return nil, err
	}
	return &awsapi.None{}, s.guardRole(c, tx, r)
}

func (s *Service) deleteRole(c *door.Call, tx *store.Tx, in *api.DeleteRoleRequest) (*awsapi.None, error) {
	r, err := roleKind.find(tx, c.Account, awsapi.Val(in.RoleName))
	if err != nil {
		return nil, err
	}
	if err := unlinked(r); err != nil {
		return nil, err
	}
	held, err := profilesOf(tx, r)
	if err != nil {
		return nil, err
	}
	if len(held) > 0 {
		return nil, deleteConflict("Cannot delete entity, must remove roles from instance profile first.")
	}
	if err := guardrail.RoleGone(tx, roleSubject(c, r)); err != nil {
		return nil, err
	}
	return &awsapi.None{}, roleKind.remove(tx, r, c.Time)
}

// summariseRole is a role as lists have it: without tags and boundary.
func summariseRole(r *role) *api.Role {
	return &api.Role{
		Path: str(r.Path), RoleName: str(r.Name), RoleId: str(r.ID), Arn: str(roleKind.arn(r)),
		CreateDate: &r.Created, AssumeRolePolicyDocument: escape(r.Trust),
		Description: optional(r.Description), MaxSessionDuration: &r.MaxSession,
	}
}

func describeRole(r *role) *api.Role {
	d := summariseRole(r)
	d.Tags, d.PermissionsBoundary, d.RoleLastUsed = shownTags(r.Tags), describeBoundary(r.Boundary), &api.RoleLastUsed{}
	return d
}
