package door

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"cloister/internal/audit"
	"cloister/internal/awsapi"
	"cloister/internal/awsapi/sigv4"
	"cloister/internal/store"
	"cloister/policy"
)

// errDenied marks the refusals that policies decided, for the audit outcome.
var errDenied = errors.New("denied by policy")

// authorise decides call c on snapshot r and records what was decided in c.
func (d *Door) authorise(c *Call, e *entry, r store.Reader) error {
	c.decided = c.decided[:0]
	switch e.class {
	case ClassPublic:
		return nil
	case ClassSignedOnly:
		return d.requireLiving(c)
	}
	needs, err := e.resolve(c, r, c.in)
	if err != nil {
		return err
	}
	if len(needs) == 0 {
		return denial(fmt.Sprintf("%s is not authorized to perform: %s because the call maps to no permission",
			subject(c.Principal), e.op.String()))
	}
	for i := range needs {
		if err := d.decide(c, &needs[i]); err != nil {
			return err
		}
	}
	return nil
}

// requireLiving refuses a principal that was deleted after it authenticated.
func (d *Door) requireLiving(c *Call) error {
	if c.Principal.Kind == policy.PrincipalAnonymous {
		return unauthenticated(sigv4.MissingAuthenticationToken())
	}
	if _, ok := d.Policies(c.Principal); !ok {
		return unauthenticated(sigv4.InvalidClientTokenID())
	}
	return nil
}

// Policies finds what binds p, false if it no longer exists. Services and the
// anonymous have no policies of their own: only a resource's policy can allow
// them anything.
func (d *Door) Policies(p *Principal) (*policy.Policies, bool) {
	if p.Kind == policy.PrincipalService || p.Kind == policy.PrincipalAnonymous {
		return &policy.Policies{}, true
	}
	return d.directory.Policies(p)
}

// decide evaluates one need and records the decision.
func (d *Door) decide(c *Call, need *Need) error {
	bound, ok := d.Policies(c.Principal)
	if !ok {
		return unauthenticated(sigv4.InvalidClientTokenID())
	}
	policies := *bound
	policies.Resource, policies.Grants = need.ResourcePolicy, need.Grants
	req := request(c, need)
	decision := policy.Evaluate(&policies, &req)
	decided := audit.Need{
		Action: need.Action, Resource: need.Resource,
		Allowed: decision.Allowed, Reason: decision.Reason.String(), Policy: policyName(decision),
	}
	if !decision.Allowed {
		decided.Context = c.keys(need, req.ResourceAccount).all()
	}
	c.decided = append(c.decided, decided)
	if decision.Allowed {
		return nil
	}
	if need.Named != "" {
		req.Resource = need.Named
	}
	return denial(decision.Message(&req))
}

// policyName names the policy whose statement decided, if one did.
func policyName(d policy.Decision) string {
	if d.Policy == nil {
		return ""
	}
	return d.Policy.Name
}

// request is the question that need puts to the policy engine.
func request(c *Call, need *Need) policy.Request {
	account := need.Account
	if account == "" {
		account = c.Account
	}
	return policy.Request{
		Principal:              c.Principal.Principal,
		Action:                 need.Action,
		Resource:               need.Resource,
		ResourceAccount:        account,
		Context:                c.keys(need, account),
		ResourcePolicyRequired: need.ResourcePolicyRequired,
	}
}

func (c *Call) keys(need *Need, account string) *conditions {
	return &conditions{call: c, need: need, account: account}
}

// Question is what the policy engine would be asked if p made a call in a
// region that takes need, at a time, over a connection that is secure.
func Question(p *Principal, need *Need, region string, at time.Time) policy.Request {
	return request(&Call{Principal: p, Account: accountOf(p), Region: region, Time: at, Secure: true}, need)
}

func denial(message string) error {
	err := awsapi.Errorf("AccessDenied", "%s", message)
	err.Status = http.StatusForbidden
	err.Cause = errDenied
	return err
}

// subject names a principal as AWS's denials do.
func subject(p *Principal) string {
	switch p.Kind {
	case policy.PrincipalAnonymous:
		return "User: anonymous"
	case policy.PrincipalService:
		return "Service: " + p.Service
	default:
		return "User: " + p.ARN
	}
}
