package iam

import (
	"slices"
	"sort"
	"strings"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/iam"
	"cloister/internal/door"
	"cloister/internal/store"
)

// policiesPerEntity is how many managed policies a user, group or role may
// have.
const policiesPerEntity = 10

func (s *Service) registerAttachments(d *door.Door) {
	s.registerUserAttachments(d)
	s.registerGroupAttachments(d)
	s.registerRoleAttachments(d)
}

func (s *Service) registerUserAttachments(d *door.Door) {
	door.Write(d, api.OpAttachUserPolicy, on(userKind, "iam:AttachUserPolicy",
		func(in *api.AttachUserPolicyRequest) *string { return in.UserName },
		attaching[api.AttachUserPolicyRequest, user](func(in *api.AttachUserPolicyRequest) *string { return in.PolicyArn }),
		boundaryInForce[api.AttachUserPolicyRequest](userKind)),
		func(c *door.Call, tx *store.Tx, in *api.AttachUserPolicyRequest) (*awsapi.None, error) {
			return attach(c, tx, userKind, in.UserName, in.PolicyArn)
		})
	door.Write(d, api.OpDetachUserPolicy, on(userKind, "iam:DetachUserPolicy",
		func(in *api.DetachUserPolicyRequest) *string { return in.UserName },
		attaching[api.DetachUserPolicyRequest, user](func(in *api.DetachUserPolicyRequest) *string { return in.PolicyArn }),
		boundaryInForce[api.DetachUserPolicyRequest](userKind)),
		func(c *door.Call, tx *store.Tx, in *api.DetachUserPolicyRequest) (*awsapi.None, error) {
			return detach(c, tx, userKind, in.UserName, in.PolicyArn)
		})
	door.Read(d, api.OpListAttachedUserPolicies, on(userKind, "iam:ListAttachedUserPolicies",
		func(in *api.ListAttachedUserPoliciesRequest) *string { return in.UserName }),
		func(c *door.Call, r store.Reader, in *api.ListAttachedUserPoliciesRequest) (*api.ListAttachedUserPoliciesResponse, error) {
			p, err := listAttached(c, r, userKind, in.UserName, in.PathPrefix, in.Marker, in.MaxItems)
			return &api.ListAttachedUserPoliciesResponse{AttachedPolicies: p.items, IsTruncated: p.truncated, Marker: p.marker}, err
		})
}

func (s *Service) registerGroupAttachments(d *door.Door) {
	door.Write(d, api.OpAttachGroupPolicy, on(groupKind, "iam:AttachGroupPolicy",
		func(in *api.AttachGroupPolicyRequest) *string { return in.GroupName },
		attaching[api.AttachGroupPolicyRequest, group](func(in *api.AttachGroupPolicyRequest) *string { return in.PolicyArn })),
		func(c *door.Call, tx *store.Tx, in *api.AttachGroupPolicyRequest) (*awsapi.None, error) {
			return attach(c, tx, groupKind, in.GroupName, in.PolicyArn)
		})
	door.Write(d, api.OpDetachGroupPolicy, on(groupKind, "iam:DetachGroupPolicy",
		func(in *api.DetachGroupPolicyRequest) *string { return in.GroupName },
		attaching[api.DetachGroupPolicyRequest, group](func(in *api.DetachGroupPolicyRequest) *string { return in.PolicyArn })),
		func(c *door.Call, tx *store.Tx, in *api.DetachGroupPolicyRequest) (*awsapi.None, error) {
			return detach(c, tx, groupKind, in.GroupName, in.PolicyArn)
		})
	door.Read(d, api.OpListAttachedGroupPolicies, on(groupKind, "iam:ListAttachedGroupPolicies",
		func(in *api.ListAttachedGroupPoliciesRequest) *string { return in.GroupName }),
		func(c *door.Call, r store.Reader, in *api.ListAttachedGroupPoliciesRequest) (*api.ListAttachedGroupPoliciesResponse, error) {
			p, err := listAttached(c, r, groupKind, in.GroupName, in.PathPrefix, in.Marker, in.MaxItems)
			return &api.ListAttachedGroupPoliciesResponse{AttachedPolicies: p.items, IsTruncated: p.truncated, Marker: p.marker}, err
		})
}

func (s *Service) registerRoleAttachments(d *door.Door) {
	door.Write(d, api.OpAttachRolePolicy, on(roleKind, "iam:AttachRolePolicy",
		func(in *api.AttachRolePolicyRequest) *string { return in.RoleName },
		attaching[api.AttachRolePolicyRequest, role](func(in *api.AttachRolePolicyRequest) *string { return in.PolicyArn }),
		boundaryInForce[api.AttachRolePolicyRequest](roleKind)),
		func(c *door.Call, tx *store.Tx, in *api.AttachRolePolicyRequest) (*awsapi.None, error) {
			if _, err := attach(c, tx, roleKind, in.RoleName, in.PolicyArn); err != nil {
				return nil, err
			}
			return s.guardAttached(c, tx, in.RoleName, in.PolicyArn)
		})
	door.Write(d, api.OpDetachRolePolicy, on(roleKind, "iam:DetachRolePolicy",
		func(in *api.DetachRolePolicyRequest) *string { return in.RoleName },
		attaching[api.DetachRolePolicyRequest, role](func(in *api.DetachRolePolicyRequest) *string { return in.PolicyArn }),
		boundaryInForce[api.DetachRolePolicyRequest](roleKind)),
		func(c *door.Call, tx *store.Tx, in *api.DetachRolePolicyRequest) (*awsapi.None, error) {
			if _, err := detach(c, tx, roleKind, in.RoleName, in.PolicyArn); err != nil {
				return nil, err
			}
			return s.guardAttached(c, tx, in.RoleName, in.PolicyArn)
		})
	door.Read(d, api.OpListAttachedRolePolicies, on(roleKind, "iam:ListAttachedRolePolicies",
		func(in *api.ListAttachedRolePoliciesRequest) *string { return in.RoleName }),
		func(c *door.Call, r store.Reader, in *api.ListAttachedRolePoliciesRequest) (*api.ListAttachedRolePoliciesResponse, error) {
			p, err := listAttached(c, r, roleKind, in.RoleName, in.PathPrefix, in.Marker, in.MaxItems)
			return &api.ListAttachedRolePoliciesResponse{AttachedPolicies: p.items, IsTruncated: p.truncated, Marker: p.marker}, err
		})
}

// attach attaches a managed policy; attaching it again changes nothing.
func attach[T any](c *door.Call, tx *store.Tx, k *kind[T], name, policyArn *string) (*awsapi.None, error) {
	v, err := k.change(tx, c.Account, name)
	if err != nil {
		return nil, err
	}
	p, err := findPolicy(tx, c.Account, awsapi.Val(policyArn))
	if absent(err) {
		return nil, noSuchEntity("Policy %s does not exist or is not attachable.", awsapi.Val(policyArn))
	}
	if err != nil {
		return nil, err
	}
	e := k.entity(v)
	if slices.Contains(e.Attached, p.arn()) {
		return &awsapi.None{}, nil
	}
	if len(e.Attached) >= policiesPerEntity {
		return nil, overQuota("PoliciesPer"+k.title, policiesPerEntity)
	}
	e.Attached = append(e.Attached, p.arn())
	return &awsapi.None{}, k.put(tx, v)
}

func detach[T any](c *door.Call, tx *store.Tx, k *kind[T], name, policyArn *string) (*awsapi.None, error) {
	v, err := k.change(tx, c.Account, name)
	if err != nil {
		return nil, err
	}
	e := k.entity(v)
	i := slices.Index(e.Attached, awsapi.Val(policyArn))
	if i < 0 {
		return nil, noSuchEntity("Policy %s was not found.", awsapi.Val(policyArn))
	}
	e.Attached = slices.Delete(e.Attached, i, i+1)
	return &awsapi.None{}, k.put(tx, v)
}

// listAttached lists the managed policies of an entity by name.
func listAttached[T any](c *door.Call, r store.Reader, k *kind[T], name, prefix, marker *string, maxItems *int64) (page[*api.AttachedPolicy], error) {
	v, err := k.find(r, c.Account, awsapi.Val(name))
	if err != nil {
		return page[*api.AttachedPolicy]{}, err
	}
	var all []*managed
	for _, arn := range k.entity(v).Attached {
		p, err := findPolicy(r, c.Account, arn)
		if err != nil {
			return page[*api.AttachedPolicy]{}, err
		}
		if strings.HasPrefix(p.Path, awsapi.Val(prefix)) {
			all = append(all, p)
		}
	}
	sort.Slice(all, func(i, j int) bool { return policySortKey(all[i]) < policySortKey(all[j]) })
	p, err := paginate(all, policySortKey, marker, maxItems)
	return page[*api.AttachedPolicy]{each(p.items, describeAttached), p.truncated, p.marker}, err
}

func describeAttached(p *managed) *api.AttachedPolicy {
	return &api.AttachedPolicy{PolicyName: str(p.Name), PolicyArn: str(p.arn())}
}
