package apigatewayv2

import (
	"regexp"
	"slices"
	"strings"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/apigatewayv2"
	"cloister/internal/door"
	"cloister/internal/guardrail"
	"cloister/internal/store"
)

// mostAPIs is how many APIs an account has in a region at most.
const mostAPIs = 600

// find reads an API of the caller's account.
func find(c *door.Call, r store.Reader, id *string) (*apiRow, error) {
	a, err := apis.Get(r, store.K(c.Account, c.Region, val(id)))
	return a, orNotFound(err, "API", c.Account+":"+val(id))
}

func (s *Service) createAPI(c *door.Call, tx *store.Tx, in *api.CreateApiRequest) (*api.CreateApiResponse, error) {
	if val(in.ProtocolType) == api.ProtocolTypeWebsocket && (in.CorsConfiguration != nil || in.Target != nil || in.RouteKey != nil || in.CredentialsArn != nil) {
		return nil, badRequest("corsConfiguration, target, routeKey and credentialsArn are for HTTP APIs")
	}
	if err := checkTags(in.Tags); err != nil {
		return nil, err
	}
	cors, err := checkCORS(in.CorsConfiguration)
	if err != nil {
		return nil, err
	}
	a, err := s.newAPI(c, tx, &api.Api{
		Name: in.Name, Description: in.Description, Version: in.Version, CorsConfiguration: cors, Tags: in.Tags,
		DisableExecuteApiEndpoint: ptr(val(in.DisableExecuteApiEndpoint)),
		RouteSelectionExpression:  in.RouteSelectionExpression, ProtocolType: in.ProtocolType,
	})
	if err != nil {
		return nil, err
	}
	switch {
	case in.Target != nil:
		err = s.quickCreate(c, tx, a, *in.Target, or(in.RouteKey, "$default"), in.CredentialsArn)
	case in.RouteKey != nil || in.CredentialsArn != nil:
		err = badRequest("A target is needed where a routeKey or credentialsArn is given")
	}
	return (*api.CreateApiResponse)(&a.API), err
}

// newAPI stores an API of which the caller said what it may say.
func (s *Service) newAPI(c *door.Call, tx *store.Tx, said *api.Api) (*apiRow, error) {
	if val(said.ProtocolType) == api.ProtocolTypeWebsocket {
		return s.newSocketAPI(c, tx, said)
	}
	expression := or(said.RouteSelectionExpression, "$request.method $request.path")
	if expression != "$request.method $request.path" && expression != "${request.method} ${request.path}" {
		return nil, badRequest("Unsupported routeSelectionExpression: an HTTP API has ${request.method} ${request.path}")
	}
	said.ProtocolType, said.RouteSelectionExpression = ptr(api.ProtocolTypeHttp), ptr("$request.method $request.path")
	return s.storeAPI(c, tx, said, s.Endpoint)
}

var selection = regexp.MustCompile(`^\$(?:request\.body(?:\.[A-Za-z0-9_-]{1,64}){1,8}|\{request\.body(?:\.[A-Za-z0-9_-]{1,64}){1,8}\})$`)

// newSocketAPI is newAPI for a WebSocket API.
func (s *Service) newSocketAPI(c *door.Call, tx *store.Tx, said *api.Api) (*apiRow, error) {
	if !selection.MatchString(val(said.RouteSelectionExpression)) {
		return nil, badRequest("Invalid routeSelectionExpression: a WebSocket API has one of the form $request.body.NAME")
	}
	return s.storeAPI(c, tx, said, func(id string) string { return strings.Replace(s.Endpoint(id), "http", "ws", 1) })
}

func (s *Service) storeAPI(c *door.Call, tx *store.Tx, said *api.Api, endpoint func(id string) string) (*apiRow, error) {
	existing, err := all(apis.Scan, tx, store.K(c.Account, c.Region))
	if err != nil {
		return nil, err
	}
	if len(existing) >= mostAPIs {
		return nil, awsapi.Errorf("TooManyRequestsException", "Maximum number of APIs has been reached: %d", mostAPIs)
	}
	a := &apiRow{Account: c.Account, Region: c.Region, API: *said}
	a.API.ApiId, a.API.CreatedDate = newID(10), ptr(c.Time)
	a.API.ApiKeySelectionExpression = ptr("$request.header.x-api-key")
	a.API.ApiEndpoint = ptr(endpoint(a.id()))
	return a, apis.Insert(tx, a.key(), a)
}

// quickCreate gives a new API an integration, a route and the stage $default
// (https://docs.aws.amazon.com/apigatewayv2/latest/api-reference/apis.html).
func (s *Service) quickCreate(c *door.Call, tx *store.Tx, a *apiRow, target, routeKey string, credentials *string) error {
	integration := &api.Integration{IntegrationUri: &target, CredentialsArn: credentials, IntegrationType: ptr(api.IntegrationTypeHttpProxy), ApiGatewayManaged: ptr(true)}
	if strings.HasPrefix(target, "arn:") {
		integration.IntegrationType, integration.PayloadFormatVersion = ptr(api.IntegrationTypeAwsProxy), ptr("2.0")
	} else {
		integration.IntegrationMethod = ptr("ANY")
	}
	if err := s.putIntegration(tx, a, integration); err != nil {
		return err
	}
	route := &api.Route{RouteKey: &routeKey, Target: ptr("integrations/" + val(integration.IntegrationId)), ApiGatewayManaged: ptr(true)}
	if err := s.putRoute(c, tx, a, route); err != nil {
		return err
	}
	stage := &api.Stage{StageName: ptr("$default"), AutoDeploy: ptr(true), ApiGatewayManaged: ptr(true)}
	if err := s.putStage(c, tx, a, stage, true); err != nil {
		return err
	}
	return s.redeploy(c, tx, a)
}

func (s *Service) getAPI(c *door.Call, r store.Reader, in *api.GetApiRequest) (*api.GetApiResponse, error) {
	a, err := find(c, r, in.ApiId)
	if err != nil {
		return nil, err
	}
	return (*api.GetApiResponse)(&a.API), nil
}

func (s *Service) getAPIs(c *door.Call, r store.Reader, in *api.GetApisRequest) (*api.GetApisResponse, error) {
	rows, next, err := page(apis.Scan, r, store.K(c.Account, c.Region), in.MaxResults, in.NextToken, (*apiRow).id)
	if err != nil {
		return nil, err
	}
	out := &api.GetApisResponse{Items: []*api.Api{}, NextToken: next}
	for _, a := range rows {
		out.Items = append(out.Items, &a.API)
	}
	return out, nil
}

func (s *Service) updateAPI(c *door.Call, tx *store.Tx, in *api.UpdateApiRequest) (*api.UpdateApiResponse, error) {
	a, err := find(c, tx, in.ApiId)
	if err != nil {
		return nil, err
	}
	if in.RouteKey != nil || in.Target != nil || in.CredentialsArn != nil {
		if err := s.updateQuick(c, tx, a, in); err != nil {
			return nil, err
		}
	}
	if in.CorsConfiguration != nil && a.isSocket() {
		return nil, badRequest("corsConfiguration is for HTTP APIs")
	}
	if in.CorsConfiguration != nil {
		if a.API.CorsConfiguration, err = checkCORS(in.CorsConfiguration); err != nil {
			return nil, err
		}
	}
	change(&a.API.Name, in.Name)
	change(&a.API.Description, in.Description)
	change(&a.API.Version, in.Version)
	change(&a.API.DisableExecuteApiEndpoint, in.DisableExecuteApiEndpoint)
	if err := apis.Put(tx, a.key(), a); err != nil {
		return nil, err
	}
	return (*api.UpdateApiResponse)(&a.API), s.redeploy(c, tx, a)
}

// change sets what is given.
func change[T any](what **T, to *T) {
	if to != nil {
		*what = to
	}
}

// updateQuick changes what quick create made.
func (s *Service) updateQuick(c *door.Call, tx *store.Tx, a *apiRow, in *api.UpdateApiRequest) error {
	own, err := all(routes.Scan, tx, a.key())
	if err != nil {
		return err
	}
	i := slices.IndexFunc(own, func(r *api.Route) bool { return val(r.ApiGatewayManaged) })
	if i < 0 {
		return badRequest("routeKey, target and credentialsArn are for APIs that were made with quick create")
	}
	route := own[i]
	integration, err := integrations.Get(tx, a.key(strings.TrimPrefix(val(route.Target), "integrations/")))
	if err != nil {
		return err
	}
	change(&route.RouteKey, in.RouteKey)
	change(&integration.IntegrationUri, in.Target)
	change(&integration.CredentialsArn, in.CredentialsArn)
	if err := s.putIntegration(tx, a, integration); err != nil {
		return err
	}
	return s.putRoute(c, tx, a, route)
}

func (s *Service) deleteCORS(c *door.Call, tx *store.Tx, in *api.DeleteCorsConfigurationRequest) (*awsapi.None, error) {
	a, err := find(c, tx, in.ApiId)
	if err != nil {
		return nil, err
	}
	a.API.CorsConfiguration = nil
	if err := apis.Put(tx, a.key(), a); err != nil {
		return nil, err
	}
	return &awsapi.None{}, s.redeploy(c, tx, a)
}

func (s *Service) deleteAPI(c *door.Call, tx *store.Tx, in *api.DeleteApiRequest) (*awsapi.None, error) {
	a, err := find(c, tx, in.ApiId)
	if err != nil {
		return nil, err
	}
	mapped, err := all(mappings.Scan, tx, nil)
	if err != nil {
		return nil, err
	}
	for _, m := range mapped {
		if val(m.Mapping.ApiId) == a.id() {
			return nil, badRequest("Deleting API %s failed. Please remove all base path mappings related to this API before deleting it.", a.id())
		}
	}
	if err := empty(tx, a); err != nil {
		return nil, err
	}
	if err := guardrail.Gone(tx, a.Account, a.arn(""), "", c.Time); err != nil {
		return nil, err
	}
	return &awsapi.None{}, apis.Delete(tx, a.key())
}

// empty removes everything below an API.
func empty(tx *store.Tx, a *apiRow) error {
	for _, remove := range []func() error{
		func() error { return removeAll(tx, a, routes, func(r *api.Route) *string { return r.RouteId }) },
		func() error {
			return removeAll(tx, a, integrations, func(i *api.Integration) *string { return i.IntegrationId })
		},
		func() error {
			return removeAll(tx, a, authorizers, func(x *api.Authorizer) *string { return x.AuthorizerId })
		},
		func() error { return removeAll(tx, a, stages, func(x *api.Stage) *string { return x.StageName }) },
		func() error {
			return removeAll(tx, a, deployments, func(d *deployment) *string { return d.Deployment.DeploymentId })
		},
	} {
		if err := remove(); err != nil {
			return err
		}
	}
	return nil
}

func removeAll[T any](tx *store.Tx, a *apiRow, rows *store.Collection[T], id func(*T) *string) error {
	found, err := all(rows.Scan, tx, a.key())
	if err != nil {
		return err
	}
	for _, row := range found {
		if err := rows.Delete(tx, a.key(val(id(row)))); err != nil {
			return err
		}
	}
	return nil
}
