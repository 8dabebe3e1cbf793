package apigatewayv2

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	api "cloister/internal/awsapi/apigatewayv2"
	"cloister/internal/awsapi/platform"
	"cloister/internal/door"
	"cloister/internal/gate/event"
	"cloister/internal/gate/jwt"
	"cloister/internal/oidc"
	"cloister/internal/store"
	"cloister/policy"
)

// maxBody is how large a request's body is at most, in bytes
// (https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html).
const maxBody = 10 << 20

func itoa(n int) string { return strconv.Itoa(n) }

// traceID is a new trace, in X-Ray's form.
func traceID(c *door.Call) string {
	return fmt.Sprintf("Root=1-%08x-%s", c.Time.Unix(), strings.ReplaceAll(c.RequestID, "-", "")[:24])
}

// admitted is what an authoriser found out.
type admitted struct {
	context keys          // of the need
	policy  *policy.Named // of a function that authorises
}

// identify finds out who calls, as the route wants it, and reads the body.
func (s *Service) identify(c *door.Call, in *platform.InvokeAPIRequest) error {
	x := in.Exchange.(*exchange)
	x.sourceIP = c.SourceIP
	if x.problem != nil {
		return x.problem
	}
	c.Account = x.api.row.Account
	if x.turn == nil && !s.allowed(x) {
		return errThrottle
	}
	if x.preflight {
		return nil
	}
	if x.turn != nil {
		return s.identifyTurn(c, x)
	}
	switch x.route.kind {
	case api.AuthorizationTypeAwsIam:
		if err := s.readBody(x); err != nil {
			return err
		}
		if err := c.Signed(x.r, "execute-api", x.body); err != nil {
			return err
		}
		x.authorizer = &event.Authorizer{IAM: iamOf(c.Principal)}
		return nil
	case api.AuthorizationTypeJwt:
		if err := s.identifyToken(c, x); err != nil {
			return err
		}
	case api.AuthorizationTypeCustom:
		if err := s.identifyByFunction(c, x); err != nil {
			return err
		}
	}
	return s.readBody(x)
}

func iamOf(p *door.Principal) *event.IAM {
	return &event.IAM{AccessKey: p.AccessKeyID, AccountID: p.Account, CallerID: p.UserID, UserARN: p.ARN, UserID: p.UserID}
}

// readBody reads the body once.
func (s *Service) readBody(x *exchange) (err error) {
	if !x.read {
		x.read = true
		x.body, x.release, err = s.door.Body(x.w, x.r, maxBody)
	}
	return err
}

// identifyToken makes the caller whom a token says. That the token is no good is
// 401; what it is not good for, policies decide.
func (s *Service) identifyToken(c *door.Call, x *exchange) error {
	a := x.route.authorizer
	text, ok := x.source(c, a.IdentitySource[0])
	if !ok {
		return errUnknown
	}
	if scheme, rest, found := strings.Cut(text, " "); found && strings.EqualFold(scheme, "Bearer") {
		text = strings.TrimSpace(rest)
	}
	issuer := val(a.JwtConfiguration.Issuer)
	claims, err := s.Tokens.Verify(c, issuer, text, c.Time)
	if err != nil {
		if !jwt.Invalid(err) {
			slog.Warn("a token could not be verified", "issuer", issuer, "error", err)
		}
		return errUnknown
	}
	audience := audienceOf(claims)
	if !slices.ContainsFunc(audience, func(v string) bool { return slices.Contains(a.JwtConfiguration.Audience, v) }) {
		return errUnknown
	}
	scopes := scopesOf(claims)
	c.Principal = &door.Principal{
		Principal: policy.Principal{Kind: policy.PrincipalFederated, Provider: issuer, UserID: clip(claims.Subject)}, Name: clip(claims.Subject),
	}
	x.admitted.context = keys{audienceKey: audience}
	if len(scopes) > 0 {
		x.admitted.context[scopeKey] = scopes
	}
	told := &event.JWT{Claims: claims.Flat()}
	for _, scope := range x.route.scopes {
		if slices.Contains(scopes, scope) {
			told.Scopes = append(told.Scopes, scope)
		}
	}
	x.authorizer = &event.Authorizer{JWT: told}
	return nil
}

// audienceOf is whom a token is for; a token without says for which client it was
// issued.
func audienceOf(claims *oidc.Claims) []string {
	if len(claims.Audience) > 0 {
		return claims.Audience
	}
	client, _ := claims.Scalar("client_id")
	if client == "" {
		return nil
	}
	return []string{client}
}

// scopesOf are those of the claim scope, or of scp.
func scopesOf(claims *oidc.Claims) (scopes []string) {
	for _, name := range []string{"scope", "scp"} {
		values, _ := claims.Texts(name)
		for _, value := range values {
			scopes = append(scopes, strings.Fields(value)...)
		}
		if len(scopes) > 0 {
			return scopes
		}
	}
	return nil
}

// source is the value of an identity source, false if the request has none.
func (x *exchange) source(c *door.Call, expression string) (string, bool) {
	value := ""
	switch {
	case strings.HasPrefix(expression, "$request.header."):
		name := strings.TrimPrefix(expression, "$request.header.")
		if value = strings.Join(x.r.Header.Values(name), ","); strings.EqualFold(name, "host") {
			value = x.r.Host
		}
	case strings.HasPrefix(expression, "$request.querystring."):
		values, err := url.ParseQuery(x.r.URL.RawQuery)
		if err != nil {
			return "", false
		}
		value = strings.Join(values[strings.TrimPrefix(expression, "$request.querystring.")], ",")
	case strings.HasPrefix(expression, "$stageVariables."):
		value = x.stage.variables[strings.TrimPrefix(expression, "$stageVariables.")]
	case strings.HasPrefix(expression, "$context."):
		value = x.context(c.RequestID, c.SourceIP, strings.TrimPrefix(expression, "$context."))
	}
	return value, value != ""
}

// resolve is the permission to call the route. Whether the route still lets in
// whom it let in when the caller was identified is looked at in the same decision.
func (s *Service) resolve(c *door.Call, _ store.Reader, in *platform.InvokeAPIRequest) ([]door.Need, error) {
	x := in.Exchange.(*exchange)
	if x.preflight {
		return s.resolvePreflight(x)
	}
	if x.turn != nil {
		return s.resolveTurn(c, x)
	}
	need := door.Need{
		Action: invokeAction, Resource: x.api.row.executeARN(x.stage.name) + "/" + x.r.Method + x.path, Account: x.api.row.Account,
		ResourcePolicy: x.route.policy, Context: x.admitted.context,
	}
	if x.admitted.policy != nil {
		need.ResourcePolicy = x.admitted.policy
	}
	still, err := s.still(c, x)
	if err != nil {
		return nil, err
	}
	if !still {
		return nil, refusal(http.StatusServiceUnavailable, fmt.Errorf("the API has changed"))
	}
	return []door.Need{need}, nil
}

// still says whether the API is what it was when the route was found.
func (s *Service) still(c *door.Call, x *exchange) (bool, error) {
	now, err := s.memory.get(c, x.api.row.id())
	if err != nil || now == x.api || now == nil {
		return now != nil, err
	}
	st := now.stages[x.stage.name]
	if st == nil || val(now.row.API.DisableExecuteApiEndpoint) != val(x.api.row.API.DisableExecuteApiEndpoint) {
		return false, nil
	}
	for _, r := range st.routes {
		if r.text == x.route.text {
			return r.same(x.route), nil
		}
	}
	return false, nil
}

// same says whether two routes let in the same callers to the same place.
func (r *route) same(other *route) bool {
	return r.kind == other.kind && slices.Equal(r.scopes, other.scopes) && equal(r.authorizer, other.authorizer) && equal(r.integration, other.integration)
}

func (s *Service) resolvePreflight(x *exchange) ([]door.Need, error) {
	arn := x.api.row.executeARN(x.stage.name)
	p, err := resourcePolicy("CORS", []any{map[string]any{"Effect": "Allow", "Principal": "*", "Action": invokeAction, "Resource": arn + "/OPTIONS/*"}})
	return []door.Need{{Action: invokeAction, Resource: arn + "/OPTIONS" + x.path, Account: x.api.row.Account, ResourcePolicy: p}}, err
}

// handle does what the route is for.
func (s *Service) handle(c *door.Call, in *platform.InvokeAPIRequest) (*platform.InvokeAPIResponse, error) {
	x := in.Exchange.(*exchange)
	if x.preflight {
		a := &event.Answer{Status: http.StatusNoContent, Header: http.Header{}}
		x.stage.cors.Preflight(a.Header, x.r)
		return &platform.InvokeAPIResponse{Answer: a}, nil
	}
	if x.turn != nil {
		answer, err := s.handleTurn(c, x)
		return &platform.InvokeAPIResponse{Answer: answer}, err
	}
	if x.route.integration == nil {
		return nil, refusal(http.StatusInternalServerError, fmt.Errorf("the route has no integration"))
	}
	answer, err := s.integrate(c, x)
	if err != nil {
		return nil, err
	}
	return &platform.InvokeAPIResponse{Answer: answer}, nil
}
