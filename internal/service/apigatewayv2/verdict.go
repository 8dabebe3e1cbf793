package apigatewayv2

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"cloister/internal/awsapi"
	"cloister/internal/door"
	"cloister/internal/gate/event"
	"cloister/internal/gate/ttl"
	"cloister/policy"
)

// verdicts remembers what functions said of callers.
type verdicts struct {
	kept *ttl.Memory[verdictKey, *judged]
}

// verdictKey says for whom: the identity is a hash of all its sources.
type verdictKey struct {
	api, stage, authorizer, route string
	identity                      [sha256.Size]byte
}

// judged is a verdict with its policy read.
type judged struct {
	verdict *event.Verdict
	policy  *policy.Named
}

// mostVerdicts bounds the memory.
const mostVerdicts = 10_000

func newVerdicts() *verdicts { return &verdicts{ttl.New[verdictKey, *judged](mostVerdicts)} }

func (v *verdicts) forgetAPI(id string) {
	v.kept.Forget(func(k verdictKey) bool { return k.api == id })
}

func (v *verdicts) forgetStage(id, stage string) {
	v.kept.Forget(func(k verdictKey) bool { return k.api == id && k.stage == stage })
}

// authorizerTime is how long a function has to decide
// (https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html).
const authorizerTime = 10 * time.Second

// identifyByFunction has a function say who calls and what that one may. What it
// says becomes a policy of the route.
func (s *Service) identifyByFunction(c *door.Call, x *exchange) error {
	a := x.route.authorizer
	var identity []string
	for _, expression := range a.IdentitySource {
		value, ok := x.source(c, expression)
		if !ok {
			return errUnknown
		}
		identity = append(identity, value)
	}
	text, err := json.Marshal(identity)
	if err != nil {
		return err
	}
	key := verdictKey{api: x.api.row.id(), stage: x.stage.name, authorizer: val(a.AuthorizerId), identity: sha256.Sum256(text)}
	if val(a.EnableSimpleResponses) {
		key.route = x.route.text // yes or no is about what was asked
	}
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
		Kind: policy.PrincipalFederated, Provider: x.api.row.arn("/authorizers/" + val(a.AuthorizerId)), UserID: clip(found.verdict.PrincipalID),
	}, Name: clip(found.verdict.PrincipalID)}
	x.admitted.policy = found.policy
	x.authorizer = &event.Authorizer{Lambda: found.verdict.Context}
	return nil
}

// judge asks the function.
func (s *Service) judge(c *door.Call, x *exchange, identity []string) (*judged, error) {
	a := x.route.authorizer
	r := s.request(c, x)
	r.Body, r.Authorizer = nil, nil
	arn := x.api.row.executeARN(x.stage.name) + "/" + x.r.Method + x.path
	payload, err := event.AuthorizerV2(r, arn, identity)
	if val(a.AuthorizerPayloadFormatVersion) == "1.0" {
		payload, err = event.AuthorizerV1(r, arn, strings.Join(identity, ","))
	}
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(c, authorizerTime)
	defer cancel()
	answer, err := s.invoke(ctx, x, val(a.AuthorizerUri), x.api.row.executeBase()+"/authorizers/"+val(a.AuthorizerId), payload)
	if err != nil {
		return nil, authorizerFailed(err)
	}
	verdict, err := event.ReadVerdict(answer, val(a.EnableSimpleResponses))
	if err != nil {
		return nil, authorizerFailed(err)
	}
	p, err := verdictPolicy(verdict, x.api.row.executeARN(x.stage.name), "authorizer "+val(a.Name))
	if err != nil {
		return nil, authorizerFailed(err)
	}
	return &judged{verdict, p}, nil
}

// executeBase is the ARN of the API as functions' policies write it.
func (a *apiRow) executeBase() string {
	return "arn:aws:execute-api:" + a.Region + ":" + a.Account + ":" + a.id()
}

// authorizerFailed is for a function that said nothing: nobody is let in.
func authorizerFailed(err error) error {
	var wire *awsapi.Error
	if errors.As(err, &wire) {
		err = wire.Cause
	}
	slog.Warn("a Lambda authorizer gave no verdict", "error", err)
	return refusal(http.StatusInternalServerError, errors.New("the authorizer gave no verdict"))
}

// verdictPolicy is what a verdict says, as a policy of the stage: yes or no to
// whatever was asked; or the policy that the function wrote, which speaks of the
// one who calls.
func verdictPolicy(v *event.Verdict, stageARN, name string) (*policy.Named, error) {
	if v.Policy == nil {
		effect := map[bool]string{true: "Allow", false: "Deny"}[v.Allowed]
		return resourcePolicy(name, []any{map[string]any{"Effect": effect, "Principal": "*", "Action": invokeAction, "Resource": stageARN + "/*"}})
	}
	// Its own form is checked first: an identity's policy has no principals.
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
