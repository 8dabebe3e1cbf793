package accessanalyzer

import (
	"strconv"
	"strings"

	api "cloister/internal/awsapi/accessanalyzer"
	"cloister/internal/door"
	"cloister/internal/store"
	"cloister/policy"
	"cloister/policy/lint"
)

// trustPolicy is the resource type of a role's trust policy.
const trustPolicy = "AWS::IAM::AssumeRolePolicyDocument"

var kinds = map[string]policy.Kind{
	"IDENTITY_POLICY":         policy.KindIdentity,
	"RESOURCE_POLICY":         policy.KindResource,
	"SERVICE_CONTROL_POLICY":  policy.KindOrganization,
	"RESOURCE_CONTROL_POLICY": policy.KindResourceOrganization,
}

func validatePolicy(_ *door.Call, _ store.Reader, in *api.ValidatePolicyRequest) (*api.ValidatePolicyResponse, error) {
	text := val(in.PolicyDocument)
	if len(text) > lint.MaxSize {
		return nil, invalid("The policy has more than %d bytes.", lint.MaxSize)
	}
	if in.ValidatePolicyResourceType != nil && val(in.PolicyType) != "RESOURCE_POLICY" {
		return nil, invalid("validatePolicyResourceType is for the policy type RESOURCE_POLICY.")
	}
	kind := kinds[val(in.PolicyType)]
	if kind == policy.KindResource && (val(in.ValidatePolicyResourceType) == trustPolicy || in.ValidatePolicyResourceType == nil && trusts(text)) {
		kind = policy.KindTrust
	}
	all := lint.Check(kind, []byte(text))
	from, err := startOf(in.NextToken, len(all))
	if err != nil {
		return nil, err
	}
	most, err := pageSize(in.MaxResults)
	if err != nil {
		return nil, err
	}
	out := &api.ValidatePolicyResponse{Findings: []*api.ValidatePolicyFinding{}}
	for i := from; i < len(all) && i < from+most; i++ {
		out.Findings = append(out.Findings, shownLint(&all[i]))
	}
	if next := from + most; next < len(all) {
		out.NextToken = ptr(strconv.Itoa(next))
	}
	return out, nil
}

// trusts says whether a resource policy of which nobody says for what resource
// it is can only be a role's: it has actions of STS alone, and no resource.
func trusts(text string) bool {
	root, err := policy.ReadJSON([]byte(text))
	if err != nil {
		return false
	}
	body := root.Member("Statement")
	for _, s := range body.List() {
		if s.Member("Resource").Kind != 0 || s.Member("NotResource").Kind != 0 {
			return false
		}
		for _, action := range s.Member("Action").List() {
			if !strings.HasPrefix(strings.ToLower(action.Text), "sts:") {
				return false
			}
		}
	}
	return body.Kind != 0
}

// startOf reads a token of ValidatePolicy: the findings are the same each time.
func startOf(token *string, size int) (int, error) {
	if token == nil {
		return 0, nil
	}
	from, err := strconv.Atoi(*token)
	if err != nil || from < 0 || from >= max(size, 1) {
		return 0, badToken()
	}
	return from, nil
}

func shownLint(f *lint.Finding) *api.ValidatePolicyFinding {
	out := &api.ValidatePolicyFinding{
		FindingDetails: &f.Message, FindingType: ptr(string(f.Type)), IssueCode: &f.Code, LearnMoreLink: &f.LearnMore,
	}
	for _, l := range f.Locations {
		shown := &api.Location{Path: []*api.PathElement{}, Span: &api.Span{Start: shownPosition(l.Span.Start), End: shownPosition(l.Span.End)}}
		for _, e := range l.Path {
			shown.Path = append(shown.Path, shownElement(e))
		}
		out.Locations = append(out.Locations, shown)
	}
	return out
}

func shownElement(e lint.Element) *api.PathElement {
	switch {
	case e.Index >= 0:
		return &api.PathElement{Index: ptr(int64(e.Index))}
	case e.Key != "":
		return &api.PathElement{Key: &e.Key}
	}
	return &api.PathElement{Value: &e.Value}
}

func shownPosition(p lint.Position) *api.Position {
	return &api.Position{Line: ptr(int64(p.Line)), Column: ptr(int64(p.Column)), Offset: ptr(int64(p.Offset))}
}
