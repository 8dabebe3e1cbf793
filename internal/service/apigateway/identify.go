package apigateway

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"time"

	api "cloister/internal/awsapi/apigateway"
	"cloister/internal/awsapi/platform"
	"cloister/internal/door"
	"cloister/internal/gate/event"
	"cloister/internal/gate/jwt"
	"cloister/internal/gate/ttl"
	"cloister/internal/oidc"
	"cloister/internal/store"
	"cloister/policy"
)

// maxBody is how large a request's body is at most (AWS's quota).
const maxBody = 10 << 20

const invokeAction = "execute-api:Invoke"

// scopeKey is the condition key of what a token is good for.
const scopeKey = "jwt:scope"

// admitted is what an authoriser found out.
type admitted struct {
	context policy.MapContext
	policy  *policy.Named // of a function that authorises
	usage   string        // the API key that it names
}

// identify finds out who calls, as the method wants it, and reads the body.
func (s *Service) identify(c *door.Call, in *platform.InvokeRESTAPIRequest) error {
	x := in.Exchange.(*exchange)
	if x.api != nil {
		c.Account = x.api.row.Account
	}
	if x.problem != nil {
		return x.problem.wire()
	}
	if !s.allowed(x) {
		return x.refuse("THROTTLED", nil)
	}
	switch val(x.method.method.AuthorizationType) {
	case kindIAM:
		if err := s.readBody(x); err != nil {
			return err
		}
		if err := c.Signed(x.r, "execute-api", x.body); err != nil {
			return err
		}
		p := c.Principal
		x.iam = &event.IAM{AccessKey: p.AccessKeyID, AccountID: p.Account, CallerID: p.UserID, UserARN: p.ARN, UserID: p.UserID}
		return nil
	case kindCognito:
		if err := s.identifyToken(c, x); err != nil {
			return err
		}
	case kindCustom:
		if err := s.identifyByFunction(c, x); err != nil {
			return err
		}
	}
	return s.readBody(x)
}

// readBody reads the body once.
func (s *Service) readBody(x *exchange) (err error) {
	if !x.read {
		x.read = true
		x.body, x.release, err = s.door.Body(x.w, x.r, maxBody)
	}
	return err
}

// source is the value of an identity source, false if the request has none.
func (x *exchange) source(c *door.Call, expression string) (string, bool) {
	value := ""
	switch {
	case strings.HasPrefix(expression, "method.request.header."):
		name := strings.TrimPrefix(expression, "method.request.header.")
		if value = strings.Join(x.r.Header.Values(name), ","); strings.EqualFold(name, "host") {
			value = x.r.Host
		}
	case strings.HasPrefix(expression, "method.request.querystring."):
		values, err := url.ParseQuery(x.r.URL.RawQuery)
		if err != nil {
			return "", false
		}
		value = strings.Join(values[strings.TrimPrefix(expression, "method.request.querystring.")], ",")
	case strings.HasPrefix(expression, "stageVariables."):
		value = x.stage.variables[strings.TrimPrefix(expression, "stageVariables.")]
	case strings.HasPrefix(expression, "context."):
		value = s2(x.contextValue(c, strings.TrimPrefix(expression, "context.")))
	}
	return value, value != ""
}

// issuerOf is the issuer of a pool's tokens.
func issuerOf(arn string) string {
	m := poolARN.FindStringSubmatch(arn)
	return "https://cognito-idp." + m[1] + ".amazonaws.com/" + m[3]
}

// identifyToken makes the caller whom a token of a user pool says. That the token is
// no good is 401; what it is not good for, policies decide.
func (s *Service) identifyToken(c *door.Call, x *exchange) error {
	text, ok := x.source(c, val(x.method.authorizer.IdentitySource))
	if !ok {
		return x.refuse("UNAUTHORIZED", nil)
	}
	if scheme, rest, found := strings.Cut(text, " "); found && strings.EqualFold(scheme, "Bearer") {
		text = strings.TrimSpace(rest)
	}
	for _, arn := range x.method.authorizer.ProviderARNs {
		issuer := issuerOf(arn)
		claims, err := s.Tokens.Verify(c, issuer, text, c.Time)
		if errors.Is(err, jwt.ErrIssuer) {
			continue
		}
		if err != nil {
			if !jwt.Invalid(err) {
				slog.Warn("a token could not be verified", "issuer", issuer, "error", err)
			}
			return x.refuse("UNAUTHORIZED", nil)
		}
		return x.bearer(c, issuer, claims)
	}
	return x.refuse("UNAUTHORIZED", nil)
}

// bearer makes the bearer of a token the caller. Methods with scopes take access
// tokens, others ID tokens.
func (x *exchange) bearer(c *door.Call, issuer string, claims *oidc.Claims) error {
	scopes := x.method.method.AuthorizationScopes
	want := "id"
	if len(scopes) > 0 {
		want = "access"
	}
	if use, _ := claims.Scalar("token_use"); use != want {
		return x.refuse("UNAUTHORIZED", nil)
	}
	c.Principal = &door.Principal{
		Principal: policy.Principal{Kind: policy.PrincipalFederated, Provider: issuer, UserID: clip(claims.Subject)}, Name: clip(claims.Subject),
	}
	if has, _ := claims.Scalar("scope"); has != "" {
		x.admitted.context = policy.MapContext{scopeKey: strings.Fields(has)}
	}
	x.authorizer = map[string]any{"claims": claims.Flat()}
	return nil
}

// verdicts remembers what functions said of callers.
type verdicts struct {
	kept *ttl.Memory[verdictKey, *judged]
}

// verdictKey says for whom: the identity is a hash of all its sources.
type verdictKey struct {
	api, stage, authorizer string
	identity               [sha256.Size]byte
}

// judged is a verdict with its policy read.
type judged struct {
	verdict *event.Verdict
	policy  *policy.Named
}

func newVerdicts() *verdicts { return &verdicts{ttl.New[verdictKey, *judged](10_000)} }

func (v *verdicts) forgetAPI(id string) {
	v.kept.Forget(func(k verdictKey) bool { return k.api == id })
}

func (v *verdicts) forgetStage(id, stage string) {
	v.kept.Forget(func(k verdictKey) bool { return k.api == id && k.stage == stage })
}

// authorizerTime is how long a function has to decide.
const authorizerTime = 10 * time.Second

// identifyByFunction has a function say who calls and what that one may.
func (s *Service) identifyByFunction(c *door.Call, x *exchange) error {
	a := x.method.authorizer
	identity, err := x.identity(c, a)
	if err != nil {
		return err
	}
	text, err := json.Marshal(identity)
	if err != nil {
		return err
	}
	key := verdictKey{x.api.row.id(), x.stage.name, val(a.Id), sha256.Sum256(text)}
	keep := time.Duration(val(a.AuthorizerResultTtlInSeconds)) * time.Second
	found, ok := s.verdicts.kept.Get(key, c.Time)
	if !ok || keep == 0 {
		before := s.memory.generation.Load()
		if found, err = s.judge(c, x, identity); err != nil {
			return err
		}
		if keep > 0 && s.memory.generation.Load() == before {
			s.verdicts.kept.Put(key, found, c.Time.Add(keep))
		}
	}
	c.Principal = &door.Principal{Principal: policy.Principal{
		Kind: policy.PrincipalFederated, Provider: x.api.row.arn("/authorizers/" + val(a.Id)), UserID: clip(found.verdict.PrincipalID),
	}, Name: clip(found.verdict.PrincipalID)}
	x.admitted.policy, x.admitted.usage = found.policy, found.verdict.UsageKey
	x.authorizer = maps.Clone(found.verdict.Context)
	if x.authorizer == nil {
		x.authorizer = map[string]any{}
	}
	x.authorizer["principalId"] = found.verdict.PrincipalID
	return nil
}

// identity are the values of an authoriser's identity sources. A request without one
// of them is nobody's.
func (x *exchange) identity(c *door.Call, a *api.Authorizer) ([]string, error) {
	var identity []string
	for _, expression := range strings.Split(val(a.IdentitySource), ",") {
		if expression = strings.TrimSpace(expression); expression == "" {
			continue
		}
		value, ok := x.source(c, expression)
		if !ok {
			return nil, x.refuse("UNAUTHORIZED", nil)
		}
		identity = append(identity, value)
	}
	if a.IdentityValidationExpression != nil && len(identity) == 1 {
		re, err := selection(*a.IdentityValidationExpression)
		if err != nil || !re.MatchString(identity[0]) {
			return nil, x.refuse("UNAUTHORIZED", nil)
		}
	}
	return identity, nil
}

// judge asks the function.
func (s *Service) judge(c *door.Call, x *exchange, identity []string) (*judged, error) {
	a := x.method.authorizer
	arn := x.api.row.executeARN("/" + x.stage.name + "/" + x.r.Method + x.path)
	var payload []byte
	var err error
	if val(a.Type) == "TOKEN" {
		payload, err = event.RESTToken(arn, identity[0])
	} else {
		r, rest := s.request(c, x)
		rest.Authorizer = nil
		payload, err = event.RESTRequest(r, rest, arn)
	}
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(c, authorizerTime)
	defer cancel()
	answer, err := s.invoke(ctx, x, val(a.AuthorizerUri), x.api.row.executeARN("/authorizers/"+val(a.Id)), payload, false)
	if errors.Is(err, errFunction) && answer != nil && saysUnauthorized(answer) {
		return nil, x.refuse("UNAUTHORIZED", nil)
	}
	if err != nil {
		slog.Warn("a Lambda authorizer gave no verdict", "api", x.api.row.id(), "error", err)
		return nil, x.refuse("AUTHORIZER_FAILURE", err)
	}
	verdict, err := event.ReadVerdict(answer, false)
	if err != nil {
		return nil, x.refuse("AUTHORIZER_CONFIGURATION_ERROR", err)
	}
	for name, value := range verdict.Context {
		switch value.(type) {
		case string, bool, float64, nil:
		default:
			return nil, x.refuse("AUTHORIZER_CONFIGURATION_ERROR", fmt.Errorf("the authorizer's context has %q, which is no text, number or boolean", name))
		}
	}
	p, err := verdictPolicy(verdict, "authorizer "+val(a.Name))
	if err != nil {
		return nil, x.refuse("AUTHORIZER_CONFIGURATION_ERROR", err)
	}
	return &judged{verdict, p}, nil
}

// saysUnauthorized says whether a function failed with the word by which it refuses.
func saysUnauthorized(payload []byte) bool {
	var failed struct {
		Message string `json:"errorMessage"`
	}
	return json.Unmarshal(payload, &failed) == nil && failed.Message == "Unauthorized"
}

// verdictPolicy is the policy that a function wrote of the one who calls, as one of
// the method: its own form, which has no principals, is checked first.
func verdictPolicy(v *event.Verdict, name string) (*policy.Named, error) {
	if _, err := policy.Parse(policy.KindIdentity, v.Policy); err != nil {
		return nil, err
	}
	var document map[string]any
	if err := json.Unmarshal(v.Policy, &document); err != nil {
		return nil, err
	}
	statements, several := document["Statement"].([]any)
	if !several {
		statements = []any{document["Statement"]}
	}
	for _, statement := range statements {
		statement, ok := statement.(map[string]any)
		if !ok {
			return nil, errors.New("a statement is no object")
		}
		statement["Principal"] = "*"
	}
	document["Statement"] = statements
	return resourcePolicy(name, document)
}

func resourcePolicy(name string, document map[string]any) (*policy.Named, error) {
	text, err := json.Marshal(document)
	if err != nil {
		return nil, err
	}
	p, err := policy.Parse(policy.KindResource, text)
	if err != nil {
		return nil, err
	}
	return &policy.Named{Name: name, Policy: p}, nil
}

// admission is the policy of a method about whom it lets in: everybody, or the bearers
// of tokens of its pools, with one of its scopes. Methods that AWS_IAM or a function
// authorises have none of their own, and of open ones the API's policy decides alone
// where it has one.
func admission(a *apiRow, st *stage, m *method) (*policy.Named, error) {
	statement := map[string]any{"Effect": "Allow", "Action": invokeAction, "Resource": a.executeARN("/" + st.name + "/*")}
	switch val(m.method.AuthorizationType) {
	case kindNone:
		if st.policy != nil {
			return nil, nil
		}
		statement["Principal"] = "*"
	case kindCognito:
		if m.authorizer == nil {
			return nil, errors.New("the method's authorizer is missing")
		}
		var issuers []string
		for _, arn := range m.authorizer.ProviderARNs {
			issuers = append(issuers, issuerOf(arn))
		}
		statement["Principal"] = map[string]any{"Federated": issuers}
		if len(m.method.AuthorizationScopes) > 0 {
			statement["Condition"] = map[string]any{"ForAnyValue:StringEquals": map[string]any{scopeKey: m.method.AuthorizationScopes}}
		}
	default:
		return nil, nil
	}
	return resourcePolicy("method "+m.name, map[string]any{"Version": "2012-10-17", "Statement": []any{statement}})
}

// resolve is the permission to call the method: what lets callers in, and beside it
// the API's resource policy. Whether the API is still what it was when the method was
// found is looked at in the same decision.
func (s *Service) resolve(c *door.Call, _ store.Reader, in *platform.InvokeRESTAPIRequest) ([]door.Need, error) {
	x := in.Exchange.(*exchange)
	still, err := s.still(c, x)
	if err != nil {
		return nil, err
	}
	if !still {
		x.problem = &refused{kind: "DEFAULT_5XX", status: http.StatusServiceUnavailable, message: "Service Unavailable", cause: errors.New("the API has changed")}
		return nil, x.problem.wire()
	}
	return needsOf(x.api.row, x.stage, x.method, x.r.Method+x.path, &x.admitted), nil
}

func needsOf(a *apiRow, st *stage, m *method, rest string, who *admitted) []door.Need {
	need := door.Need{
		Action: invokeAction, Resource: a.executeARN("/" + st.name + "/" + rest), Account: a.Account, Context: who.context,
	}
	switch kind := val(m.method.AuthorizationType); {
	case kind == kindIAM, kind == kindNone && st.policy != nil:
		need.ResourcePolicy = st.policy
		return []door.Need{need}
	case kind == kindCustom:
		need.ResourcePolicy = who.policy
	default:
		need.ResourcePolicy = m.policy
	}
	if st.policy == nil {
		return []door.Need{need}
	}
	whole := need
	whole.ResourcePolicy = st.policy
	return []door.Need{need, whole}
}

// still says whether the API serves what it did when the method was found.
func (s *Service) still(c *door.Call, x *exchange) (bool, error) {
	now, err := s.memory.get(c, x.api.row.id())
	if err != nil || now == x.api || now == nil {
		return now != nil, err
	}
	st := now.stages[x.stage.name]
	return st != nil && st.deployment == x.stage.deployment && maps.Equal(st.variables, x.stage.variables) &&
		val(now.row.API.DisableExecuteApiEndpoint) == val(x.api.row.API.DisableExecuteApiEndpoint), nil
}

// Describe adds to a need on an API what the API itself says, for explanations: its
// tags, and of a request to a method whom the method lets in.
func (s *Service) Describe(r store.Reader, need *door.Need) error {
	parts := strings.SplitN(need.Resource, ":", 6)
	if len(parts) < 6 {
		return nil
	}
	if parts[2] == "apigateway" {
		tags, err := tagsAt(r, need.Account, parts[3], parts[5])
		if need.Context == nil {
			need.Context = policy.MapContext{}
		}
		for key, value := range tags {
			need.Context["aws:resourcetag/"+strings.ToLower(key)] = []string{value}
		}
		return err
	}
	path := strings.SplitN(parts[5], "/", 4)
	if parts[2] != "execute-api" || len(path) < 4 {
		return nil
	}
	a, err := load(r, path[0])
	if err != nil || a == nil || a.stages[path[1]] == nil {
		return err
	}
	need.Account = a.row.Account
	st := a.stages[path[1]]
	segments, ok := readPath("/" + path[3])
	if !ok {
		return nil
	}
	found, _ := match(st.resources, segments)
	if found == nil {
		return nil
	}
	m := found.methods[path[2]]
	if m == nil {
		m = found.methods["ANY"]
	}
	if m != nil {
		for _, n := range needsOf(a.row, st, m, path[2]+"/"+path[3], &admitted{}) {
			if n.ResourcePolicy != nil {
				need.ResourcePolicy = n.ResourcePolicy
			}
		}
	}
	return nil
}
