package apigatewayv2

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	api "cloister/internal/awsapi/apigatewayv2"
)

// An API as an OpenAPI 3 document with API Gateway's extensions says it
// (https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-open-api.html,
// https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-swagger-extensions.html).
// Nothing but the document is looked at: references lead nowhere else.

// mostDocument is how large a document may be, in bytes.
const mostDocument = 6 << 20

// described is what a document says of an API.
type described struct {
	api         api.Api
	authorizers map[string]*api.Authorizer // by the name of their scheme
	routes      []*describedRoute
	warnings    []string
}

// describedRoute is a route with its integration, nil for none. Its authoriser is
// named by the scheme.
type describedRoute struct {
	route       api.Route
	scheme      string
	integration *api.Integration
}

// object is a JSON object of the document.
type object = map[string]any

const (
	extIntegration  = "x-amazon-apigateway-integration"
	extIntegrations = "x-amazon-apigateway-integrations"
	extAuthorizer   = "x-amazon-apigateway-authorizer"
	extAuthType     = "x-amazon-apigateway-authtype"
	extAnyMethod    = "x-amazon-apigateway-any-method"
	extCORS         = "x-amazon-apigateway-cors"
	extTag          = "x-amazon-apigateway-tag-value"
)

// readOpenAPI reads a document in JSON or YAML.
func readOpenAPI(body, basepath string) (*described, error) {
	document, err := parseDocument(body)
	if err != nil {
		return nil, err
	}
	d := &described{authorizers: map[string]*api.Authorizer{}}
	if err := d.readInfo(document); err != nil {
		return nil, err
	}
	components, _ := document["components"].(object)
	schemes, _ := components["securitySchemes"].(object)
	for _, name := range sortedNames(schemes) {
		if err := d.readScheme(name, schemes[name]); err != nil {
			return nil, err
		}
	}
	prefix, err := prefixFor(document, basepath)
	if err != nil {
		return nil, err
	}
	paths, ok := document["paths"].(object)
	if !ok {
		return nil, badRequest("Unable to create API: the document has no paths")
	}
	shared, _ := components[extIntegrations].(object)
	for _, path := range sortedNames(paths) {
		if err := d.readPath(prefix, path, paths[path], document["security"], schemes, shared); err != nil {
			return nil, err
		}
	}
	return d, nil
}

func parseDocument(body string) (object, error) {
	if len(body) > mostDocument {
		return nil, badRequest("The document is larger than %d bytes", mostDocument)
	}
	var document object
	err := json.Unmarshal([]byte(body), &document)
	if err != nil {
		var read any
		if err = yaml.Unmarshal([]byte(body), &read); err == nil {
			document, _ = plainObjects(read, 100).(object)
		}
	}
	if err != nil || document == nil {
		return nil, badRequest("Unable to create API due to invalid input: the document is no JSON or YAML object")
	}
	if version, _ := document["openapi"].(string); !strings.HasPrefix(version, "3.0") {
		return nil, badRequest("Unable to create API: the document is not of OpenAPI 3.0")
	}
	return document, nil
}

// plainObjects gives YAML's values as JSON would have them; what nests too deep is
// gone.
func plainObjects(v any, depth int) any {
	if depth == 0 {
		return nil
	}
	switch v := v.(type) {
	case map[string]any:
		for key := range v {
			v[key] = plainObjects(v[key], depth-1)
		}
	case map[any]any:
		out := object{}
		for key, value := range v {
			out[fmt.Sprint(key)] = plainObjects(value, depth-1)
		}
		return out
	case []any:
		for i := range v {
			v[i] = plainObjects(v[i], depth-1)
		}
	case int:
		return float64(v)
	}
	return v
}

func sortedNames(o object) []string {
	names := make([]string, 0, len(o))
	for name := range o {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// into reads a part of the document into a Go value by its JSON names.
func into(part any, to any) error {
	text, err := json.Marshal(part)
	if err == nil {
		err = json.Unmarshal(text, to)
	}
	if err != nil {
		return badRequest("Unable to create API due to invalid input: %.200v", err)
	}
	return nil
}

func (d *described) readInfo(document object) error {
	var info struct{ Title, Description, Version *string }
	if err := into(document["info"], &info); err != nil {
		return err
	}
	if val(info.Title) == "" || len(*info.Title) > 128 {
		return badRequest("Unable to create API: the document's info has no title of 1 to 128 characters")
	}
	d.api.Name, d.api.Description = info.Title, info.Description
	if v := val(info.Version); v != "" && len(v) <= 64 {
		d.api.Version = &v
	}
	var tags []object
	if err := into(document["tags"], &tags); err != nil {
		return err
	}
	for _, tag := range tags {
		name, _ := tag["name"].(string)
		if value, ok := tag[extTag].(string); ok {
			if d.api.Tags == nil {
				d.api.Tags = map[string]string{}
			}
			d.api.Tags[name] = value
		}
	}
	if given, ok := document[extCORS]; ok {
		d.api.CorsConfiguration = &api.Cors{}
		return into(given, d.api.CorsConfiguration)
	}
	return nil
}

// readScheme reads a security scheme that is an authoriser.
func (d *described) readScheme(name string, part any) error {
	scheme, _ := part.(object)
	given, ok := scheme[extAuthorizer]
	if !ok {
		return nil
	}
	var a struct {
		Type                           string                `json:"type"`
		IdentitySource                 any                   `json:"identitySource"`
		JWT                            *api.JWTConfiguration `json:"jwtConfiguration"`
		URI                            *string               `json:"authorizerUri"`
		Credentials                    *string               `json:"authorizerCredentials"`
		AuthorizerPayloadFormatVersion *string               `json:"authorizerPayloadFormatVersion"`
		TTL                            *int64                `json:"authorizerResultTtlInSeconds"`
		Simple                         *bool                 `json:"enableSimpleResponses"`
	}
	if err := into(given, &a); err != nil {
		return err
	}
	x := &api.Authorizer{
		Name: &name, JwtConfiguration: a.JWT, AuthorizerUri: a.URI, AuthorizerCredentialsArn: a.Credentials,
		AuthorizerPayloadFormatVersion: a.AuthorizerPayloadFormatVersion, AuthorizerResultTtlInSeconds: a.TTL, EnableSimpleResponses: a.Simple,
	}
	switch a.Type {
	case "jwt":
		x.AuthorizerType = ptr(api.AuthorizerTypeJwt)
	case "request":
		x.AuthorizerType = ptr(api.AuthorizerTypeRequest)
	default:
		return badRequest("Unable to create API: the authorizer %.128s is of no type that HTTP APIs have", name)
	}
	switch source := a.IdentitySource.(type) {
	case string:
		for _, one := range strings.Split(source, ",") {
			x.IdentitySource = append(x.IdentitySource, strings.TrimSpace(one))
		}
	case []any:
		for _, one := range source {
			x.IdentitySource = append(x.IdentitySource, fmt.Sprint(one))
		}
	}
	d.authorizers[name] = x
	return nil
}

// prefixFor is what is put before every path: the base path of the first server,
// where that is asked for.
func prefixFor(document object, basepath string) (string, error) {
	if basepath == "" || basepath == "ignore" {
		return "", nil
	}
	if basepath != "prepend" {
		return "", badRequest("Invalid basepath: it is ignore or prepend here")
	}
	var servers []struct {
		URL       string `json:"url"`
		Variables map[string]struct {
			Default string `json:"default"`
		} `json:"variables"`
	}
	if err := into(document["servers"], &servers); err != nil || len(servers) == 0 {
		return "", err
	}
	text := servers[0].URL
	for name, v := range servers[0].Variables {
		text = strings.ReplaceAll(text, "{"+name+"}", v.Default)
	}
	if _, rest, ok := strings.Cut(text, "://"); ok {
		_, path, _ := strings.Cut(rest, "/")
		text = "/" + path
	}
	return strings.TrimSuffix(text, "/"), nil
}

// verbs are the methods of a path, as documents write them.
var verbs = []string{"get", "put", "post", "delete", "options", "head", "patch", extAnyMethod}

func (d *described) readPath(prefix, path string, part, security any, schemes, shared object) error {
	item, _ := part.(object)
	for _, verb := range verbs {
		operation, ok := item[verb].(object)
		if !ok {
			continue
		}
		r := &describedRoute{}
		key := strings.ToUpper(verb) + " " + prefix + path
		if verb == extAnyMethod {
			key = "ANY " + prefix + path
		}
		if isDefault, _ := operation["isDefaultRoute"].(bool); isDefault || path == "/$default" {
			key = "$default"
		}
		r.route.RouteKey = &key
		if id, ok := operation["operationId"].(string); ok && id != "" && len(id) <= 64 {
			r.route.OperationName = &id
		}
		required := security
		if own, ok := operation["security"]; ok {
			required = own
		}
		if err := d.readSecurity(r, required, schemes); err != nil {
			return err
		}
		if auth, ok := operation[extAuthType]; ok {
			if auth == "awsSigv4" {
				r.route.AuthorizationType = ptr(api.AuthorizationTypeAwsIam)
			}
		}
		if given, ok := operation[extIntegration].(object); ok {
			if err := r.readIntegration(given, shared); err != nil {
				return err
			}
		} else {
			d.warnings = append(d.warnings, "The route "+key+" has no integration")
		}
		d.routes = append(d.routes, r)
	}
	return nil
}

// readSecurity reads which scheme protects a route: one at the most. What asks for
// one that is no authoriser is refused, or the route would be open that somebody
// thought closed.
func (d *described) readSecurity(r *describedRoute, security any, schemes object) error {
	var all []map[string][]string
	if err := into(security, &all); err != nil || len(all) == 0 {
		return err
	}
	if len(all) > 1 || len(all[0]) != 1 {
		return badRequest("Unable to create API: %s has several security schemes, and a route has one authorizer", val(r.route.RouteKey))
	}
	for name, scopes := range all[0] {
		scheme, _ := schemes[name].(object)
		x := d.authorizers[name]
		switch {
		case scheme[extAuthType] == "awsSigv4":
			r.route.AuthorizationType = ptr(api.AuthorizationTypeAwsIam)
		case x == nil:
			return badRequest("Unable to create API: %s is under the security scheme %.128s, which is no authorizer", val(r.route.RouteKey), name)
		case val(x.AuthorizerType) == api.AuthorizerTypeJwt:
			r.scheme, r.route.AuthorizationType, r.route.AuthorizationScopes = name, ptr(api.AuthorizationTypeJwt), scopes
		default:
			r.scheme, r.route.AuthorizationType = name, ptr(api.AuthorizationTypeCustom)
		}
	}
	return nil
}

func (r *describedRoute) readIntegration(given, shared object) error {
	if reference, ok := given["$ref"].(string); ok {
		name, ok := strings.CutPrefix(reference, "#/components/"+extIntegrations+"/")
		if given, _ = shared[name].(object); !ok || given == nil {
			return badRequest("Unable to create API: %.200s is not in the document", reference)
		}
	}
	var i struct {
		Type                 string                       `json:"type"`
		URI                  *string                      `json:"uri"`
		Method               *string                      `json:"httpMethod"`
		PayloadFormatVersion any                          `json:"payloadFormatVersion"`
		Timeout              *int64                       `json:"timeoutInMillis"`
		ConnectionType       *string                      `json:"connectionType"`
		ConnectionID         *string                      `json:"connectionId"`
		Credentials          *string                      `json:"credentials"`
		Subtype              *string                      `json:"integrationSubtype"`
		Description          *string                      `json:"description"`
		Request              map[string]string            `json:"requestParameters"`
		Response             map[string]map[string]string `json:"responseParameters"`
	}
	if err := into(given, &i); err != nil {
		return err
	}
	if i.Timeout != nil && (*i.Timeout < 50 || *i.Timeout > 30_000) {
		return badRequest("Unable to create API: timeoutInMillis is from 50 to 30000")
	}
	r.integration = &api.Integration{
		IntegrationType: ptr(strings.ToUpper(i.Type)), IntegrationUri: i.URI, IntegrationMethod: i.Method, TimeoutInMillis: i.Timeout,
		ConnectionType: i.ConnectionType, ConnectionId: i.ConnectionID, CredentialsArn: i.Credentials, IntegrationSubtype: i.Subtype, Description: i.Description,
		RequestParameters: i.Request, ResponseParameters: i.Response,
	}
	switch version := i.PayloadFormatVersion.(type) {
	case string:
		r.integration.PayloadFormatVersion = &version
	case float64:
		r.integration.PayloadFormatVersion = ptr(fmt.Sprintf("%.1f", version))
	}
	return nil
}
