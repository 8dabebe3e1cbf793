package iam

import (
	"errors"
	"fmt"
	"sort"
	"strings"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/iam"
	"cloister/internal/door"
	"cloister/internal/guardrail"
	"cloister/internal/store"
	"cloister/policy"
)

const (
	policySize  = 6144 // characters of one version, without white space
	policyQuota = 1500 // managed policies of an account
)

func (s *Service) registerPolicies(d *door.Door) {
	door.Write(d, api.OpCreatePolicy, onNew("policy", "iam:CreatePolicy", "iam:TagPolicy",
		func(in *api.CreatePolicyRequest) *string { return in.PolicyName },
		func(in *api.CreatePolicyRequest) *string { return in.Path },
		func(in *api.CreatePolicyRequest) []*api.Tag { return in.Tags }), s.createPolicy)
	door.Read(d, api.OpGetPolicy, onPolicy("iam:GetPolicy",
		func(in *api.GetPolicyRequest) *string { return in.PolicyArn }), s.getPolicy)
	door.Read(d, api.OpListPolicies, everything[api.ListPoliciesRequest]("iam:ListPolicies"), s.listPolicies)
	door.Write(d, api.OpDeletePolicy, onPolicy("iam:DeletePolicy",
		func(in *api.DeletePolicyRequest) *string { return in.PolicyArn }), s.deletePolicy)
	door.Read(d, api.OpListEntitiesForPolicy, onPolicy("iam:ListEntitiesForPolicy",
		func(in *api.ListEntitiesForPolicyRequest) *string { return in.PolicyArn }), s.listEntitiesForPolicy)
}

func (p *managed) arn() string { return policyARN(p.Account, p.Path, p.Name) }

// text is the document of the default version, the one in force.
func (p *managed) text() string {
	if v := p.version(p.Default); v != nil {
		return v.Text
	}
	return ""
}

func (p *managed) version(number int64) *version {
	for i := range p.Versions {
		if p.Versions[i].Number == number {
			return &p.Versions[i]
		}
	}
	return nil
}

// findPolicy reads a managed policy of the account or of AWS. It gives
// NoSuchEntity, also for another account's.
func findPolicy(r store.Reader, account, arn string) (*managed, error) {
	if p, ok := awsManaged[arn]; ok {
		return p, nil
	}
	owner, ok := splitPolicyARN(arn)
	if !ok {
		return nil, validation("ARN %s is not valid.", arn)
	}
	if owner != account {
		return nil, noSuchEntity("Policy %s was not found.", arn)
	}
	p, err := policies.Get(r, store.K(account, arn))
	if errors.Is(err, store.ErrNotFound) {
		return nil, noSuchEntity("Policy %s was not found.", arn)
	}
	return p, err
}

// ownPolicy is findPolicy for changes: AWS's policies are not anybody's to
// change.
func ownPolicy(r store.Reader, account, arn string) (*managed, error) {
	p, err := findPolicy(r, account, arn)
	if err == nil && p.Account == awsAccount {
		return nil, accessDenied("Policy %s is managed by AWS and cannot be changed.", arn)
	}
	return p, err
}

func putPolicy(tx *store.Tx, p *managed) error {
	return policies.Put(tx, store.K(p.Account, p.arn()), p)
}

func (s *Service) createPolicy(c *door.Call, tx *store.Tx, in *api.CreatePolicyRequest) (*api.CreatePolicyResponse, error) {
	tags, err := newTags(in.Tags)
	if err != nil {
		return nil, err
	}
	document := awsapi.Val(in.PolicyDocument)
	parsed, err := s.checkManaged(document)
	if err != nil {
		return nil, err
	}
	created := second(c.Time)
	p := &managed{
		Account: c.Account, Path: pathOf(in.Path), Name: awsapi.Val(in.PolicyName), ID: newID("ANPA"),
		Description: awsapi.Val(in.Description), Created: created, Updated: created, Tags: tags,
		Versions: []version{{1, document, created}}, Default: 1, Last: 1,
	}
	if err := insertPolicy(tx, p); err != nil {
		return nil, err
	}
	if err := s.guardVersion(c, tx, p, 1, parsed); err != nil {
		return nil, err
	}
	answer := summarisePolicy(p, usage{})
	answer.Tags = shownTags(tags)
	return &api.CreatePolicyResponse{Policy: answer}, nil
}

// checkManaged checks the document of a version. Whether it is attached as a
// boundary or to an identity, its grammar is the same.
func (s *Service) checkManaged(document string) (*policy.Policy, error) {
	p, err := s.parse(policy.KindIdentity, document)
	if err == nil && size(document) > policySize {
		err = overQuota("PolicySize", policySize)
	}
	return p, err
}

func insertPolicy(tx *store.Tx, p *managed) error {
	_, err := policies.Lookup(tx, "name", store.K(p.Account, fold(p.Name)))
	if err == nil {
		return alreadyExists("A policy called %s already exists. Duplicate names are not allowed.", p.Name)
	}
	if !errors.Is(err, store.ErrNotFound) {
		return err
	}
	if err := adjust(tx, p.Account, func(c *counts) *int64 { return &c.Policies }, 1, "Policies", policyQuota); err != nil {
		return err
	}
	if err := countVersions(tx, p.Account, 1); err != nil {
		return err
	}
	return policies.Insert(tx, store.K(p.Account, p.arn()), p)
}

func (s *Service) getPolicy(c *door.Call, r store.Reader, in *api.GetPolicyRequest) (*api.GetPolicyResponse, error) {
	p, err := findPolicy(r, c.Account, awsapi.Val(in.PolicyArn))
	if err != nil {
		return nil, err
	}
	u, err := usageOf(r, c.Account, p.arn())
	if err != nil {
		return nil, err
	}
	answer := summarisePolicy(p, u)
	answer.Description, answer.Tags = optional(p.Description), shownTags(p.Tags)
	return &api.GetPolicyResponse{Policy: answer}, nil
}

func (s *Service) deletePolicy(c *door.Call, tx *store.Tx, in *api.DeletePolicyRequest) (*awsapi.None, error) {
	p, err := ownPolicy(tx, c.Account, awsapi.Val(in.PolicyArn))
	if err != nil {
		return nil, err
	}
	u, err := usageOf(tx, c.Account, p.arn())
	if err != nil {
		return nil, err
	}
	if u.attached+u.boundary > 0 {
		return nil, deleteConflict("Cannot delete a policy attached to entities.")
	}
	if len(p.Versions) > 1 {
		return nil, deleteConflict("This policy has more than one version. Before you delete a policy, you must delete the policy's versions. The default version is deleted with the policy.")
	}
	if err := adjust(tx, p.Account, func(c *counts) *int64 { return &c.Policies }, -1, "Policies", policyQuota); err != nil {
		return nil, err
	}
	if err := countVersions(tx, p.Account, -1); err != nil {
		return nil, err
	}
	if err := guardrail.Gone(tx, p.Account, p.arn(), "", c.Time); err != nil {
		return nil, err
	}
	return &awsapi.None{}, policies.Delete(tx, store.K(p.Account, p.arn()))
}

// listPolicies lists the account's policies and AWS's.
func (s *Service) listPolicies(c *door.Call, r store.Reader, in *api.ListPoliciesRequest) (*api.ListPoliciesResponse, error) {
	all, err := policiesIn(r, c.Account, awsapi.Val(in.Scope))
	if err != nil {
		return nil, err
	}
	used, err := usages(r, c.Account)
	if err != nil {
		return nil, err
	}
	all = keep(all, func(p *managed) bool {
		return strings.HasPrefix(p.Path, awsapi.Val(in.PathPrefix)) &&
			used[p.arn()].matches(awsapi.Val(in.OnlyAttached), awsapi.Val(in.PolicyUsageFilter))
	})
	page, err := paginate(all, policySortKey, in.Marker, in.MaxItems)
	return &api.ListPoliciesResponse{
		Policies:    each(page.items, func(p *managed) *api.Policy { return summarisePolicy(p, used[p.arn()]) }),
		IsTruncated: page.truncated, Marker: page.marker,
	}, err
}

// policySortKey orders by name; the account's own come before AWS's.
func policySortKey(p *managed) string {
	return fold(p.Name) + " " + p.arn()
}

func policiesIn(r store.Reader, account, scope string) ([]*managed, error) {
	var all []*managed
	if scope != api.PolicyScopeTypeLocal {
		for _, p := range awsManaged {
			all = append(all, p)
		}
	}
	if scope != api.PolicyScopeTypeAws {
		for item, err := range policies.Scan(r, store.K(account), nil) {
			if err != nil {
				return nil, err
			}
			all = append(all, item.Value)
		}
	}
	sort.Slice(all, func(i, j int) bool { return policySortKey(all[i]) < policySortKey(all[j]) })
	return all, nil
}

func summarisePolicy(p *managed, u usage) *api.Policy {
	return &api.Policy{
		PolicyName: str(p.Name), PolicyId: str(p.ID), Arn: str(p.arn()), Path: str(p.Path),
		DefaultVersionId: str(versionID(p.Default)), IsAttachable: awsapi.Ptr(true),
		AttachmentCount: &u.attached, PermissionsBoundaryUsageCount: &u.boundary,
		CreateDate: &p.Created, UpdateDate: &p.Updated,
	}
}

func versionID(n int64) string { return fmt.Sprintf("v%d", n) }
