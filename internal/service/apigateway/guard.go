package apigateway

import (
	"cloister/internal/door"
	"cloister/internal/guardrail"
	"cloister/internal/store"
	"cloister/policy"
)

// openness says of each method whether it lets everybody in.
type openness map[string]bool

func (a *apiRow) openness(c *door.Call) openness { return opennessOf(c, a, &a.Definition) }

func opennessOf(c *door.Call, a *apiRow, d *definition) openness {
	limited := limits(d.Policy, a.Account, c)
	out := openness{}
	for _, r := range d.Resources {
		for name, m := range r.ResourceMethods {
			out[name+" "+val(r.Path)] = val(m.AuthorizationType) == kindNone && !limited
		}
	}
	return out
}

// limits says whether a resource policy keeps somebody out of whom nobody has heard.
func limits(document, account string, c *door.Call) bool {
	if document == "" {
		return false
	}
	p, err := policy.Parse(policy.KindResource, []byte(document))
	if err != nil {
		return false
	}
	statements, err := guardrail.Public(p, account, c.Time)
	return err == nil && len(statements) == 0
}

// guardMethods asks the guardrails about the methods that are others than they were,
// and about idle authorisers.
func (s *Service) guardMethods(c *door.Call, tx *store.Tx, a *apiRow, before openness) error {
	now := a.openness(c)
	for _, part := range keysOf(now) {
		if was, there := before[part]; there && was == now[part] {
			continue
		}
		if err := s.Guardrails.OpenRoute(tx, a.subject(c, "method "+part), now[part], a.API.Tags); err != nil {
			return err
		}
	}
	for _, part := range keysOf(before) {
		if _, there := now[part]; !there {
			if err := guardrail.Gone(tx, a.Account, a.arn(""), "method "+part, c.Time); err != nil {
				return err
			}
		}
	}
	return s.guardAuthorizers(c, tx, a)
}

func stagePart(stage, part string) string { return "stage " + stage + ": method " + part }

// guardStages asks about all that stages serve.
func (s *Service) guardStages(c *door.Call, tx *store.Tx, a *apiRow) error {
	for _, name := range keysOf(a.Stages) {
		d, err := findDeployment(tx, a, a.Stages[name].DeploymentId)
		if err != nil {
			return err
		}
		served := opennessOf(c, a, &d.Definition)
		for _, part := range keysOf(served) {
			if err := s.Guardrails.OpenRoute(tx, a.subject(c, stagePart(name, part)), served[part], a.API.Tags); err != nil {
				return err
			}
		}
	}
	return nil
}

// guardAll asks about everything again: the API's tags have changed.
func (s *Service) guardAll(c *door.Call, tx *store.Tx, a *apiRow) error {
	if err := s.guardMethods(c, tx, a, nil); err != nil {
		return err
	}
	return s.guardStages(c, tx, a)
}

// guardAuthorizers looks for authorisers that no method has.
func (s *Service) guardAuthorizers(c *door.Call, tx *store.Tx, a *apiRow) error {
	used := map[string]bool{}
	for _, r := range a.Definition.Resources {
		for _, m := range r.ResourceMethods {
			used[val(m.AuthorizerId)] = true
		}
	}
	for id, x := range a.Definition.Authorizers {
		if err := s.Guardrails.UnusedAuthorizer(tx, a.subject(c, "authorizer "+val(x.Name)+" ("+id+")"), !used[id]); err != nil {
			return err
		}
	}
	return nil
}

// subject is a part of an API to the guardrails.
func (a *apiRow) subject(c *door.Call, part string) *guardrail.Subject {
	return &guardrail.Subject{Account: a.Account, Resource: a.arn(""), Part: part, Time: c.Time}
}
