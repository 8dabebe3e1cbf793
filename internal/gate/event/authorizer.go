package event

import (
	"encoding/json"
)

// AuthorizerV2 is what a Lambda authoriser is told in payload format 2.0.
func AuthorizerV2(r *Request, routeARN string, identity []string) ([]byte, error) {
	return json.Marshal(struct {
		Version  string   `json:"version"`
		Type     string   `json:"type"`
		RouteARN string   `json:"routeArn"`
		Identity []string `json:"identitySource"`
		RouteKey string   `json:"routeKey"`
		shared
		Context v2Context `json:"requestContext"`
	}{"2.0", "REQUEST", routeARN, identity, r.RouteKey, r.shared(), r.context2()})
}

// AuthorizerV1 is what a Lambda authoriser of an HTTP API is told in payload
// format 1.0. identity is all values with commas between.
func AuthorizerV1(r *Request, methodARN, identity string) ([]byte, error) {
	headers, _ := r.plainHeaders()
	query, _ := r.lastQuery()
	return json.Marshal(struct {
		Version    string            `json:"version"`
		Type       string            `json:"type"`
		MethodARN  string            `json:"methodArn"`
		Identity   string            `json:"identitySource"`
		Token      string            `json:"authorizationToken"`
		Resource   string            `json:"resource"`
		Path       string            `json:"path"`
		Method     string            `json:"httpMethod"`
		Headers    map[string]string `json:"headers"`
		Query      map[string]string `json:"queryStringParameters"`
		Parameters map[string]string `json:"pathParameters"`
		Variables  map[string]string `json:"stageVariables"`
		Context    v1Context         `json:"requestContext"`
	}{"1.0", "REQUEST", methodARN, identity, identity, resourceOf(r.RouteKey), r.Path, r.Method, headers, query, r.PathParameters, r.Variables, r.context1()})
}

// Verdict is what a Lambda authoriser answers: a policy about the one who calls,
// or, in the simple form, yes or no.
type Verdict struct {
	PrincipalID string
	Policy      json.RawMessage // nil for the simple form
	Allowed     bool            // of the simple form
	Context     map[string]any  // for the function
	UsageKey    string          // of REST APIs
}

// mostVerdict bounds what an authoriser answers.
const mostVerdict = 64 << 10

// ReadVerdict reads what an authoriser answers, in the simple form or as a
// policy. The error wraps ErrMalformed.
func ReadVerdict(payload []byte, simple bool) (*Verdict, error) {
	var a struct {
		Authorized  *bool           `json:"isAuthorized"`
		PrincipalID *string         `json:"principalId"`
		Policy      json.RawMessage `json:"policyDocument"`
		Context     map[string]any  `json:"context"`
		UsageKey    string          `json:"usageIdentifierKey"`
	}
	if len(payload) > mostVerdict || json.Unmarshal(payload, &a) != nil {
		return nil, ErrMalformed
	}
	if simple {
		if a.Authorized == nil {
			return nil, ErrMalformed
		}
		return &Verdict{Allowed: *a.Authorized, Context: a.Context}, nil
	}
	if a.PrincipalID == nil || *a.PrincipalID == "" || len(a.Policy) == 0 || a.Policy[0] != '{' {
		return nil, ErrMalformed
	}
	return &Verdict{PrincipalID: *a.PrincipalID, Policy: a.Policy, Context: a.Context, UsageKey: a.UsageKey}, nil
}
