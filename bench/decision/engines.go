package decision

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strconv"

	"github.com/cedar-policy/cedar-go"
	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"

	"cloister/policy"
)

// Engine decides requests that it was given ahead, in its own form, so that a
// decision is all that is timed.
type Engine struct {
	Name   string
	Decide func(n int) bool // the n-th request
}

// Engines prepares set and requests for the three engines, this project's first.
func Engines(set *Set, requests []Request) ([]Engine, error) {
	var all []Engine
	for _, prepare := range []func(*Set, []Request) (Engine, error){cloister, cedarEngine, opa} {
		engine, err := prepare(set, requests)
		if err != nil {
			return nil, err
		}
		all = append(all, engine)
	}
	return all, nil
}

// Agree checks that the engines give the same answers to n requests, and tells
// how many were allowed.
func Agree(engines []Engine, requests []Request) (allowed int, err error) {
	for n := range requests {
		want := engines[0].Decide(n)
		for _, e := range engines[1:] {
			if got := e.Decide(n); got != want {
				return 0, fmt.Errorf("%s says %v and %s says %v to %+v", engines[0].Name, want, e.Name, got, requests[n])
			}
		}
		if want {
			allowed++
		}
	}
	if allowed == 0 || allowed == len(requests) {
		return 0, fmt.Errorf("%d of %d requests are allowed, so the comparison would say nothing", allowed, len(requests))
	}
	return allowed, nil
}

func cloister(set *Set, requests []Request) (Engine, error) {
	policies := &policy.Policies{}
	for i, document := range set.IAM() {
		p, err := policy.Parse(policy.KindIdentity, []byte(document))
		if err != nil {
			return Engine{}, err
		}
		policies.Identity = append(policies.Identity, policy.Named{Name: fmt.Sprint("policy-", i), Policy: p})
	}
	asked := make([]policy.Request, len(requests))
	for n, r := range requests {
		asked[n] = policy.Request{
			Principal: policy.Principal{Kind: policy.PrincipalUser, Account: "123456789012", ARN: "arn:aws:iam::123456789012:user/alice"},
			Action:    r.Action, Resource: r.Resource,
			Context: policy.MapContext{
				"aws:principaltag/team": {r.Team}, "aws:sourceip": {r.IP},
				"aws:securetransport": {strconv.FormatBool(r.Secure)}, "lambda:depth": {strconv.Itoa(r.Depth)},
			},
		}
	}
	return Engine{"Cloister", func(n int) bool { return policy.Evaluate(policies, &asked[n]).Allowed }}, nil
}

func cedarEngine(set *Set, requests []Request) (Engine, error) {
	policies, err := cedar.NewPolicySetFromBytes("set.cedar", []byte(set.Cedar()))
	if err != nil {
		return Engine{}, fmt.Errorf("cedar-go: %w", err)
	}
	asked := make([]cedar.Request, len(requests))
	for n, r := range requests {
		asked[n] = cedar.Request{
			Principal: cedar.NewEntityUID("User", "alice"),
			Action:    cedar.NewEntityUID("Action", cedar.String(r.Action)),
			Resource:  cedar.NewEntityUID("Resource", cedar.String(r.Resource)),
			Context: cedar.NewRecord(cedar.RecordMap{
				"resource": cedar.String(r.Resource), "team": cedar.String(r.Team), "ip": cedar.IPAddr(netip.PrefixFrom(netip.MustParseAddr(r.IP), 32)),
				"secure": cedar.Boolean(r.Secure), "depth": cedar.Long(r.Depth),
			}),
		}
	}
	entities := cedar.EntityMap{}
	return Engine{"cedar-go", func(n int) bool {
		decision, _ := cedar.Authorize(policies, entities, asked[n])
		return decision == cedar.Allow
	}}, nil
}

func opa(set *Set, requests []Request) (Engine, error) {
	ctx := context.Background()
	query, err := rego.New(rego.Query("data.authz.decision"), rego.Module("set.rego", set.Rego())).PrepareForEval(ctx)
	if err != nil {
		return Engine{}, fmt.Errorf("OPA: %w", err)
	}
	inputs, failures := make([]ast.Value, len(requests)), make([]error, len(requests))
	for n, r := range requests {
		inputs[n], failures[n] = ast.InterfaceToValue(map[string]any{
			"action": r.Action, "resource": r.Resource, "team": r.Team, "ip": r.IP, "secure": r.Secure, "depth": r.Depth,
		})
	}
	decide := func(n int) bool {
		result, err := query.Eval(ctx, rego.EvalParsedInput(inputs[n]))
		return err == nil && result.Allowed()
	}
	return Engine{"OPA", decide}, errors.Join(failures...)
}
