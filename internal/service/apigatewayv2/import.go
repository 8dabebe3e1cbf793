package apigatewayv2

import (
	"errors"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/apigatewayv2"
	"cloister/internal/door"
	"cloister/internal/guardrail"
	"cloister/internal/store"
)

// needsOfImport are those of creating an API, with the tags that the document
// gives it. Of a document that cannot be read no more is known.
func needsOfImport(c *door.Call, r store.Reader, in *api.ImportApiRequest) ([]door.Need, error) {
	need, err := needOf(c, r, "apigateway:PUT", "/apis")
	if err != nil {
		return nil, err
	}
	needs := []door.Need{need}
	if d, err := readOpenAPI(val(in.Body), val(in.Basepath)); err == nil && len(d.api.Tags) > 0 {
		requestTags(need.Context, d.api.Tags)
		tagging := need
		tagging.Action = "apigateway:TagResource"
		needs = append(needs, tagging)
	}
	return needs, nil
}

func (s *Service) importAPI(c *door.Call, tx *store.Tx, in *api.ImportApiRequest) (*api.ImportApiResponse, error) {
	d, err := readOpenAPI(val(in.Body), val(in.Basepath))
	if err != nil {
		return nil, err
	}
	if err := d.strict(in.FailOnWarnings); err != nil {
		return nil, err
	}
	if err := checkTags(d.api.Tags); err != nil {
		return nil, err
	}
	if d.api.CorsConfiguration, err = checkCORS(d.api.CorsConfiguration); err != nil {
		return nil, err
	}
	a, err := s.newAPI(c, tx, &d.api)
	if err != nil {
		return nil, err
	}
	if err := s.fill(c, tx, a, d); err != nil {
		return nil, err
	}
	out := a.API
	out.Warnings = d.warnings
	return (*api.ImportApiResponse)(&out), nil
}

// strict refuses warnings where the caller wants that.
func (d *described) strict(fail *bool) error {
	if val(fail) && len(d.warnings) > 0 {
		return badRequest("Warnings found during import: %.1000s", d.warnings[0])
	}
	return nil
}

// fill makes what a document describes below an API that has nothing.
func (s *Service) fill(c *door.Call, tx *store.Tx, a *apiRow, d *described) error {
	for _, name := range sortedKeysOf(d.authorizers) {
		if err := s.putAuthorizer(tx, a, d.authorizers[name]); err != nil {
			return err
		}
	}
	if len(d.routes) > mostRoutes {
		return awsapi.Errorf("TooManyRequestsException", "Maximum number of routes for this API has been reached: %d", mostRoutes)
	}
	for _, r := range d.routes {
		if r.integration != nil {
			if err := s.putIntegration(tx, a, r.integration); err != nil {
				return err
			}
			r.route.Target = ptr("integrations/" + val(r.integration.IntegrationId))
		}
		if r.scheme != "" {
			r.route.AuthorizerId = d.authorizers[r.scheme].AuthorizerId
		}
		if err := s.putRoute(c, tx, a, &r.route); err != nil {
			return err
		}
	}
	return s.guardAuthorizers(c, tx, a)
}

// reimportAPI replaces all that an API has but its stages, deployments and tags.
func (s *Service) reimportAPI(c *door.Call, tx *store.Tx, in *api.ReimportApiRequest) (*api.ReimportApiResponse, error) {
	a, err := find(c, tx, in.ApiId)
	if err != nil {
		return nil, err
	}
	if a.isSocket() {
		return nil, badRequest("Import is for HTTP APIs")
	}
	d, err := readOpenAPI(val(in.Body), val(in.Basepath))
	if err != nil {
		return nil, err
	}
	if err := d.strict(in.FailOnWarnings); err != nil {
		return nil, err
	}
	if a.API.CorsConfiguration, err = checkCORS(d.api.CorsConfiguration); err != nil {
		return nil, err
	}
	a.API.Name, a.API.Description, a.API.Version = d.api.Name, d.api.Description, d.api.Version
	if err := apis.Put(tx, a.key(), a); err != nil {
		return nil, err
	}
	if err := s.clear(c, tx, a); err != nil {
		return nil, err
	}
	if err := s.fill(c, tx, a, d); err != nil {
		return nil, err
	}
	out := a.API
	out.Warnings = d.warnings
	return (*api.ReimportApiResponse)(&out), s.redeploy(c, tx, a)
}

// clear removes an API's routes, integrations and authorisers, with what was found
// of them. What its stages serve stays.
func (s *Service) clear(c *door.Call, tx *store.Tx, a *apiRow) error {
	snap, err := take(tx, a)
	if err != nil {
		return err
	}
	for _, r := range snap.Routes {
		if err := errors.Join(routes.Delete(tx, a.key(val(r.RouteId))), guardrail.Gone(tx, a.Account, a.arn(""), routePart(r), c.Time)); err != nil {
			return err
		}
	}
	for _, i := range snap.Integrations {
		if err := integrations.Delete(tx, a.key(val(i.IntegrationId))); err != nil {
			return err
		}
	}
	for _, x := range snap.Authorizers {
		if err := errors.Join(authorizers.Delete(tx, a.key(val(x.AuthorizerId))), guardrail.Gone(tx, a.Account, a.arn(""), authorizerPart(x), c.Time)); err != nil {
			return err
		}
	}
	return nil
}
