package apigatewayv2

import (
	"encoding/json"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	api "cloister/internal/awsapi/apigatewayv2"
	"cloister/internal/door"
	"cloister/internal/store"
)

// exportAPI writes an API, or what was deployed to a stage of it, as a document
// that makes the same API when it is imported.
func (s *Service) exportAPI(c *door.Call, r store.Reader, in *api.ExportApiRequest) (*api.ExportApiResponse, error) {
	a, err := find(c, r, in.ApiId)
	if err != nil {
		return nil, err
	}
	if a.isSocket() {
		return nil, badRequest("Export is for HTTP APIs")
	}
	if or(in.ExportVersion, "1.0") != "1.0" {
		return nil, badRequest("Invalid exportVersion: it is 1.0")
	}
	snap, err := take(r, a)
	if err != nil {
		return nil, err
	}
	if in.StageName != nil {
		_, stage, err := findStage(c, r, in.ApiId, in.StageName)
		if err != nil {
			return nil, err
		}
		if stage.DeploymentId == nil {
			return nil, badRequest("The stage %s has no deployment", *in.StageName)
		}
		d, err := deployments.Get(r, a.key(*stage.DeploymentId))
		if err != nil {
			return nil, err
		}
		snap = d.Snapshot
	}
	document := snap.document(a, or(in.IncludeExtensions, true))
	write := json.Marshal
	if val(in.OutputType) == "YAML" {
		write = yaml.Marshal
	}
	text, err := write(document)
	return &api.ExportApiResponse{Body: text}, err
}

func (snap *snapshot) document(a *apiRow, extensions bool) object {
	paths, schemes := object{}, object{}
	byID := map[string]*api.Authorizer{}
	for _, x := range snap.Authorizers {
		byID[val(x.AuthorizerId)] = x
		schemes[val(x.Name)] = scheme(x, extensions)
	}
	for _, r := range snap.Routes {
		verb, path := "", "/$default"
		if method, rest, ok := strings.Cut(val(r.RouteKey), " "); ok {
			verb, path = strings.ToLower(method), rest
		}
		if verb == "" || verb == "any" {
			verb = extAnyMethod
		}
		item, _ := paths[path].(object)
		if item == nil {
			item = object{}
			paths[path] = item
		}
		item[verb] = snap.operation(r, byID, schemes, extensions)
	}
	document := object{
		"openapi": "3.0.1", "info": object{"title": val(a.API.Name), "version": or(a.API.Version, "1")}, "paths": paths,
	}
	if a.API.Description != nil {
		document["info"].(object)["description"] = *a.API.Description
	}
	if len(schemes) > 0 {
		document["components"] = object{"securitySchemes": schemes}
	}
	if snap.CORS != nil && extensions {
		document[extCORS] = lowerMembers(snap.CORS)
	}
	if len(a.API.Tags) > 0 && extensions {
		tags := []object{}
		for _, key := range sortedKeys(a.API.Tags) {
			tags = append(tags, object{"name": key, extTag: a.API.Tags[key]})
		}
		document["tags"] = tags
	}
	return document
}

// scheme is an authoriser as a security scheme.
func scheme(x *api.Authorizer, extensions bool) object {
	if val(x.AuthorizerType) == api.AuthorizerTypeJwt {
		s := object{"type": "oauth2", "flows": object{}}
		if extensions {
			s[extAuthorizer] = object{
				"type": "jwt", "identitySource": x.IdentitySource[0],
				"jwtConfiguration": object{"issuer": val(x.JwtConfiguration.Issuer), "audience": x.JwtConfiguration.Audience},
			}
		}
		return s
	}
	s := object{"type": "apiKey", "name": "Unused", "in": "header"}
	if extensions {
		s[extAuthorizer] = object{
			"type": "request", "identitySource": strings.Join(x.IdentitySource, ","), "authorizerUri": val(x.AuthorizerUri),
			"authorizerPayloadFormatVersion": val(x.AuthorizerPayloadFormatVersion), "authorizerResultTtlInSeconds": val(x.AuthorizerResultTtlInSeconds),
			"enableSimpleResponses": val(x.EnableSimpleResponses),
		}
	}
	return s
}

// signedScheme is the scheme of routes that take signed requests.
const signedScheme = "sigv4"

func (snap *snapshot) operation(r *api.Route, byID map[string]*api.Authorizer, schemes object, extensions bool) object {
	o := object{"responses": object{"default": object{"description": "Default response for " + val(r.RouteKey)}}}
	if r.OperationName != nil {
		o["operationId"] = *r.OperationName
	}
	if val(r.RouteKey) == "$default" && extensions {
		o["isDefaultRoute"] = true
	}
	switch val(r.AuthorizationType) {
	case api.AuthorizationTypeAwsIam:
		schemes[signedScheme] = object{"type": "apiKey", "name": "Authorization", "in": "header", extAuthType: "awsSigv4"}
		o["security"] = []object{{signedScheme: []string{}}}
	case api.AuthorizationTypeJwt, api.AuthorizationTypeCustom:
		o["security"] = []object{{val(byID[val(r.AuthorizerId)].Name): append([]string{}, r.AuthorizationScopes...)}}
	}
	if !extensions {
		return o
	}
	for _, i := range snap.Integrations {
		if "integrations/"+val(i.IntegrationId) == val(r.Target) {
			o[extIntegration] = integrationObject(i)
		}
	}
	return o
}

func integrationObject(i *api.Integration) object {
	o := object{
		"type": strings.ToLower(val(i.IntegrationType)), "uri": val(i.IntegrationUri), "httpMethod": val(i.IntegrationMethod),
		"payloadFormatVersion": val(i.PayloadFormatVersion), "connectionType": val(i.ConnectionType), "timeoutInMillis": val(i.TimeoutInMillis),
	}
	if i.Description != nil {
		o["description"] = *i.Description
	}
	if len(i.RequestParameters) > 0 {
		o["requestParameters"] = i.RequestParameters
	}
	if len(i.ResponseParameters) > 0 {
		o["responseParameters"] = i.ResponseParameters
	}
	return o
}

// lowerMembers is a CORS configuration by the names that documents have.
func lowerMembers(c *api.Cors) object {
	o := object{}
	for name, values := range map[string][]string{
		"allowOrigins": c.AllowOrigins, "allowMethods": c.AllowMethods, "allowHeaders": c.AllowHeaders, "exposeHeaders": c.ExposeHeaders,
	} {
		if len(values) > 0 {
			o[name] = slices.Clone(values)
		}
	}
	if c.MaxAge != nil {
		o["maxAge"] = *c.MaxAge
	}
	if c.AllowCredentials != nil {
		o["allowCredentials"] = *c.AllowCredentials
	}
	return o
}

func sortedKeysOf[T any](m map[string]T) []string {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
