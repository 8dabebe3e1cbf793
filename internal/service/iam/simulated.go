package iam

import (
	"strconv"
	"strings"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/iam"
	"cloister/policy"
)

// page decides the combinations of actions and resources that the caller asks
// for: those alone, so that what an answer costs is bounded by its length.
func (sim *simulation) page(in *api.SimulatePrincipalPolicyRequest) (*api.SimulatePolicyResponse, error) {
	resources := in.ResourceArns
	if len(resources) == 0 {
		resources = []string{"*"}
	}
	first, err := position(in.Marker)
	if err != nil {
		return nil, err
	}
	size := pageSize
	if in.MaxItems != nil {
		size = int(*in.MaxItems)
	}
	total := len(in.ActionNames) * len(resources)
	last := min(total, first+size)
	out := &api.SimulatePolicyResponse{EvaluationResults: []*api.EvaluationResult{}, IsTruncated: awsapi.Ptr(last < total)}
	for i := first; i < last; i++ {
		out.EvaluationResults = append(out.EvaluationResults, sim.decide(in.ActionNames[i/len(resources)], resources[i%len(resources)]))
	}
	if last < total {
		out.Marker = str(formatMarker(strconv.Itoa(last)))
	}
	return out, nil
}

// position is where a page begins.
func position(marker *string) (int, error) {
	if marker == nil {
		return 0, nil
	}
	text, err := parseMarker(*marker)
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseUint(text, 10, 31)
	if err != nil {
		return 0, validation("Invalid Marker")
	}
	return int(n), nil
}

// decide simulates one action on one resource.
func (sim *simulation) decide(action, resource string) *api.EvaluationResult {
	req := sim.request(action, resource)
	result := &api.EvaluationResult{
		EvalActionName: &action, EvalResourceName: &resource,
		EvalDecision:         str(decisionType(policy.Evaluate(&sim.policies, req))),
		MatchedStatements:    sim.matched(req),
		MissingContextValues: []string{},
	}
	steps := policy.Steps(&sim.policies, req)
	if sim.policies.Organization != nil {
		result.OrganizationsDecisionDetail = &api.OrganizationsDecisionDetail{AllowedByOrganizations: awsapi.Ptr(layerAllows(steps, policy.LayerOrganization))}
	}
	if sim.policies.Boundary != nil {
		result.PermissionsBoundaryDecisionDetail = &api.PermissionsBoundaryDecisionDetail{AllowedByPermissionsBoundary: awsapi.Ptr(layerAllows(steps, policy.LayerBoundary))}
	}
	if req.ResourceAccount != req.Principal.Account {
		result.EvalDecisionDetails = map[string]string{
			"user":     layerDecision(steps, policy.LayerIdentity),
			"resource": layerDecision(steps, policy.LayerResource),
		}
	}
	sim.specify(result)
	return result
}

// specify says under which of its two places AWS reports what is of a resource.
func (sim *simulation) specify(result *api.EvaluationResult) {
	if *result.EvalResourceName == "*" {
		result.MissingContextValues = sim.missing()
		return
	}
	result.ResourceSpecificResults = []*api.ResourceSpecificResult{{
		EvalResourceName: result.EvalResourceName, EvalResourceDecision: result.EvalDecision,
		MatchedStatements: result.MatchedStatements, MissingContextValues: sim.missing(),
		EvalDecisionDetails: result.EvalDecisionDetails, PermissionsBoundaryDecisionDetail: result.PermissionsBoundaryDecisionDetail,
	}}
}

func (sim *simulation) request(action, resource string) *policy.Request {
	owner := sim.owner
	if parts := strings.SplitN(resource, ":", 6); len(parts) == 6 && parts[4] != "" && parts[4] != "*" {
		owner = parts[4]
	}
	return &policy.Request{Principal: sim.principal, Action: action, Resource: resource, ResourceAccount: owner, Context: sim.context}
}

func decisionType(d policy.Decision) string {
	switch {
	case d.Allowed:
		return "allowed"
	case d.Reason.Explicit():
		return "explicitDeny"
	}
	return "implicitDeny"
}

// layerAllows says whether every step of a layer allows.
func layerAllows(steps []policy.Step, layer string) bool {
	return layerDecision(steps, layer) == "allowed"
}

func layerDecision(steps []policy.Step, layer string) string {
	decision := "implicitDeny"
	for _, step := range steps {
		switch {
		case step.Layer != layer:
		case step.Outcome == "explicit deny":
			return "explicitDeny"
		case step.Outcome != "allow":
			return "implicitDeny"
		default:
			decision = "allowed"
		}
	}
	return decision
}

// matched lists the statements that determine the result. As AWS counts them,
// a position is behind the brace that it is about.
func (sim *simulation) matched(req *policy.Request) []*api.Statement {
	found := []*api.Statement{}
	for _, m := range policy.Deciding(&sim.policies, req) {
		source := sim.origin[m.Policy]
		if source == "" {
			source = "none"
		}
		found = append(found, &api.Statement{
			SourcePolicyId: str(m.Policy.Name), SourcePolicyType: &source,
			StartPosition: shownPosition(m.Start.Line, m.Start.Column+1), EndPosition: shownPosition(m.End.Line, m.End.Column),
		})
	}
	return found
}

func shownPosition(line, column int) *api.Position {
	return &api.Position{Line: awsapi.Ptr(int64(line)), Column: awsapi.Ptr(int64(column))}
}

// missing lists the condition keys that the policies ask for and nobody gave.
func (sim *simulation) missing() []string {
	missing := []string{}
	for _, key := range sim.keys() {
		if _, ok := sim.context[strings.ToLower(key)]; !ok {
			missing = append(missing, key)
		}
	}
	return missing
}

// keys lists the condition keys that the policies ask for, each once.
func (sim *simulation) keys() []string {
	keys, seen := []string{}, map[string]bool{}
	for _, p := range sim.all() {
		for _, key := range p.Policy.ContextKeys() {
			if lower := strings.ToLower(key); !seen[lower] {
				seen[lower] = true
				keys = append(keys, key)
			}
		}
	}
	return keys
}

func (sim *simulation) all() []sourced {
	all := append([]sourced(nil), sim.identity...)
	if sim.boundary != nil {
		all = append(all, *sim.boundary)
	}
	if sim.resource != nil {
		all = append(all, *sim.resource)
	}
	return all
}
