package apigatewayv2

import (
	"encoding/json"
	"fmt"
	"strings"

	api "cloister/internal/awsapi/apigatewayv2"
	"cloister/internal/store"
	"cloister/policy"

	"cloister/internal/door"
)

const invokeAction = "execute-api:Invoke"

// The condition keys of a token: what it says of whom it is for and of what it is
// good for.
const (
	audienceKey = "jwt:aud"
	scopeKey    = "jwt:scope"
)

// admission is the policy of a route about whom it lets in: everybody, or the
// bearers of tokens of an issuer, for an audience and with one of the scopes.
// Routes that AWS_IAM or a function authorises have none of their own.
func admission(a *apiRow, stage string, r *route) (*policy.Named, error) {
	statement := map[string]any{"Effect": "Allow", "Action": invokeAction, "Resource": a.executeARN(stage) + "/*"}
	switch r.kind {
	case api.AuthorizationTypeNone:
		statement["Principal"] = "*"
	case api.AuthorizationTypeJwt:
		j := r.authorizer.JwtConfiguration
		conditions := map[string][]string{audienceKey: j.Audience}
		if len(r.scopes) > 0 {
			conditions[scopeKey] = r.scopes
		}
		statement["Principal"] = map[string]string{"Federated": val(j.Issuer)}
		statement["Condition"] = map[string]any{"ForAnyValue:StringEquals": conditions}
	default:
		return nil, nil
	}
	return resourcePolicy("route "+r.text, []any{statement})
}

func resourcePolicy(name string, statements []any) (*policy.Named, error) {
	text, err := json.Marshal(map[string]any{"Version": "2012-10-17", "Statement": statements})
	if err != nil {
		return nil, err
	}
	p, err := policy.Parse(policy.KindResource, text)
	if err != nil {
		return nil, fmt.Errorf("the policy of a route: %w", err)
	}
	return &policy.Named{Name: name, Policy: p}, nil
}

// describeRequest says of a request to a route whom the route lets in.
func (s *Service) describeRequest(r store.Reader, need *door.Need, arn []string) error {
	parts := strings.SplitN(arn[5], "/", 4)
	if len(parts) < 4 {
		return nil
	}
	a, err := load(r, parts[0])
	if err != nil || a == nil {
		return err
	}
	need.Account = a.row.Account
	st := a.stages[parts[1]]
	if st == nil {
		return nil
	}
	_, segments, ok := readPath("/" + parts[3])
	if !ok {
		return nil
	}
	if found, _ := match(st.routes, parts[2], segments); found != nil && found.policy != nil {
		need.ResourcePolicy = found.policy
	}
	return nil
}
