package organizations

import (
	"slices"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/organizations"
	"cloister/internal/door"
	"cloister/internal/store"
)

// maxAttached is how many policies of each type a target can have.
const maxAttached = 5

func (s *Service) registerAttachments(d *door.Door) {
	door.Write(d, api.OpAttachPolicy, on("AttachPolicy",
		onPolicy(func(in *api.AttachPolicyRequest) *string { return in.PolicyId }),
		onTarget(func(in *api.AttachPolicyRequest) *string { return in.TargetId })), s.attachPolicy)
	door.Write(d, api.OpDetachPolicy, on("DetachPolicy",
		onPolicy(func(in *api.DetachPolicyRequest) *string { return in.PolicyId }),
		onTarget(func(in *api.DetachPolicyRequest) *string { return in.TargetId })), s.detachPolicy)
	door.Read(d, api.OpListPoliciesForTarget, on("ListPoliciesForTarget",
		onTarget(func(in *api.ListPoliciesForTargetRequest) *string { return in.TargetId }),
		ofType(func(in *api.ListPoliciesForTargetRequest) *string { return in.Filter })), s.listPoliciesForTarget)
	door.Read(d, api.OpListTargetsForPolicy, on("ListTargetsForPolicy",
		onPolicy(func(in *api.ListTargetsForPolicyRequest) *string { return in.PolicyId })), s.listTargetsForPolicy)
}

// attachPolicy has a policy bind the accounts of a target from now on
// (https://docs.aws.amazon.com/organizations/latest/APIReference/API_AttachPolicy.html).
func (s *Service) attachPolicy(c *door.Call, tx *store.Tx, in *api.AttachPolicyRequest) (*awsapi.None, error) {
	p, t, err := attachment(c, tx, in.PolicyId, in.TargetId)
	if err != nil {
		return nil, err
	}
	list := t.Policies[p.Type]
	switch {
	case slices.Contains(list, p.ID):
		return nil, errAttached
	case len(list) >= maxAttached:
		return nil, constraint("MAX_POLICY_TYPE_ATTACHMENT_LIMIT_EXCEEDED", "You have attached the maximum number of policies to the specified target.")
	}
	t.Policies[p.Type] = append(list, p.ID)
	return &awsapi.None{}, t.put(tx)
}

// detachPolicy has it bind them no more. Each target keeps a service control
// policy, as none would allow nothing
// (https://docs.aws.amazon.com/organizations/latest/APIReference/API_DetachPolicy.html).
func (s *Service) detachPolicy(c *door.Call, tx *store.Tx, in *api.DetachPolicyRequest) (*awsapi.None, error) {
	p, t, err := attachment(c, tx, in.PolicyId, in.TargetId)
	if err != nil {
		return nil, err
	}
	list := t.Policies[p.Type]
	switch {
	case !slices.Contains(list, p.ID):
		return nil, errNotAttached
	case p.ID == fullAccess[rcp].ID:
		return nil, invalid("NON_DETACHABLE_POLICY", "You can't detach this Amazon Web Services Managed Policy.")
	case len(list) == 1:
		return nil, constraint("MIN_POLICY_TYPE_ATTACHMENT_LIMIT_EXCEEDED", "You cannot remove the last policy attached to the specified target. You must have at least one attached at all times.")
	}
	t.Policies[p.Type] = slices.DeleteFunc(list, func(id string) bool { return id == p.ID })
	return &awsapi.None{}, t.put(tx)
}

// attachment finds what is to be attached or detached, and where.
func attachment(c *door.Call, r store.Reader, policyID, targetID *string) (*document, *target, error) {
	o, err := managed(c, r)
	if err != nil {
		return nil, nil, err
	}
	p, err := o.policy(r, val(policyID))
	if err != nil {
		return nil, nil, err
	}
	t, err := o.target(r, val(targetID), errNoTarget)
	if err == nil && !o.enabled(p.Type) {
		err = errTypeNotEnabled
	}
	return p, t, err
}

func (s *Service) listPoliciesForTarget(c *door.Call, r store.Reader, in *api.ListPoliciesForTargetRequest) (*api.ListPoliciesForTargetResponse, error) {
	o, err := managed(c, r)
	if err != nil {
		return nil, err
	}
	t, err := o.target(r, val(in.TargetId), errNoTarget)
	if err != nil {
		return nil, err
	}
	var attached []*document
	for _, id := range t.Policies[val(in.Filter)] {
		p, err := o.policy(r, id)
		if err != nil {
			return nil, corrupt(err, t.ID)
		}
		attached = append(attached, p)
	}
	slices.SortFunc(attached, func(a, b *document) int { return compare(a.Name, b.Name) })
	shown, next, err := page(attached, policyName, in.NextToken, in.MaxResults)
	return &api.ListPoliciesForTargetResponse{Policies: each(shown, o.summarise), NextToken: next}, err
}

func (s *Service) listTargetsForPolicy(c *door.Call, r store.Reader, in *api.ListTargetsForPolicyRequest) (*api.ListTargetsForPolicyResponse, error) {
	o, err := managed(c, r)
	if err != nil {
		return nil, err
	}
	p, err := o.policy(r, val(in.PolicyId))
	if err != nil {
		return nil, err
	}
	found, err := all(targets.ScanIndex(r, "policy", store.K(o.ID, p.ID), nil))
	if err != nil {
		return nil, err
	}
	slices.SortFunc(found, func(a, b *target) int { return compare(a.ID, b.ID) })
	shown, next, err := page(found, targetID, in.NextToken, in.MaxResults)
	if err != nil {
		return nil, err
	}
	out := &api.ListTargetsForPolicyResponse{NextToken: next, Targets: []*api.PolicyTargetSummary{}}
	for _, t := range shown {
		name, err := t.name(r)
		if err != nil {
			return nil, err
		}
		out.Targets = append(out.Targets, &api.PolicyTargetSummary{TargetId: &t.ID, Arn: str(o.at(t.ID)), Name: &name, Type: &t.Kind})
	}
	return out, nil
}

func (t *target) name(r store.Reader) (string, error) {
	if t.Kind != api.TargetTypeAccount {
		return t.Name, nil
	}
	a, err := accounts.Get(r, store.K(t.ID))
	if err != nil {
		return "", corrupt(err, t.ID)
	}
	return a.Name, nil
}
