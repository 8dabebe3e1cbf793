package organizations

import (
	"errors"
	"slices"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/organizations"
	"cloister/internal/door"
	"cloister/internal/store"
)

// maxPolicies bounds the policies of each type in an organisation.
const maxPolicies = 1000

func (s *Service) registerPolicies(d *door.Door) {
	door.Write(d, api.OpCreatePolicy, on("CreatePolicy",
		ofType(func(in *api.CreatePolicyRequest) *string { return in.Type }),
		withTags(func(in *api.CreatePolicyRequest) []*api.Tag { return in.Tags })), s.createPolicy)
	door.Write(d, api.OpUpdatePolicy, on("UpdatePolicy",
		onPolicy(func(in *api.UpdatePolicyRequest) *string { return in.PolicyId })), s.updatePolicy)
	door.Read(d, api.OpDescribePolicy, on("DescribePolicy",
		onPolicy(func(in *api.DescribePolicyRequest) *string { return in.PolicyId })), s.describePolicy)
	door.Write(d, api.OpDeletePolicy, on("DeletePolicy",
		onPolicy(func(in *api.DeletePolicyRequest) *string { return in.PolicyId })), s.deletePolicy)
	door.Read(d, api.OpListPolicies, on("ListPolicies",
		ofType(func(in *api.ListPoliciesRequest) *string { return in.Filter })), s.listPolicies)
}

// policy finds a policy of the organisation, or one of AWS's.
func (o *organization) policy(r store.Reader, id string) (*document, error) {
	for _, p := range fullAccess {
		if p.ID == id {
			return p, nil
		}
	}
	p, err := documents.Get(r, store.K(o.ID, id))
	return orElse(p, err, errNoPolicy)
}

// ownPolicy is policy for changes: AWS's are nobody's to change.
func (o *organization) ownPolicy(r store.Reader, id string) (*document, error) {
	p, err := o.policy(r, id)
	if err == nil && p.Managed {
		return nil, invalid("IMMUTABLE_POLICY", "You specified a policy that is managed by AWS and can't be modified.")
	}
	return p, err
}

func (s *Service) createPolicy(c *door.Call, tx *store.Tx, in *api.CreatePolicyRequest) (*api.CreatePolicyResponse, error) {
	o, err := managed(c, tx)
	if err != nil {
		return nil, err
	}
	kind := val(in.Type)
	if !slices.Contains(o.available(), kind) {
		return nil, noSuchType(kind)
	}
	tags, err := newTags(nil, in.Tags)
	if err != nil {
		return nil, err
	}
	if err := checkContent(kind, val(in.Content)); err != nil {
		return nil, err
	}
	if err := o.roomForPolicy(tx, kind); err != nil {
		return nil, err
	}
	p := &document{Org: o.ID, ID: newID("p-", 8), Type: kind, Name: val(in.Name), Description: val(in.Description), Content: val(in.Content), Tags: tags}
	if err := o.freePolicyName(tx, p); err != nil {
		return nil, err
	}
	return &api.CreatePolicyResponse{Policy: o.describePolicy(p)}, documents.Insert(tx, store.K(o.ID, p.ID), p)
}

func (o *organization) roomForPolicy(r store.Reader, kind string) error {
	n := 0
	for item, err := range documents.Scan(r, store.K(o.ID), nil) {
		if err != nil {
			return err
		}
		if item.Value.Type == kind {
			n++
		}
	}
	if n >= maxPolicies {
		return constraint("POLICY_NUMBER_LIMIT_EXCEEDED", "You have exceeded the allowed number of policies: %d.", maxPolicies)
	}
	return nil
}

// freePolicyName refuses the name of another policy of the type.
func (o *organization) freePolicyName(r store.Reader, p *document) error {
	for _, aws := range fullAccess {
		if aws.Type == p.Type && aws.Name == p.Name {
			return errSamePolicy
		}
	}
	item, err := documents.Lookup(r, "name", store.K(o.ID, p.Type, p.Name))
	if errors.Is(err, store.ErrNotFound) || err == nil && item.Value.ID == p.ID {
		return nil
	}
	if err == nil {
		return errSamePolicy
	}
	return err
}

// updatePolicy changes what is given. What it says from then on binds wherever
// it is attached
// (https://docs.aws.amazon.com/organizations/latest/APIReference/API_UpdatePolicy.html).
func (s *Service) updatePolicy(c *door.Call, tx *store.Tx, in *api.UpdatePolicyRequest) (*api.UpdatePolicyResponse, error) {
	o, err := managed(c, tx)
	if err != nil {
		return nil, err
	}
	p, err := o.ownPolicy(tx, val(in.PolicyId))
	if err != nil {
		return nil, err
	}
	p.Name, p.Description, p.Content = or(in.Name, p.Name), or(in.Description, p.Description), or(in.Content, p.Content)
	if err := checkContent(p.Type, p.Content); err != nil {
		return nil, err
	}
	if err := o.freePolicyName(tx, p); err != nil {
		return nil, err
	}
	return &api.UpdatePolicyResponse{Policy: o.describePolicy(p)}, p.put(tx)
}

func (s *Service) describePolicy(c *door.Call, r store.Reader, in *api.DescribePolicyRequest) (*api.DescribePolicyResponse, error) {
	o, err := managed(c, r)
	if err != nil {
		return nil, err
	}
	p, err := o.policy(r, val(in.PolicyId))
	if err != nil {
		return nil, err
	}
	return &api.DescribePolicyResponse{Policy: o.describePolicy(p)}, nil
}

// policyName tells the policies of one type apart.
func policyName(p *document) string { return p.Name }

func (o *organization) describePolicy(p *document) *api.Policy {
	return &api.Policy{PolicySummary: o.summarise(p), Content: str(p.Content)}
}

func (o *organization) summarise(p *document) *api.PolicySummary {
	return &api.PolicySummary{
		Id: str(p.ID), Arn: str(o.policyAt(p)), Name: str(p.Name), Description: str(p.Description), Type: str(p.Type),
		AwsManaged: awsapi.Ptr(p.Managed),
	}
}

func (s *Service) deletePolicy(c *door.Call, tx *store.Tx, in *api.DeletePolicyRequest) (*awsapi.None, error) {
	o, err := managed(c, tx)
	if err != nil {
		return nil, err
	}
	p, err := o.ownPolicy(tx, val(in.PolicyId))
	if err != nil {
		return nil, err
	}
	for _, err := range targets.ScanIndex(tx, "policy", store.K(o.ID, p.ID), nil) {
		if err != nil {
			return nil, err
		}
		return nil, errInUse
	}
	return &awsapi.None{}, documents.Delete(tx, store.K(o.ID, p.ID))
}

func (s *Service) listPolicies(c *door.Call, r store.Reader, in *api.ListPoliciesRequest) (*api.ListPoliciesResponse, error) {
	o, err := managed(c, r)
	if err != nil {
		return nil, err
	}
	found, err := all(documents.Scan(r, store.K(o.ID), nil))
	if err != nil {
		return nil, err
	}
	found = slices.DeleteFunc(found, func(p *document) bool { return p.Type != val(in.Filter) })
	if p, ok := fullAccess[val(in.Filter)]; ok && slices.Contains(o.available(), p.Type) {
		found = append(found, p)
	}
	slices.SortFunc(found, func(a, b *document) int { return compare(a.Name, b.Name) })
	shown, next, err := page(found, policyName, in.NextToken, in.MaxResults)
	return &api.ListPoliciesResponse{Policies: each(shown, o.summarise), NextToken: next}, err
}
