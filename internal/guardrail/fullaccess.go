package guardrail

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"cloister/internal/awsapi"
	"cloister/internal/store"
	"cloister/policy"
)

// IdentityPolicy asks whether a customer's identity policy may be written
// (CLO-IAM-001). holder is the ARN of the user or role that it is inline in;
// "" for managed policies and those of groups.
func (g *Guardrails) IdentityPolicy(tx *store.Tx, s *Subject, holder string, p *policy.Policy) error {
	return apply(tx, FullAccess, s, func(*Setting) (*violation, error) {
		statements, everything, err := g.everythingAtHome(s, holder, p)
		if !everything {
			return nil, err
		}
		return &violation{
			found:   fmt.Sprintf("gives every action on every resource (%s)", statements),
			instead: "Give the actions that are needed on the resources that they are needed on, for example " + narrower(s.Account),
		}, nil
	})
}

// narrower is a policy to start from.
func narrower(account string) string {
	return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["lambda:InvokeFunction","lambda:GetFunction"],"Resource":"arn:aws:lambda:*:` + account + `:function:my-app-*"}]}`
}

// everything tells whether a policy gives, in every vantage, all actions on all
// resources of the account: all actions that there are, or all but those that
// it leaves out by name. It names the statements that do.
func (g *Guardrails) everything(s *Subject, holder string, p *policy.Policy) (statements string, yes bool) {
	return g.everythingWith(nil, s, holder, p)
}

// everythingAtHome is everything for an account that may be in an organisation:
// a condition on the very one restricts nobody in it.
func (g *Guardrails) everythingAtHome(s *Subject, holder string, p *policy.Policy) (statements string, yes bool, err error) {
	if statements, yes = g.everything(s, holder, p); yes || g.member == nil {
		return statements, yes, nil
	}
	id, path, err := g.member(s.Account)
	if err != nil || id == "" {
		return "", false, err
	}
	statements, yes = g.everythingWith(policy.MapContext{
		"aws:principalorgid": {id}, "aws:resourceorgid": {id}, "aws:principalorgpaths": {path}, "aws:resourceorgpaths": {path},
	}, s, holder, p)
	return statements, yes, nil
}

// everythingWith is everything with more condition keys.
func (g *Guardrails) everythingWith(keys policy.MapContext, s *Subject, holder string, p *policy.Policy) (statements string, yes bool) {
	t := &trial{policies: policy.Policies{Identity: []policy.Named{{Name: s.Resource, Policy: p}}}, used: map[int]bool{}, word: invented()}
	views := vantages(s.Account, holder, s.Time)
	for i := range views {
		maps.Copy(views[i].context, keys)
	}
	word := invented()
	for _, actions := range []func(*awsapi.Service) []string{
		func(s *awsapi.Service) []string { return unnamed(s, word) }, existing,
	} {
		clear(t.used)
		if t.gives(g.services, s.Account, views, actions) {
			return t.statements(), true
		}
	}
	return "", false
}

// trial tries requests on one identity policy.
type trial struct {
	policies policy.Policies
	used     map[int]bool // statements that allowed
	word     string
}

func (t *trial) gives(services []*awsapi.Service, account string, views []vantage, actions func(*awsapi.Service) []string) bool {
	for i := range views {
		for _, service := range services {
			resources := t.resources(service, account, views[i].region)
			for _, action := range actions(service) {
				if !t.allows(&views[i], action, resources) {
					return false
				}
			}
		}
	}
	return true
}

// resources are resources of a service with names that nobody has.
func (t *trial) resources(s *awsapi.Service, account, region string) []string {
	service, ok := forms[s.SigningName]
	if !ok {
		service = usualForm
	}
	fill := strings.NewReplacer("SERVICE", s.SigningName, "REGION", region, "ACCOUNT", account)
	var resources []string
	for _, form := range service {
		for _, initial := range initials {
			resources = append(resources, fill.Replace(form)+initial+t.word)
		}
	}
	return resources
}

func (t *trial) allows(v *vantage, action string, resources []string) bool {
	for _, resource := range resources {
		d := policy.Evaluate(&t.policies, &policy.Request{
			Principal: v.principal, Action: action, Resource: resource, Context: v.context,
		})
		if !d.Allowed {
			return false
		}
		t.used[d.Statement] = true
	}
	return true
}

// statements names the statements that allowed, from 1.
func (t *trial) statements() string {
	var numbers []string
	for _, i := range slices.Sorted(maps.Keys(t.used)) {
		numbers = append(numbers, strconv.Itoa(i+1))
	}
	if len(numbers) == 1 {
		return "statement " + numbers[0]
	}
	return "statements " + strings.Join(numbers, ", ")
}
