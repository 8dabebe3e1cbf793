package accessanalyzer

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/accessanalyzer"
	"cloister/internal/door"
	"cloister/internal/guardrail"
	"cloister/internal/store"
	"cloister/policy"
	"cloister/policy/lint"
)

// parsed reads a policy that is asked about.
func parsed(kind policy.Kind, what, text string) (*policy.Policy, error) {
	if len(text) > lint.MaxSize {
		return nil, badPolicy("The %s has more than %d bytes.", what, lint.MaxSize)
	}
	p, err := policy.Parse(kind, []byte(text))
	if err != nil {
		return nil, badPolicy("The %s is not valid: %v. ValidatePolicy says more.", what, err)
	}
	return p, nil
}

func badPolicy(format string, args ...any) error {
	return awsapi.Errorf("InvalidParameterException", format, args...)
}

// undecided is the answer where a policy is beyond what can be decided.
func undecided(err error) error {
	if errors.Is(err, policy.ErrNotCompared) || errors.Is(err, guardrail.ErrNotDecided) {
		return awsapi.Errorf("UnprocessableEntityException", "The policy is too complex to be decided: check smaller parts of it.")
	}
	return err
}

// asked is the kind of a policy of an access check. A resource policy that only
// a role can have is a trust policy.
func asked(policyType, text string) policy.Kind {
	if kind := kinds[policyType]; kind != policy.KindResource || !trusts(text) {
		return kind
	}
	return policy.KindTrust
}

// Descriptions begin so, and end by naming the statement.
const (
	newAccess    = "New access in the statement with "
	listedAccess = "One or more of the listed actions or resources in the statement with "
	publicAccess = "Public access granted in the following statement with "
)

// reasons names statements, from 0.
func reasons(begin, text string, statements []int) []*api.ReasonSummary {
	root, err := policy.ReadJSON([]byte(text))
	if err != nil {
		return nil // it was parsed
	}
	all := root.Member("Statement").List()
	var out []*api.ReasonSummary
	for _, i := range statements {
		r := &api.ReasonSummary{StatementIndex: ptr(int64(i)), Description: ptr(fmt.Sprintf("%sindex: %d.", begin, i))}
		if sid := all[i].Member("Sid").Text; sid != "" {
			r.StatementId, r.Description = &sid, ptr(begin+"sid: "+sid+".")
		}
		out = append(out, r)
	}
	return out
}

func checkNoNewAccess(_ *door.Call, _ store.Reader, in *api.CheckNoNewAccessRequest) (*api.CheckNoNewAccessResponse, error) {
	text := val(in.NewPolicyDocument)
	kind := asked(val(in.PolicyType), text)
	existing, err := parsed(kind, "existing policy", val(in.ExistingPolicyDocument))
	if err != nil {
		return nil, err
	}
	updated, err := parsed(kind, "new policy", text)
	if err != nil {
		return nil, err
	}
	found, err := policy.Compare(existing, updated)
	if err != nil {
		return nil, undecided(err)
	}
	if !found.NewAccess {
		return &api.CheckNoNewAccessResponse{Result: ptr("PASS"), Message: ptr("The modified permissions do not grant new access compared to your existing policy.")}, nil
	}
	return &api.CheckNoNewAccessResponse{
		Result: ptr("FAIL"), Message: ptr("The modified permissions grant new access compared to your existing policy."),
		Reasons: reasons(newAccess, text, found.Statements),
	}, nil
}

// checkAccessNotGranted asks whether the policy loses something when what must
// not be granted is denied in it.
func checkAccessNotGranted(_ *door.Call, _ store.Reader, in *api.CheckAccessNotGrantedRequest) (*api.CheckAccessNotGrantedResponse, error) {
	text := val(in.PolicyDocument)
	kind := asked(val(in.PolicyType), text)
	p, err := parsed(kind, "policy", text)
	if err != nil {
		return nil, err
	}
	if len(in.Access) == 0 || len(in.Access[0].Actions)+len(in.Access[0].Resources) == 0 {
		return nil, invalid("access must name actions or resources.")
	}
	if kind == policy.KindTrust && len(in.Access[0].Resources) > 0 {
		return nil, badPolicy("A trust policy speaks of the role that has it: access must not name resources.")
	}
	less, err := policy.Parse(kind, denying(text, kind, in.Access[0]))
	if err != nil {
		return nil, badPolicy("The access is not valid: %v.", err)
	}
	found, err := policy.Compare(less, p)
	if err != nil {
		return nil, undecided(err)
	}
	if !found.NewAccess {
		return &api.CheckAccessNotGrantedResponse{Result: ptr("PASS"), Message: ptr("The policy document does not grant access to perform one or more of the listed actions or resources.")}, nil
	}
	return &api.CheckAccessNotGrantedResponse{
		Result: ptr("FAIL"), Message: ptr("The policy document grants access to perform one or more of the listed actions or resources."),
		Reasons: reasons(listedAccess, text, found.Statements),
	}, nil
}

// denying is a policy with one statement more, which denies an access.
func denying(text string, kind policy.Kind, access *api.Access) []byte {
	root, err := policy.ReadJSON([]byte(text))
	if err != nil {
		return nil // it was parsed
	}
	var statements []string
	for _, s := range root.Member("Statement").List() {
		statements = append(statements, text[s.At:s.End])
	}
	deny := `{"Effect":"Deny","Action":` + texts(access.Actions, `"*"`)
	switch kind {
	case policy.KindTrust:
		deny += `,"Principal":"*"`
	case policy.KindResource:
		deny += `,"Principal":"*","Resource":` + texts(access.Resources, `"*"`)
	default:
		deny += `,"Resource":` + texts(access.Resources, `"*"`)
	}
	version := "2008-10-17"
	if v := root.Member("Version").Text; v != "" {
		version = v
	}
	return []byte(`{"Version":"` + version + `","Statement":[` + strings.Join(append(statements, deny+"}"), ",") + `]}`)
}

// texts is a list of texts as JSON.
func texts(list []string, none string) string {
	if len(list) == 0 {
		return none
	}
	return string(mustJSON(list))
}

func checkNoPublicAccess(c *door.Call, _ store.Reader, in *api.CheckNoPublicAccessRequest) (*api.CheckNoPublicAccessResponse, error) {
	text := val(in.PolicyDocument)
	kind := policy.KindResource
	if val(in.ResourceType) == trustPolicy {
		kind = policy.KindTrust
	}
	p, err := parsed(kind, "policy", text)
	if err != nil {
		return nil, err
	}
	statements, err := guardrail.Public(p, c.Account, c.Time.Truncate(time.Second))
	if err != nil {
		return nil, undecided(err)
	}
	if len(statements) == 0 {
		return &api.CheckNoPublicAccessResponse{Result: ptr("PASS"), Message: ptr("The resource policy does not grant public access for the given resource type.")}, nil
	}
	return &api.CheckNoPublicAccessResponse{
		Result: ptr("FAIL"), Message: ptr("The resource policy grants public access for the given resource type."),
		Reasons: reasons(publicAccess, text, statements),
	}, nil
}
