package iam

import (
	"slices"
	"sort"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/iam"
	"cloister/internal/door"
	"cloister/internal/store"
)

func (s *Service) registerAuthorizationDetails(d *door.Door) {
	door.Read(d, api.OpGetAccountAuthorizationDetails,
		everything[api.GetAccountAuthorizationDetailsRequest]("iam:GetAccountAuthorizationDetails"), s.getAccountAuthorizationDetails)
}

// entry is one user, group, role or policy of the account's authorisation
// details: its place in the list, and how it is told in full.
type entry struct {
	key  string
	tell func(*api.GetAccountAuthorizationDetailsResponse) error
}

// getAccountAuthorizationDetails tells who is in the account and what each may
// do. Users, groups, roles and policies are one list, in this order, and are
// paged as one; of AWS's policies there are those in use
// (https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetAccountAuthorizationDetails.html).
func (s *Service) getAccountAuthorizationDetails(c *door.Call, r store.Reader, in *api.GetAccountAuthorizationDetailsRequest) (*api.GetAccountAuthorizationDetailsResponse, error) {
	all, err := s.entriesOf(r, c.Account, in.Filter)
	if err != nil {
		return nil, err
	}
	sort.Slice(all, func(i, j int) bool { return all[i].key < all[j].key })
	p, err := paginate(all, func(e entry) string { return e.key }, in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	out := &api.GetAccountAuthorizationDetailsResponse{IsTruncated: p.truncated, Marker: p.marker}
	for _, e := range p.items {
		if err := e.tell(out); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// entriesOf lists what the filter names; no filter names all.
func (s *Service) entriesOf(r store.Reader, account string, filter []string) ([]entry, error) {
	wants := func(what string) bool { return len(filter) == 0 || slices.Contains(filter, what) }
	var all []entry
	for _, list := range []struct {
		of   string
		read func() ([]entry, error)
	}{
		{api.EntityTypeUser, func() ([]entry, error) { return entriesIn(r, userKind, account, "1", tellUser) }},
		{api.EntityTypeGroup, func() ([]entry, error) { return entriesIn(r, groupKind, account, "2", tellGroup) }},
		{api.EntityTypeRole, func() ([]entry, error) { return entriesIn(r, roleKind, account, "3", s.tellRole) }},
	} {
		if !wants(list.of) {
			continue
		}
		found, err := list.read()
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	found, err := policyEntries(r, account, wants)
	return append(all, found...), err
}

func entriesIn[T any](r store.Reader, k *kind[T], account, rank string, tell func(store.Reader, *T, *api.GetAccountAuthorizationDetailsResponse) error) ([]entry, error) {
	found, err := k.all(r, account)
	return each(found, func(v *T) entry {
		return entry{rank + " " + k.sortKey(v), func(out *api.GetAccountAuthorizationDetailsResponse) error { return tell(r, v, out) }}
	}), err
}

func policyEntries(r store.Reader, account string, wants func(string) bool) ([]entry, error) {
	used, err := usages(r, account)
	if err != nil {
		return nil, err
	}
	found, err := policiesIn(r, account, api.PolicyScopeTypeAll)
	if err != nil {
		return nil, err
	}
	found = keep(found, func(p *managed) bool {
		if p.Account == awsAccount {
			return wants(api.EntityTypeAWSManagedPolicy) && used[p.arn()] != usage{}
		}
		return wants(api.EntityTypeLocalManagedPolicy)
	})
	return each(found, func(p *managed) entry {
		return entry{"4 " + fold(p.Name) + " " + p.Account, func(out *api.GetAccountAuthorizationDetailsResponse) error {
			out.Policies = append(out.Policies, tellPolicy(p, used[p.arn()]))
			return nil
		}}
	}), nil
}

func tellUser(r store.Reader, u *user, out *api.GetAccountAuthorizationDetailsResponse) error {
	names := []string{}
	for _, id := range u.Groups {
		g, err := groupKind.get(r, u.Account, id)
		if err != nil {
			return broken(err)
		}
		names = append(names, g.Name)
	}
	attached, err := attachedTo(r, &u.Entity)
	out.UserDetailList = append(out.UserDetailList, &api.UserDetail{
		Path: str(u.Path), UserName: str(u.Name), UserId: str(u.ID), Arn: str(userKind.arn(u)), CreateDate: &u.Created,
		UserPolicyList: tellInline(u.Inline), GroupList: names, AttachedManagedPolicies: attached,
		PermissionsBoundary: describeBoundary(u.Boundary), Tags: wireTags(u.Tags),
	})
	return err
}

func tellGroup(r store.Reader, g *group, out *api.GetAccountAuthorizationDetailsResponse) error {
	attached, err := attachedTo(r, &g.Entity)
	out.GroupDetailList = append(out.GroupDetailList, &api.GroupDetail{
		Path: str(g.Path), GroupName: str(g.Name), GroupId: str(g.ID), Arn: str(groupKind.arn(g)), CreateDate: &g.Created,
		GroupPolicyList: tellInline(g.Inline), AttachedManagedPolicies: attached,
	})
	return err
}

func (s *Service) tellRole(r store.Reader, held *role, out *api.GetAccountAuthorizationDetailsResponse) error {
	attached, err := attachedTo(r, &held.Entity)
	if err != nil {
		return err
	}
	in, err := profilesOf(r, held)
	if err != nil {
		return err
	}
	profiles, err := summariseProfiles(r, in)
	if err != nil {
		return err
	}
	used, err := s.roleLastUsed(r, held)
	out.RoleDetailList = append(out.RoleDetailList, &api.RoleDetail{
		Path: str(held.Path), RoleName: str(held.Name), RoleId: str(held.ID), Arn: str(roleKind.arn(held)), CreateDate: &held.Created,
		AssumeRolePolicyDocument: escape(held.Trust), InstanceProfileList: profiles,
		RolePolicyList: tellInline(held.Inline), AttachedManagedPolicies: attached,
		PermissionsBoundary: describeBoundary(held.Boundary), Tags: wireTags(held.Tags), RoleLastUsed: used,
	})
	return err
}

func tellPolicy(p *managed, u usage) *api.ManagedPolicyDetail {
	versions := []*api.PolicyVersion{}
	for i := range p.Versions {
		versions = append(versions, describeVersion(p, &p.Versions[i]))
	}
	return &api.ManagedPolicyDetail{
		PolicyName: str(p.Name), PolicyId: str(p.ID), Arn: str(p.arn()), Path: str(p.Path),
		DefaultVersionId: str(versionID(p.Default)), IsAttachable: awsapi.Ptr(true), Description: optional(p.Description),
		AttachmentCount: &u.attached, PermissionsBoundaryUsageCount: &u.boundary,
		CreateDate: &p.Created, UpdateDate: &p.Updated, PolicyVersionList: versions,
	}
}

func tellInline(docs []Document) []*api.PolicyDetail {
	return each(docs, func(d Document) *api.PolicyDetail {
		return &api.PolicyDetail{PolicyName: str(d.Name), PolicyDocument: escape(d.Text)}
	})
}

func attachedTo(r store.Reader, e *Entity) ([]*api.AttachedPolicy, error) {
	attached := []*api.AttachedPolicy{}
	for _, arn := range e.Attached {
		p, err := findPolicy(r, e.Account, arn)
		if err != nil {
			return nil, broken(err)
		}
		attached = append(attached, describeAttached(p))
	}
	return attached, nil
}
