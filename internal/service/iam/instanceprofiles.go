package iam

import (
	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/iam"
	"cloister/internal/door"
	"cloister/internal/store"
)

// rolesPerProfile is how many roles an instance profile may hold
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html).
const rolesPerProfile = 1

func (s *Service) registerInstanceProfiles(d *door.Door) {
	door.Write(d, api.OpCreateInstanceProfile, onNew("instance-profile", "iam:CreateInstanceProfile", "iam:TagInstanceProfile",
		func(in *api.CreateInstanceProfileRequest) *string { return in.InstanceProfileName },
		func(in *api.CreateInstanceProfileRequest) *string { return in.Path },
		func(in *api.CreateInstanceProfileRequest) []*api.Tag { return in.Tags }), s.createInstanceProfile)
	door.Read(d, api.OpGetInstanceProfile, on(profileKind, "iam:GetInstanceProfile",
		func(in *api.GetInstanceProfileRequest) *string { return in.InstanceProfileName }), s.getInstanceProfile)
	door.Read(d, api.OpListInstanceProfiles, permission(
		func(c *door.Call, _ store.Reader, in *api.ListInstanceProfilesRequest) ([]door.Need, error) {
			return []door.Need{{
				Action:   "iam:ListInstanceProfiles",
				Resource: arn(c.Account, profileKind.noun, pathOf(in.PathPrefix), ""),
			}}, nil
		}), s.listInstanceProfiles)
	door.Write(d, api.OpDeleteInstanceProfile, on(profileKind, "iam:DeleteInstanceProfile",
		func(in *api.DeleteInstanceProfileRequest) *string { return in.InstanceProfileName }), s.deleteInstanceProfile)
	door.Write(d, api.OpAddRoleToInstanceProfile, permission(needAddRole), s.addRoleToInstanceProfile)
	door.Write(d, api.OpRemoveRoleFromInstanceProfile, on(profileKind, "iam:RemoveRoleFromInstanceProfile",
		func(in *api.RemoveRoleFromInstanceProfileRequest) *string { return in.InstanceProfileName }), s.removeRoleFromInstanceProfile)
	door.Read(d, api.OpListInstanceProfilesForRole, on(roleKind, "iam:ListInstanceProfilesForRole",
		func(in *api.ListInstanceProfilesForRoleRequest) *string { return in.RoleName }), s.listInstanceProfilesForRole)
}

// needAddRole needs the action on the profile, and to pass the role to EC2
// (https://docs.aws.amazon.com/IAM/latest/APIReference/API_AddRoleToInstanceProfile.html).
func needAddRole(c *door.Call, r store.Reader, in *api.AddRoleToInstanceProfileRequest) ([]door.Need, error) {
	add, _, err := profileKind.need(c, r, "iam:AddRoleToInstanceProfile", awsapi.Val(in.InstanceProfileName))
	if err != nil {
		return nil, err
	}
	pass, _, err := roleKind.need(c, r, "iam:PassRole", awsapi.Val(in.RoleName))
	if err != nil {
		return nil, err
	}
	pass.Context["iam:passedtoservice"] = []string{"ec2.amazonaws.com"}
	return []door.Need{add, pass}, nil
}

func (s *Service) createInstanceProfile(c *door.Call, tx *store.Tx, in *api.CreateInstanceProfileRequest) (*api.CreateInstanceProfileResponse, error) {
	tags, err := newTags(in.Tags)
	if err != nil {
		return nil, err
	}
	p := &instanceProfile{Entity: newEntity(c, in.Path, in.InstanceProfileName), Tags: tags}
	if err := profileKind.create(tx, p); err != nil {
		return nil, err
	}
	d, err := describeProfile(tx, p)
	return &api.CreateInstanceProfileResponse{InstanceProfile: d}, err
}

func (s *Service) getInstanceProfile(c *door.Call, r store.Reader, in *api.GetInstanceProfileRequest) (*api.GetInstanceProfileResponse, error) {
	p, err := profileKind.find(r, c.Account, awsapi.Val(in.InstanceProfileName))
	if err != nil {
		return nil, err
	}
	d, err := describeProfile(r, p)
	return &api.GetInstanceProfileResponse{InstanceProfile: d}, err
}

func (s *Service) listInstanceProfiles(c *door.Call, r store.Reader, in *api.ListInstanceProfilesRequest) (*api.ListInstanceProfilesResponse, error) {
	all, err := profileKind.all(r, c.Account)
	if err != nil {
		return nil, err
	}
	p, err := paginate(under(profileKind, all, in.PathPrefix), profileKind.sortKey, in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	shown, err := summariseProfiles(r, p.items)
	return &api.ListInstanceProfilesResponse{InstanceProfiles: shown, IsTruncated: p.truncated, Marker: p.marker}, err
}

func (s *Service) deleteInstanceProfile(c *door.Call, tx *store.Tx, in *api.DeleteInstanceProfileRequest) (*awsapi.None, error) {
	p, err := profileKind.find(tx, c.Account, awsapi.Val(in.InstanceProfileName))
	if err != nil {
		return nil, err
	}
	if p.RoleID != "" {
		return nil, deleteConflict("Cannot delete entity, must remove roles from instance profile first.")
	}
	return &awsapi.None{}, profileKind.remove(tx, p, c.Time)
}

func (s *Service) addRoleToInstanceProfile(c *door.Call, tx *store.Tx, in *api.AddRoleToInstanceProfileRequest) (*awsapi.None, error) {
	p, r, err := profileAndRole(c, tx, in.InstanceProfileName, in.RoleName)
	if err != nil {
		return nil, err
	}
	if err := unlinked(r); err != nil {
		return nil, err
	}
	if p.RoleID != "" {
		return nil, limitExceeded("Cannot exceed quota for InstanceSessionsPerInstanceProfile: %d", rolesPerProfile)
	}
	p.RoleID = r.ID
	return &awsapi.None{}, profileKind.put(tx, p)
}

func (s *Service) removeRoleFromInstanceProfile(c *door.Call, tx *store.Tx, in *api.RemoveRoleFromInstanceProfileRequest) (*awsapi.None, error) {
	p, r, err := profileAndRole(c, tx, in.InstanceProfileName, in.RoleName)
	if err != nil {
		return nil, err
	}
	if p.RoleID != r.ID {
		return nil, noSuchEntity("Role %s is not in instance profile %s.", r.Name, p.Name)
	}
	p.RoleID = ""
	return &awsapi.None{}, profileKind.put(tx, p)
}

func profileAndRole(c *door.Call, r store.Reader, profileName, roleName *string) (*instanceProfile, *role, error) {
	p, err := profileKind.find(r, c.Account, awsapi.Val(profileName))
	if err != nil {
		return nil, nil, err
	}
	held, err := roleKind.find(r, c.Account, awsapi.Val(roleName))
	return p, held, err
}

func (s *Service) listInstanceProfilesForRole(c *door.Call, r store.Reader, in *api.ListInstanceProfilesForRoleRequest) (*api.ListInstanceProfilesForRoleResponse, error) {
	held, err := roleKind.find(r, c.Account, awsapi.Val(in.RoleName))
	if err != nil {
		return nil, err
	}
	all, err := profilesOf(r, held)
	if err != nil {
		return nil, err
	}
	p, err := paginate(all, profileKind.sortKey, in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	shown, err := summariseProfiles(r, p.items)
	return &api.ListInstanceProfilesForRoleResponse{InstanceProfiles: shown, IsTruncated: p.truncated, Marker: p.marker}, err
}

// profilesOf reads the instance profiles that hold a role, sorted by name.
func profilesOf(r store.Reader, held *role) ([]*instanceProfile, error) {
	return profileKind.holding(r, "role", store.K(held.Account, held.ID))
}

func summariseProfiles(r store.Reader, profiles []*instanceProfile) ([]*api.InstanceProfile, error) {
	shown := []*api.InstanceProfile{}
	for _, p := range profiles {
		d, err := summariseProfile(r, p)
		if err != nil {
			return nil, err
		}
		shown = append(shown, d)
	}
	return shown, nil
}

// summariseProfile is an instance profile as lists have it: without tags.
func summariseProfile(r store.Reader, p *instanceProfile) (*api.InstanceProfile, error) {
	d := &api.InstanceProfile{
		Path: str(p.Path), InstanceProfileName: str(p.Name), InstanceProfileId: str(p.ID),
		Arn: str(profileKind.arn(p)), CreateDate: &p.Created, Roles: []*api.Role{},
	}
	if p.RoleID == "" {
		return d, nil
	}
	held, err := roleKind.get(r, p.Account, p.RoleID)
	if err != nil {
		return nil, broken(err)
	}
	d.Roles = append(d.Roles, summariseRole(held))
	return d, nil
}

func describeProfile(r store.Reader, p *instanceProfile) (*api.InstanceProfile, error) {
	d, err := summariseProfile(r, p)
	if err != nil {
		return nil, err
	}
	d.Tags = shownTags(p.Tags)
	return d, nil
}
