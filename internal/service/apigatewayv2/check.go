package apigatewayv2

import (
	"errors"
	"fmt"

	"cloister/internal/store"
)

// Check verifies that what an API has refers to what is there: routes to
// integrations and authorisers, stages to deployments, and mappings to stages.
// Every deployment can be served.
func (s *Service) Check(r store.Reader) error {
	rows, err := all(apis.Scan, r, nil)
	if err != nil {
		return err
	}
	var bad []error
	for _, a := range rows {
		bad = append(bad, checkAPI(r, a))
		if _, err := load(r, a.id()); err != nil {
			bad = append(bad, fmt.Errorf("API %s cannot be served: %w", a.id(), err))
		}
	}
	mapped, err := all(mappings.Scan, r, nil)
	if err != nil {
		return err
	}
	for _, m := range mapped {
		d, err := domains.Get(r, store.K(m.Domain))
		if err != nil {
			bad = append(bad, fmt.Errorf("a mapping is of the domain %s: %w", m.Domain, err))
			continue
		}
		if _, err := stages.Get(r, store.K(d.Account, d.Region, val(m.Mapping.ApiId), val(m.Mapping.Stage))); err != nil {
			bad = append(bad, fmt.Errorf("a mapping of %s is to a stage: %w", m.Domain, err))
		}
	}
	return errors.Join(bad...)
}

func checkAPI(r store.Reader, a *apiRow) error {
	snap, err := take(r, a)
	if err != nil {
		return err
	}
	var bad []error
	seen := map[string]bool{}
	for _, route := range snap.Routes {
		key := anonymousKey(val(route.RouteKey))
		if seen[key] {
			bad = append(bad, fmt.Errorf("two routes of %s take %s", a.id(), key))
		}
		seen[key] = true
		if route.Target != nil {
			if _, err := integrations.Get(r, a.key((*route.Target)[len("integrations/"):])); err != nil {
				bad = append(bad, fmt.Errorf("route %s of %s: %w", val(route.RouteKey), a.id(), err))
			}
		}
		if route.AuthorizerId != nil {
			if _, err := authorizers.Get(r, a.key(*route.AuthorizerId)); err != nil {
				bad = append(bad, fmt.Errorf("route %s of %s: %w", val(route.RouteKey), a.id(), err))
			}
		}
	}
	own, err := all(stages.Scan, r, a.key())
	if err != nil {
		return err
	}
	for _, stage := range own {
		if stage.DeploymentId != nil {
			if _, err := deployments.Get(r, a.key(*stage.DeploymentId)); err != nil {
				bad = append(bad, fmt.Errorf("stage %s of %s: %w", val(stage.StageName), a.id(), err))
			}
		}
	}
	return errors.Join(bad...)
}
