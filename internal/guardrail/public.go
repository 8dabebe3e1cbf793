package guardrail

import (
	"errors"
	"slices"
	"time"

	"cloister/policy"
)

// ErrNotDecided says that a policy is too complex to say who it lets in.
var ErrNotDecided = errors.New("the policy is too complex to be decided")

// mostWork bounds what is asked about one policy, counted in statements looked
// at; an explanation costs about as much as explainCost questions.
const (
	mostWork    = 4_000_000
	explainCost = 20
)

// Public returns the statements, from 0, by which a resource's policy lets in
// anybody: callers of whom nobody has heard, signed or not, in situations that
// have nothing in common (see vantages). A condition that any of them fails keeps
// a statement from being public. account owns the resource.
func Public(p *policy.Policy, account string, now time.Time) ([]int, error) {
	actions, resources, _, err := p.Sample()
	if err != nil {
		return nil, ErrNotDecided
	}
	callers := visitors(account, now)
	if p.Kind() == policy.KindTrust {
		actions, resources = nil, []string{"arn:aws:iam::" + account + ":role/" + invented()}
		callers = strangers(account, now)
	}
	left := mostWork
	var found []int
	for i := range callers {
		asked := actions
		if callers[i].action != "" {
			asked = []string{callers[i].action}
		}
		for _, action := range asked {
			for _, resource := range resources {
				if left < 0 {
					return nil, ErrNotDecided
				}
				by := callers[i].admitted(p, action, resource, account)
				if left -= p.Statements(); by != nil {
					left -= explainCost * p.Statements()
				}
				found = append(found, by...)
			}
		}
	}
	slices.Sort(found)
	return slices.Compact(found), nil
}

// visitors are a caller of an account that nobody named, and one without any.
func visitors(account string, now time.Time) []stranger {
	all := strangers(account, now)
	anonymous := vantages(account, "", now)
	for i := range anonymous {
		anonymous[i].principal = policy.Principal{}
		for _, key := range []string{"aws:principalaccount", "aws:principalarn", "aws:principaltype", "aws:userid", "aws:multifactorauthpresent"} {
			delete(anonymous[i].context, key)
		}
		anonymous[i].context["aws:principaltype"] = []string{"Anonymous"}
	}
	return []stranger{{who: all[0].who, views: all[0].views}, {who: "everybody", views: anonymous}}
}

// admitted is the statements by which the stranger is let in in all situations;
// none if there is one in which it is not.
func (x *stranger) admitted(p *policy.Policy, action, resource, account string) []int {
	policies := &policy.Policies{Identity: []policy.Named{{Name: "anything", Policy: anything}}, Resource: &policy.Named{Name: "asked", Policy: p}}
	requests := make([]policy.Request, len(x.views))
	for i := range x.views {
		v := &x.views[i]
		requests[i] = policy.Request{
			Principal: v.principal, Action: action, Resource: resource, ResourceAccount: account,
			Context: v.context, ResourcePolicyRequired: true,
		}
		if !policy.Evaluate(policies, &requests[i]).Allowed {
			return nil
		}
	}
	var by []int
	for i := range requests {
		for _, step := range policy.Explain(policies, &requests[i]).Steps {
			if step.Layer == policy.LayerResource {
				by = append(by, applying(step.Policies)...)
			}
		}
	}
	return by
}

// applying is the statements of the policies that apply and allow.
func applying(policies []policy.PolicyTrace) []int {
	var by []int
	for _, p := range policies {
		for _, s := range p.Statements {
			if s.Applies && s.Effect == "Allow" {
				by = append(by, s.Statement)
			}
		}
	}
	return by
}
