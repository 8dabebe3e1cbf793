package apigatewayv2

import (
	"errors"
	"regexp"
	"slices"
	"strings"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/apigatewayv2"
	"cloister/internal/door"
	"cloister/internal/guardrail"
	"cloister/internal/store"
)

// mostRoutes is how many routes an API has at most, and as many integrations.
const mostRoutes = 300

func (s *Service) createRoute(c *door.Call, tx *store.Tx, in *api.CreateRouteRequest) (*api.CreateRouteResult, error) {
	a, err := find(c, tx, in.ApiId)
	if err != nil {
		return nil, err
	}
	r := &api.Route{
		ApiKeyRequired: in.ApiKeyRequired, AuthorizationScopes: in.AuthorizationScopes, AuthorizationType: in.AuthorizationType, AuthorizerId: in.AuthorizerId,
		OperationName: in.OperationName, RouteKey: in.RouteKey, Target: in.Target,
	}
	if in.ModelSelectionExpression != nil || in.RequestModels != nil || in.RequestParameters != nil || in.RouteResponseSelectionExpression != nil {
		return nil, badRequest("Models, request parameters and route responses are for WebSocket APIs")
	}
	if err := errors.Join(s.putRoute(c, tx, a, r), s.guardAuthorizers(c, tx, a)); err != nil {
		return nil, err
	}
	return (*api.CreateRouteResult)(r), s.redeploy(c, tx, a)
}

// putRoute checks and stores a route, a new one under a new id.
func (s *Service) putRoute(c *door.Call, tx *store.Tx, a *apiRow, r *api.Route) error {
	r.AuthorizationType, r.ApiKeyRequired = ptr(or(r.AuthorizationType, api.AuthorizationTypeNone)), ptr(val(r.ApiKeyRequired))
	if err := checkRoute(tx, a, r); err != nil {
		return err
	}
	others, err := all(routes.Scan, tx, a.key())
	if err != nil {
		return err
	}
	for _, other := range others {
		if val(other.RouteId) != val(r.RouteId) && sameKey(val(other.RouteKey), val(r.RouteKey)) {
			return conflict("Route with key %s already exists for this API", val(r.RouteKey))
		}
	}
	if r.RouteId == nil {
		if len(others) >= mostRoutes {
			return awsapi.Errorf("TooManyRequestsException", "Maximum number of routes for this API has been reached: %d", mostRoutes)
		}
		r.RouteId = newID(7)
	}
	if err := s.guardRoute(c, tx, a, r); err != nil {
		return err
	}
	return routes.Put(tx, a.key(val(r.RouteId)), r)
}

func checkRoute(tx *store.Tx, a *apiRow, r *api.Route) error {
	if _, err := a.parseKey(val(r.RouteKey)); err != nil {
		return err
	}
	if a.isSocket() {
		if err := checkSocketRoute(r); err != nil {
			return err
		}
	}
	if val(r.ApiKeyRequired) {
		return badRequest("ApiKeyRequired is not supported for HTTP APIs")
	}
	if err := checkTarget(tx, a, r.Target); err != nil {
		return err
	}
	kind := map[string]string{api.AuthorizationTypeJwt: api.AuthorizerTypeJwt, api.AuthorizationTypeCustom: api.AuthorizerTypeRequest}[val(r.AuthorizationType)]
	if kind == "" {
		if val(r.AuthorizerId) != "" || len(r.AuthorizationScopes) > 0 {
			return badRequest("An authorizerId or authorizationScopes are for the authorizationTypes JWT and CUSTOM")
		}
		r.AuthorizerId = nil
		return nil
	}
	x, err := authorizers.Get(tx, a.key(val(r.AuthorizerId)))
	if errors.Is(err, store.ErrNotFound) {
		return badRequest("Invalid authorizerId: the API has no authorizer %s", val(r.AuthorizerId))
	}
	if err != nil {
		return err
	}
	if val(x.AuthorizerType) != kind {
		return badRequest("The authorizationType %s needs an authorizer of type %s", val(r.AuthorizationType), kind)
	}
	if len(r.AuthorizationScopes) > 0 && kind != api.AuthorizerTypeJwt {
		return badRequest("authorizationScopes are supported for JWT authorizers only")
	}
	for _, scope := range r.AuthorizationScopes {
		if scope == "" || strings.ContainsAny(scope, " \r\n") {
			return badRequest("Invalid authorizationScopes: a scope is text without spaces")
		}
	}
	return nil
}

func checkTarget(tx *store.Tx, a *apiRow, target *string) error {
	if target == nil {
		return nil
	}
	id, ok := strings.CutPrefix(*target, "integrations/")
	if !ok {
		return badRequest("Invalid target: it has the form integrations/INTEGRATION-ID")
	}
	_, err := integrations.Get(tx, a.key(id))
	if errors.Is(err, store.ErrNotFound) {
		return badRequest("Invalid target: the API has no integration %s", id)
	}
	return err
}

func findRoute(c *door.Call, r store.Reader, apiID, id *string) (*apiRow, *api.Route, error) {
	a, err := find(c, r, apiID)
	if err != nil {
		return nil, nil, err
	}
	route, err := routes.Get(r, a.key(val(id)))
	return a, route, orNotFound(err, "Route", val(id))
}

func (s *Service) getRoute(c *door.Call, r store.Reader, in *api.GetRouteRequest) (*api.GetRouteResult, error) {
	_, route, err := findRoute(c, r, in.ApiId, in.RouteId)
	return (*api.GetRouteResult)(route), err
}

func (s *Service) getRoutes(c *door.Call, r store.Reader, in *api.GetRoutesRequest) (*api.GetRoutesResponse, error) {
	a, err := find(c, r, in.ApiId)
	if err != nil {
		return nil, err
	}
	items, next, err := page(routes.Scan, r, a.key(), in.MaxResults, in.NextToken, func(x *api.Route) string { return val(x.RouteId) })
	return &api.GetRoutesResponse{Items: items, NextToken: next}, err
}

func (s *Service) updateRoute(c *door.Call, tx *store.Tx, in *api.UpdateRouteRequest) (*api.UpdateRouteResult, error) {
	a, r, err := findRoute(c, tx, in.ApiId, in.RouteId)
	if err != nil {
		return nil, err
	}
	if val(r.ApiGatewayManaged) {
		return nil, badRequest("The route is managed by quick create: change the API itself")
	}
	if in.ModelSelectionExpression != nil || in.RequestModels != nil || in.RequestParameters != nil || in.RouteResponseSelectionExpression != nil {
		return nil, badRequest("Models, request parameters and route responses are for WebSocket APIs")
	}
	change(&r.RouteKey, in.RouteKey)
	change(&r.OperationName, in.OperationName)
	change(&r.ApiKeyRequired, in.ApiKeyRequired)
	change(&r.Target, in.Target)
	if in.AuthorizationType != nil && *in.AuthorizationType != val(r.AuthorizationType) {
		r.AuthorizerId, r.AuthorizationScopes = nil, nil
	}
	change(&r.AuthorizationType, in.AuthorizationType)
	change(&r.AuthorizerId, in.AuthorizerId)
	if in.AuthorizationScopes != nil {
		r.AuthorizationScopes = in.AuthorizationScopes
	}
	if err := errors.Join(s.putRoute(c, tx, a, r), s.guardAuthorizers(c, tx, a)); err != nil {
		return nil, err
	}
	return (*api.UpdateRouteResult)(r), s.redeploy(c, tx, a)
}

func (s *Service) deleteRoute(c *door.Call, tx *store.Tx, in *api.DeleteRouteRequest) (*awsapi.None, error) {
	a, r, err := findRoute(c, tx, in.ApiId, in.RouteId)
	if err != nil {
		return nil, err
	}
	if err := routes.Delete(tx, a.key(val(r.RouteId))); err != nil {
		return nil, err
	}
	if err := guardrail.Gone(tx, a.Account, a.arn(""), routePart(r), c.Time); err != nil {
		return nil, err
	}
	if err := s.guardAuthorizers(c, tx, a); err != nil {
		return nil, err
	}
	return &awsapi.None{}, s.redeploy(c, tx, a)
}

// methods are those that a route may have.
var methods = map[string]bool{
	"ANY": true, "GET": true, "POST": true, "PUT": true, "PATCH": true, "DELETE": true, "HEAD": true, "OPTIONS": true,
}

// routeKey is a parsed one. The default route has no method.
type routeKey struct {
	method   string
	segments []segment
}

type segment struct {
	text   string // of a variable, its name
	isVar  bool
	greedy bool // takes all that is left, one segment at least
}

func badRouteKey() error {
	return badRequest(`The provided route key is not formatted properly for HTTP protocol. Format should be "<HTTP METHOD> /<RESOURCE PATH>" or "$default"`)
}

func parseRouteKey(text string) (*routeKey, error) {
	if text == "$default" {
		return &routeKey{}, nil
	}
	method, path, _ := strings.Cut(text, " ")
	rest, ok := strings.CutPrefix(path, "/")
	if !methods[method] || !ok || strings.ContainsAny(path, "?# \t\r\n%") {
		return nil, badRouteKey()
	}
	k := &routeKey{method: method}
	if rest == "" {
		return k, nil
	}
	var names []string
	for _, part := range strings.Split(rest, "/") {
		seg, err := parseSegment(part)
		if err != nil {
			return nil, err
		}
		if seg.isVar && slices.Contains(names, seg.text) || len(k.segments) > 0 && k.segments[len(k.segments)-1].greedy {
			return nil, badRouteKey()
		}
		if seg.isVar {
			names = append(names, seg.text)
		}
		k.segments = append(k.segments, seg)
	}
	return k, nil
}

func parseSegment(part string) (segment, error) {
	name, open := strings.CutPrefix(part, "{")
	name, closed := strings.CutSuffix(name, "}")
	if open && closed {
		name, greedy := strings.CutSuffix(name, "+")
		if name == "" || strings.ContainsAny(name, "{}+") {
			return segment{}, badRouteKey()
		}
		return segment{name, true, greedy}, nil
	}
	if part == "" || part == "." || part == ".." || strings.ContainsAny(part, "{}") {
		return segment{}, badRouteKey()
	}
	return segment{text: part}, nil
}

// socketKey is the key of a route of a WebSocket API.
var socketKey = regexp.MustCompile(`^(?:\$connect|\$disconnect|\$default|[A-Za-z0-9_.:/-]{1,128})$`)

// parseKey reads the key of a route of the API. Those of WebSocket APIs have no
// parts.
func (a *apiRow) parseKey(text string) (*routeKey, error) {
	if !a.isSocket() {
		return parseRouteKey(text)
	}
	if !socketKey.MatchString(text) {
		return nil, badRequest("Invalid route key: it is $connect, $disconnect, $default or a word")
	}
	return &routeKey{}, nil
}

// checkSocketRoute says how a route of a WebSocket API may be authorised: the one
// that connects, for all.
func checkSocketRoute(r *api.Route) error {
	kind := val(r.AuthorizationType)
	if kind != api.AuthorizationTypeNone && val(r.RouteKey) != "$connect" {
		return badRequest("Only the $connect route of a WebSocket API has authorization")
	}
	if kind != api.AuthorizationTypeNone && kind != api.AuthorizationTypeAwsIam {
		return badRequest("WebSocket APIs have the authorizationTypes NONE and AWS_IAM here")
	}
	return nil
}

// sameKey says whether two keys take the same requests: but for the names of
// their variables they are one.
func sameKey(a, b string) bool {
	return anonymousKey(a) == anonymousKey(b)
}

func anonymousKey(text string) string {
	k, err := parseRouteKey(text)
	if err != nil {
		return text
	}
	var b strings.Builder
	b.WriteString(k.method)
	for _, seg := range k.segments {
		b.WriteByte('/')
		switch {
		case seg.greedy:
			b.WriteString("{+}")
		case seg.isVar:
			b.WriteString("{}")
		default:
			b.WriteString(seg.text)
		}
	}
	return b.String()
}
