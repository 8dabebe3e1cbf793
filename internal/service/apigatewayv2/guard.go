package apigatewayv2

import (
	api "cloister/internal/awsapi/apigatewayv2"
	"cloister/internal/door"
	"cloister/internal/guardrail"
	"cloister/internal/store"
)

func routePart(r *api.Route) string { return "route " + val(r.RouteKey) + " (" + val(r.RouteId) + ")" }

func authorizerPart(x *api.Authorizer) string {
	return "authorizer " + val(x.Name) + " (" + val(x.AuthorizerId) + ")"
}

// opens says whether a route lets everybody in. Of a WebSocket API the one that
// connects decides for all.
func (a *apiRow) opens(r *api.Route) bool {
	if a.isSocket() && val(r.RouteKey) != "$connect" {
		return false
	}
	return or(r.AuthorizationType, api.AuthorizationTypeNone) == api.AuthorizationTypeNone
}

// guardRoute asks the guardrails about a route as it is about to be.
func (s *Service) guardRoute(c *door.Call, tx *store.Tx, a *apiRow, r *api.Route) error {
	return s.Guardrails.OpenRoute(tx, a.subject(c, routePart(r)), a.opens(r), a.API.Tags)
}

// guardSnapshot asks about what a stage is about to serve.
func (s *Service) guardSnapshot(c *door.Call, tx *store.Tx, a *apiRow, snap *snapshot) error {
	for _, r := range snap.Routes {
		if a.opens(r) {
			if err := s.guardRoute(c, tx, a, r); err != nil {
				return err
			}
		}
	}
	return nil
}

// guardAll asks about all routes of an API and about all that its stages serve:
// its tags have changed.
func (s *Service) guardAll(c *door.Call, tx *store.Tx, a *apiRow) error {
	snap, err := take(tx, a)
	if err != nil {
		return err
	}
	if err := s.guardSnapshot(c, tx, a, &snap); err != nil {
		return err
	}
	served, err := all(stages.Scan, tx, a.key())
	if err != nil {
		return err
	}
	for _, stage := range served {
		if err := s.checkDeployment(c, tx, a, stage); err != nil {
			return err
		}
	}
	return nil
}

// guardAuthorizers looks for authorisers that no route has.
func (s *Service) guardAuthorizers(c *door.Call, tx *store.Tx, a *apiRow) error {
	snap, err := take(tx, a)
	if err != nil {
		return err
	}
	used := map[string]bool{}
	for _, r := range snap.Routes {
		used[val(r.AuthorizerId)] = true
	}
	for _, x := range snap.Authorizers {
		if err := s.Guardrails.UnusedAuthorizer(tx, a.subject(c, authorizerPart(x)), !used[val(x.AuthorizerId)]); err != nil {
			return err
		}
	}
	return nil
}

// subject is a part of an API to the guardrails.
func (a *apiRow) subject(c *door.Call, part string) *guardrail.Subject {
	return &guardrail.Subject{Account: a.Account, Resource: a.arn(""), Part: part, Time: c.Time}
}
