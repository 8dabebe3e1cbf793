package door

import (
	"errors"
	"fmt"
	"log/slog"
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
	c.decided, c.rejection = c.decided[:0], nil
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

// identified is the end of an identification: it has given the caller a name,
// or the caller is refused as not authenticated. Only at a front may a caller
// have none: what policies say of everyone decides there.
func (e *entry) identified(c *Call, err error) error {
	var wire *awsapi.Error
	if errors.As(err, &wire) && wire.Cause == nil {
		return unauthenticated(wire)
	}
	if err == nil && e.class != ClassFront && c.Principal.Kind == policy.PrincipalAnonymous {
		return unauthenticated(sigv4.MissingAuthenticationToken())
	}
	return err
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

// active tells whether the account of p may call. A service may call for an
// account that is not here, and for none that is closed.
func (d *Door) active(p *Principal) bool {
	account := accountOf(p)
	if account == "" {
		return true
	}
	m, err := d.organizations.Of(account)
	if err != nil {
		slog.Error("an account could not be read; its principals are denied everything", "account", account, "error", err)
		return false
	}
	return m.Active() || p.Kind == policy.PrincipalService && !m.Closed
}

// Policies finds what binds p for itself, false if it no longer exists or its
// account is none that may call. Services, the anonymous and those
// whom only an identity provider knows have no policies of their own: only a
// resource's policy can allow them anything.
func (d *Door) Policies(p *Principal) (*policy.Policies, bool) {
	if !d.active(p) {
		return nil, false
	}
	switch p.Kind {
	case policy.PrincipalService, policy.PrincipalAnonymous, policy.PrincipalFederated:
		return &policy.Policies{}, true
	}
	return d.directory.Policies(p)
}

// ErrGone is for a principal that no longer exists, or whose account is closed.
var ErrGone = errors.New("the principal does not exist")

// Bound is all that decides a need of p, the resource's own policy included. Its
// error is ErrGone, or says what could not be read.
func (d *Door) Bound(p *Principal, need *Need) (policy.Policies, error) {
	s, err := d.sides(p, need.owner(accountOf(p)))
	if err != nil {
		return policy.Policies{}, err
	}
	return d.bound(p, need, s)
}

func (d *Door) bound(p *Principal, need *Need, s sides) (policy.Policies, error) {
	own, ok := d.Policies(p)
	if !ok {
		return policy.Policies{}, ErrGone
	}
	all := *own
	all.Resource, all.Grants = need.ResourcePolicy, need.Grants
	s.bind(&all, need.Action)
	return all, nil
}

// decide evaluates one need and records the decision.
func (d *Door) decide(c *Call, need *Need) error {
	s, err := d.sides(c.Principal, need.owner(c.Account))
	if err != nil {
		return unavailable(err)
	}
	policies, err := d.bound(c.Principal, need, s)
	if err != nil {
		return unauthenticated(sigv4.InvalidClientTokenID())
	}
	req := request(c, need, s)
	if s.resource != nil && s.resource.Closed {
		c.decided = append(c.decided, audit.Need{Action: need.Action, Resource: need.Resource, Reason: errClosed.Error()})
		return denial(fmt.Sprintf("%s is not authorized to perform: %s on resource: %s because the account of the resource is closed",
			subject(c.Principal), need.Action, need.Resource))
	}
	decision := policy.Evaluate(&policies, &req)
	for i := 0; decision.Allowed && i < len(need.Also); i++ {
		other := req
		other.Resource = need.Also[i]
		if d := policy.Evaluate(&policies, &other); d.Reason.Explicit() {
			decision = d
		}
	}
	decided := audit.Need{
		Action: need.Action, Resource: need.Resource,
		Allowed: decision.Allowed, Reason: decision.Reason.String(), Policy: policyName(decision),
	}
	if !decision.Allowed || c.Principal.Kind == policy.PrincipalFederated { // whose claims are nowhere else
		decided.Context = c.keys(need, s).all()
	}
	c.decided = append(c.decided, decided)
	if decision.Allowed {
		return nil
	}
	if need.Named != "" {
		req.Resource = need.Named
	}
	c.rejection = &rejection{need, req, decision, decided.Context}
	if need.Refusal != "" {
		return denial(need.Refusal)
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
func request(c *Call, need *Need, s sides) policy.Request {
	return policy.Request{
		Principal:              c.Principal.Principal,
		Action:                 need.Action,
		Resource:               need.Resource,
		ResourceAccount:        need.owner(c.Account),
		Context:                c.keys(need, s),
		ResourcePolicyRequired: need.ResourcePolicyRequired,
	}
}

// owner is the account of the resource, the caller's own unless it is given.
func (n *Need) owner(own string) string {
	if n.Account != "" {
		return n.Account
	}
	return own
}

func (c *Call) keys(need *Need, s sides) *conditions {
	return &conditions{call: c, need: need, account: need.owner(c.Account), sides: s}
}

// Question is what the policy engine would be asked if p made a call in a
// region that takes need, at a time, over a connection that is secure.
func (d *Door) Question(p *Principal, need *Need, region string, at time.Time) (policy.Request, error) {
	c := &Call{Principal: p, Account: accountOf(p), Region: region, Time: at, Secure: true}
	s, err := d.sides(p, need.owner(c.Account))
	return request(c, need, s), err
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
	case policy.PrincipalFederated:
		return "User: " + p.Provider
	default:
		return "User: " + p.ARN
	}
}
