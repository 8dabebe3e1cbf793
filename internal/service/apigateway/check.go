package apigateway

import (
	"errors"
	"fmt"
	"slices"

	"cloister/internal/store"
)

// Check verifies that every API is whole and can be served, that stages have their
// deployments, that keys of plans are there, and that mappings lead to an API.
func (s *Service) Check(r store.Reader) error {
	rows, err := all(apis.Scan(r, nil, nil))
	if err != nil {
		return err
	}
	var bad []error
	for _, a := range rows {
		a.init()
		if err := a.check(); err != nil {
			bad = append(bad, fmt.Errorf("API %s: %w", a.id(), err))
		}
		if a.Definition.Resources[val(a.API.RootResourceId)] == nil {
			bad = append(bad, fmt.Errorf("API %s has no root", a.id()))
		}
		if _, err := load(r, a.id()); err != nil {
			bad = append(bad, fmt.Errorf("API %s cannot be served: %w", a.id(), err))
		}
	}
	bad = append(bad, checkPlans(r), checkMappings(r))
	return errors.Join(bad...)
}

func checkPlans(r store.Reader) error {
	rows, err := all(plans.Scan(r, nil, nil))
	if err != nil {
		return err
	}
	var bad []error
	for _, p := range rows {
		for _, id := range p.Keys {
			if _, err := keys.Get(r, store.K(p.Account, p.Region, id)); err != nil {
				bad = append(bad, fmt.Errorf("key %s of plan %s: %w", id, val(p.Plan.Id), err))
			}
		}
		for _, st := range p.Plan.ApiStages {
			a, err := findAPI(r, p.Account, p.Region, val(st.ApiId))
			if err != nil || a.Stages[val(st.Stage)] == nil {
				bad = append(bad, fmt.Errorf("plan %s is of a stage that is gone: %s:%s", val(p.Plan.Id), val(st.ApiId), val(st.Stage)))
			}
		}
	}
	used, err := all(usages.Scan(r, nil, nil))
	for _, u := range used {
		if !slices.ContainsFunc(rows, func(p *planRow) bool { return val(p.Plan.Id) == u.Plan && slices.Contains(p.Keys, u.Key) }) {
			bad = append(bad, fmt.Errorf("usage of key %s in plan %s, which it is not in", u.Key, u.Plan))
		}
	}
	return errors.Join(append(bad, err)...)
}

func checkMappings(r store.Reader) error {
	rows, err := all(domains.Scan(r, nil, nil))
	if err != nil {
		return err
	}
	var bad []error
	for _, d := range rows {
		for base, m := range d.Mappings {
			if _, err := findAPI(r, d.Account, d.Region, val(m.RestApiId)); err != nil || val(m.BasePath) != base {
				bad = append(bad, fmt.Errorf("mapping %s of %s: %w", base, val(d.Domain.DomainName), err))
			}
		}
	}
	return errors.Join(bad...)
}
