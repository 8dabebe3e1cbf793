package apigateway

import (
	"encoding/json"
	"errors"
	"fmt"
	"sort"
	"strings"

	"go.yaml.in/yaml/v3"

	api "cloister/internal/awsapi/apigateway"
	"cloister/internal/door"
	"cloister/internal/store"
)

// maxImport is how large a document is at most (AWS's quota: 6 MB).
const maxImport = 6 << 20

// document is what is read of a Swagger 2.0 or OpenAPI 3.0 definition with API
// Gateway's extensions
// (https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-swagger-extensions.html).
type document struct {
	Swagger string `json:"swagger"`
	OpenAPI string `json:"openapi"`
	Info    struct {
		Title       string `json:"title"`
		Description string `json:"description"`
		Version     any    `json:"version"`
	} `json:"info"`
	BasePath    string                                `json:"basePath"`
	Paths       map[string]map[string]json.RawMessage `json:"paths"`
	Definitions map[string]json.RawMessage            `json:"definitions"`
	Security    []map[string][]string                 `json:"security"`
	SchemesV2   map[string]*scheme                    `json:"securityDefinitions"`
	Components  struct {
		Schemas map[string]json.RawMessage `json:"schemas"`
		Schemes map[string]*scheme         `json:"securitySchemes"`
	} `json:"components"`
	Policy      json.RawMessage            `json:"x-amazon-apigateway-policy"`
	Binary      []string                   `json:"x-amazon-apigateway-binary-media-types"`
	KeySource   string                     `json:"x-amazon-apigateway-api-key-source"`
	Compression *int64                     `json:"x-amazon-apigateway-minimum-compression-size"`
	Responses   map[string]gatewayResponse `json:"x-amazon-apigateway-gateway-responses"`
	Validators  map[string]struct {
		Body       bool `json:"validateRequestBody"`
		Parameters bool `json:"validateRequestParameters"`
	} `json:"x-amazon-apigateway-request-validators"`
	Validator string `json:"x-amazon-apigateway-request-validator"`
}

type gatewayResponse struct {
	StatusCode any               `json:"statusCode"`
	Parameters map[string]string `json:"responseParameters"`
	Templates  map[string]string `json:"responseTemplates"`
}

type scheme struct {
	Type       string `json:"type"`
	Name       string `json:"name"`
	In         string `json:"in"`
	AuthType   string `json:"x-amazon-apigateway-authtype"`
	Authorizer *struct {
		Type       string   `json:"type"`
		URI        string   `json:"authorizerUri"`
		TTL        *int64   `json:"authorizerResultTtlInSeconds"`
		Source     string   `json:"identitySource"`
		Validation *string  `json:"identityValidationExpression"`
		Pools      []string `json:"providerARNs"`
	} `json:"x-amazon-apigateway-authorizer"`
}

type operation struct {
	OperationID string      `json:"operationId"`
	Parameters  []parameter `json:"parameters"`
	RequestBody *struct {
		Content map[string]media `json:"content"`
	} `json:"requestBody"`
	Consumes  []string `json:"consumes"`
	Responses map[string]struct {
		Schema  *schemaRef       `json:"schema"`
		Content map[string]media `json:"content"`
		Headers map[string]any   `json:"headers"`
	} `json:"responses"`
	Security    *[]map[string][]string `json:"security"`
	Integration *integrationDocument   `json:"x-amazon-apigateway-integration"`
	Validator   string                 `json:"x-amazon-apigateway-request-validator"`
	Auth        *struct {
		Type string `json:"type"`
	} `json:"x-amazon-apigateway-auth"`
}

type media struct {
	Schema *schemaRef `json:"schema"`
}

type schemaRef struct {
	Ref string `json:"$ref"`
}

type parameter struct {
	Name     string     `json:"name"`
	In       string     `json:"in"`
	Required bool       `json:"required"`
	Schema   *schemaRef `json:"schema"`
}

type integrationDocument struct {
	Type        string            `json:"type"`
	Method      string            `json:"httpMethod"`
	URI         string            `json:"uri"`
	Credentials *string           `json:"credentials"`
	Passthrough string            `json:"passthroughBehavior"`
	Content     *string           `json:"contentHandling"`
	Timeout     *int64            `json:"timeoutInMillis"`
	Connection  *string           `json:"connectionType"`
	Parameters  map[string]string `json:"requestParameters"`
	Templates   map[string]string `json:"requestTemplates"`
	Responses   map[string]struct {
		StatusCode any               `json:"statusCode"`
		Parameters map[string]string `json:"responseParameters"`
		Templates  map[string]string `json:"responseTemplates"`
		Content    *string           `json:"contentHandling"`
	} `json:"responses"`
}

// readDocument reads a definition in JSON or YAML.
func readDocument(body []byte) (*document, error) {
	if len(body) > maxImport {
		return nil, badRequest("The document is larger than 6 MB")
	}
	if !json.Valid(body) {
		var v any
		if err := yaml.Unmarshal(body, &v); err != nil {
			return nil, badRequest("Invalid OpenAPI input: it is neither JSON nor YAML")
		}
		var err error
		if body, err = json.Marshal(v); err != nil {
			return nil, badRequest("Invalid OpenAPI input: its keys are texts")
		}
	}
	d := &document{}
	if err := json.Unmarshal(body, d); err != nil {
		return nil, badRequest("Invalid OpenAPI input: %v", err)
	}
	if d.Swagger != "2.0" && !strings.HasPrefix(d.OpenAPI, "3.0") {
		return nil, badRequest("Invalid OpenAPI input: the versions swagger 2.0 and openapi 3.0 are supported")
	}
	if d.Info.Title == "" {
		return nil, badRequest("Invalid OpenAPI input: info.title is missing")
	}
	return d, nil
}

func (s *Service) importAPI(c *door.Call, tx *store.Tx, in *api.ImportRestApiRequest) (*api.RestApi, error) {
	d, err := readDocument(in.Body)
	if err != nil {
		return nil, err
	}
	a := newAPI(c, d.Info.Title)
	if err := a.lay(d, in.Parameters["basepath"]); err != nil {
		return nil, err
	}
	return &a.API, s.insertAPI(c, tx, a)
}

func (s *Service) overwriteAPI(c *door.Call, a *apiRow, in *api.PutRestApiRequest) (*api.RestApi, error) {
	d, err := readDocument(in.Body)
	if err != nil {
		return nil, err
	}
	switch or(in.Mode, "merge") {
	case "overwrite":
		fresh := newAPI(c, d.Info.Title)
		root := fresh.Definition.Resources[*fresh.API.RootResourceId]
		delete(fresh.Definition.Resources, *root.Id)
		root.Id = a.API.RootResourceId
		fresh.Definition.Resources[*root.Id] = root
		a.Definition = fresh.Definition
	case "merge":
	default:
		return nil, badRequest(`Enumeration value of OpenAPI import mode must be "overwrite" or "merge"`)
	}
	return &a.API, a.lay(d, in.Parameters["basepath"])
}

// lay lays a definition over the API.
func (a *apiRow) lay(d *document, basePath string) error {
	if a.API.Description == nil && d.Info.Description != "" {
		a.API.Description = &d.Info.Description
	}
	a.API.Name = &d.Info.Title
	if d.Info.Version != nil {
		a.API.Version = ptr(fmt.Sprint(d.Info.Version))
	}
	if len(d.Policy) > 0 && string(d.Policy) != "null" {
		a.API.Policy = ptr(string(d.Policy))
	}
	if d.Binary != nil {
		a.API.BinaryMediaTypes = d.Binary
	}
	if d.KeySource != "" {
		a.API.ApiKeySource = &d.KeySource
	}
	if d.Compression != nil {
		a.API.MinimumCompressionSize = d.Compression
	}
	if err := errors.Join(a.layModels(d), a.layAuthorizers(d), a.layParts(d)); err != nil {
		return err
	}
	prefix := ""
	if basePath == "prepend" {
		prefix = strings.TrimSuffix(d.BasePath, "/")
	}
	for _, path := range keysOf(d.Paths) {
		r, err := a.at(prefix + path)
		if err != nil {
			return err
		}
		if err := a.layPath(d, r, d.Paths[path]); err != nil {
			return err
		}
	}
	return nil
}

func (a *apiRow) layModels(d *document) error {
	schemas := d.Definitions
	if schemas == nil {
		schemas = d.Components.Schemas
	}
	for _, name := range keysOf(schemas) {
		if !modelName.MatchString(name) {
			return badRequest("Model name must be alphanumeric: %.200s", name)
		}
		text := strings.NewReplacer(`"#/definitions/`, `"`+schemaBase, `"#/components/schemas/`, `"`+schemaBase).Replace(string(schemas[name]))
		a.Definition.Models[name] = &api.Model{Id: ptr(newID(6)), Name: ptr(name), ContentType: ptr("application/json"), Schema: ptr(text)}
	}
	for _, name := range keysOf(schemas) {
		if err := a.checkModel(a.Definition.Models[name]); err != nil {
			return err
		}
	}
	return nil
}

func (d *document) schemes() map[string]*scheme {
	if d.SchemesV2 != nil {
		return d.SchemesV2
	}
	return d.Components.Schemes
}

func (a *apiRow) layAuthorizers(d *document) error {
	for _, name := range keysOf(d.schemes()) {
		sch := d.schemes()[name]
		if sch == nil || sch.Authorizer == nil {
			continue
		}
		x := &api.Authorizer{Name: ptr(name), AuthorizerResultTtlInSeconds: sch.Authorizer.TTL, IdentityValidationExpression: sch.Authorizer.Validation, AuthType: ptr(sch.AuthType)}
		switch strings.ToLower(sch.Authorizer.Type) {
		case "token":
			x.Type, x.IdentitySource = ptr("TOKEN"), ptr("method.request.header."+sch.Name)
		case "request":
			x.Type = ptr("REQUEST")
		case "cognito_user_pools":
			x.Type, x.ProviderARNs, x.IdentitySource = ptr(kindCognito), sch.Authorizer.Pools, ptr("method.request.header."+sch.Name)
		default:
			return badRequest("Invalid authorizer type of %.100s", name)
		}
		if sch.Authorizer.URI != "" {
			x.AuthorizerUri = &sch.Authorizer.URI
		}
		if sch.Authorizer.Source != "" {
			x.IdentitySource = &sch.Authorizer.Source
		}
		if x.Id = a.authorizerNamed(name); x.Id == nil {
			x.Id = ptr(newID(6))
		}
		a.Definition.Authorizers[*x.Id] = x
		if err := a.checkAuthorizer(x); err != nil {
			return err
		}
	}
	return nil
}

func (a *apiRow) authorizerNamed(name string) *string {
	for id, x := range a.Definition.Authorizers {
		if val(x.Name) == name {
			return &id
		}
	}
	return nil
}

func (a *apiRow) layParts(d *document) error {
	for name, v := range d.Validators {
		id := a.validatorNamed(name)
		if id == nil {
			id = ptr(newID(6))
		}
		a.Definition.Validators[*id] = &api.RequestValidator{Id: id, Name: ptr(name), ValidateRequestBody: &v.Body, ValidateRequestParameters: &v.Parameters}
	}
	for kind, g := range d.Responses {
		if _, ok := refusalTypes[kind]; !ok {
			return badRequest("Invalid gateway response type: %.100s", kind)
		}
		r := &api.GatewayResponse{ResponseType: ptr(kind), ResponseParameters: g.Parameters, ResponseTemplates: g.Templates, DefaultResponse: ptr(false)}
		if g.StatusCode != nil {
			r.StatusCode = ptr(fmt.Sprint(g.StatusCode))
		}
		if r.ResponseTemplates == nil {
			r.ResponseTemplates = map[string]string{"application/json": usualTemplate}
		}
		if err := checkResponse(r); err != nil {
			return err
		}
		a.Definition.Responses[kind] = r
	}
	return nil
}

func (a *apiRow) validatorNamed(name string) *string {
	for id, v := range a.Definition.Validators {
		if val(v.Name) == name {
			return &id
		}
	}
	return nil
}

// at is the resource of a path, made if it is not there.
func (a *apiRow) at(path string) (*api.Resource, error) {
	r := a.Definition.Resources[*a.API.RootResourceId]
	for _, part := range strings.Split(strings.Trim(path, "/"), "/") {
		if part == "" {
			continue
		}
		next := a.child(r, part)
		if next == nil {
			var err error
			if next, err = a.addResource(r, part); err != nil {
				return nil, err
			}
		}
		r = next
	}
	return r, nil
}

func (a *apiRow) child(parent *api.Resource, part string) *api.Resource {
	for _, r := range a.Definition.Resources {
		if r.ParentId != nil && *r.ParentId == *parent.Id && val(r.PathPart) == part {
			return r
		}
	}
	return nil
}

func (a *apiRow) layPath(d *document, r *api.Resource, item map[string]json.RawMessage) error {
	var shared []parameter
	if text, ok := item["parameters"]; ok {
		if err := json.Unmarshal(text, &shared); err != nil {
			return badRequest("Invalid OpenAPI input: the parameters of %.200s cannot be read", val(r.Path))
		}
	}
	for _, word := range keysOf(item) {
		name := strings.ToUpper(word)
		if word == "x-amazon-apigateway-any-method" {
			name = "ANY"
		}
		if !strings.Contains(" GET POST PUT PATCH DELETE HEAD OPTIONS ANY ", " "+name+" ") {
			continue
		}
		op := &operation{}
		if err := json.Unmarshal(item[word], op); err != nil {
			return badRequest("Invalid OpenAPI input: %s %.200s cannot be read: %v", name, val(r.Path), err)
		}
		op.Parameters = append(shared, op.Parameters...)
		m, err := a.methodOf(d, name, op)
		if err != nil {
			return err
		}
		r.ResourceMethods[name] = m
	}
	return nil
}

func (a *apiRow) methodOf(d *document, name string, op *operation) (*api.Method, error) {
	m := &api.Method{HttpMethod: ptr(name), AuthorizationType: ptr(kindNone), ApiKeyRequired: ptr(false), RequestParameters: map[string]bool{}, RequestModels: map[string]string{}}
	if op.OperationID != "" {
		m.OperationName = &op.OperationID
	}
	if err := a.secure(d, m, op); err != nil {
		return nil, err
	}
	places := map[string]string{"path": "path", "query": "querystring", "header": "header"}
	for _, p := range op.Parameters {
		if place := places[p.In]; place != "" {
			m.RequestParameters["method.request."+place+"."+p.Name] = p.Required
		}
		if p.In == "body" && p.Schema != nil && p.Schema.Ref != "" {
			kinds := op.Consumes
			if len(kinds) == 0 {
				kinds = []string{"application/json"}
			}
			for _, kind := range kinds {
				m.RequestModels[kind] = modelOf(p.Schema.Ref)
			}
		}
	}
	if op.RequestBody != nil {
		for kind, content := range op.RequestBody.Content {
			if content.Schema != nil && content.Schema.Ref != "" {
				m.RequestModels[kind] = modelOf(content.Schema.Ref)
			}
		}
	}
	if name := op.Validator; name != "" || d.Validator != "" {
		if name == "" {
			name = d.Validator
		}
		if m.RequestValidatorId = a.validatorNamed(name); m.RequestValidatorId == nil {
			return nil, badRequest("Invalid request validator: %.100s", name)
		}
	}
	a.layResponses(m, op)
	return m, a.layIntegration(m, op.Integration)
}

func modelOf(ref string) string { return ref[strings.LastIndexByte(ref, '/')+1:] }

// secure finds what authorises an operation: the first requirement that names an
// authoriser or a signature, and beside it an API key.
func (a *apiRow) secure(d *document, m *api.Method, op *operation) error {
	if op.Auth != nil && strings.EqualFold(op.Auth.Type, kindIAM) {
		m.AuthorizationType = ptr(kindIAM)
	}
	required := d.Security
	if op.Security != nil {
		required = *op.Security
	}
	for _, one := range required {
		for _, name := range keysOf(one) {
			sch := d.schemes()[name]
			switch {
			case sch == nil:
				return badRequest("Unable to find the security scheme %.100s", name)
			case sch.Authorizer != nil:
				m.AuthorizerId, m.AuthorizationType = a.authorizerNamed(name), ptr(kindCustom)
				if strings.EqualFold(sch.Authorizer.Type, kindCognito) {
					m.AuthorizationType, m.AuthorizationScopes = ptr(kindCognito), one[name]
				}
			case strings.EqualFold(sch.AuthType, "awsSigv4"):
				m.AuthorizationType = ptr(kindIAM)
			case sch.Type == "apiKey" && strings.EqualFold(sch.Name, "x-api-key"):
				m.ApiKeyRequired = ptr(true)
			default:
				// Leaving it out would let in whom the document keeps out.
				return badRequest("The security scheme %.100s has no x-amazon-apigateway-authorizer", name)
			}
		}
	}
	return nil
}

func (a *apiRow) layResponses(m *api.Method, op *operation) {
	for code, r := range op.Responses {
		if !status.MatchString(code) {
			continue
		}
		out := &api.MethodResponse{StatusCode: ptr(code), ResponseParameters: map[string]bool{}, ResponseModels: map[string]string{}}
		for name := range r.Headers {
			out.ResponseParameters["method.response.header."+name] = false
		}
		if r.Schema != nil && r.Schema.Ref != "" {
			out.ResponseModels["application/json"] = modelOf(r.Schema.Ref)
		}
		for kind, content := range r.Content {
			if content.Schema != nil && content.Schema.Ref != "" {
				out.ResponseModels[kind] = modelOf(content.Schema.Ref)
			}
		}
		if m.MethodResponses == nil {
			m.MethodResponses = map[string]*api.MethodResponse{}
		}
		m.MethodResponses[code] = out
	}
}

func (a *apiRow) layIntegration(m *api.Method, x *integrationDocument) error {
	if x == nil {
		return nil
	}
	i := &api.Integration{
		Type: ptr(strings.ToUpper(x.Type)), Credentials: x.Credentials, PassthroughBehavior: ptr("WHEN_NO_MATCH"), ContentHandling: x.Content,
		TimeoutInMillis: ptr(or(x.Timeout, 29_000)), ConnectionType: x.Connection, RequestParameters: x.Parameters, RequestTemplates: x.Templates,
	}
	if x.Method != "" {
		i.HttpMethod = ptr(strings.ToUpper(x.Method))
	}
	if x.URI != "" {
		i.Uri = &x.URI
	}
	if x.Passthrough != "" {
		i.PassthroughBehavior = ptr(strings.ToUpper(x.Passthrough))
	}
	var patterns []string
	for pattern := range x.Responses {
		patterns = append(patterns, pattern)
	}
	sort.Strings(patterns)
	for _, pattern := range patterns {
		r := x.Responses[pattern]
		code := fmt.Sprint(r.StatusCode)
		if !status.MatchString(code) {
			return badRequest("Invalid status code specified: %.20s", code)
		}
		if i.IntegrationResponses == nil {
			i.IntegrationResponses = map[string]*api.IntegrationResponse{}
		}
		out := &api.IntegrationResponse{StatusCode: &code, ResponseParameters: r.Parameters, ResponseTemplates: r.Templates, ContentHandling: r.Content}
		if pattern != "default" {
			out.SelectionPattern = ptr(pattern)
		}
		i.IntegrationResponses[code] = out
	}
	m.MethodIntegration = i
	return nil
}
