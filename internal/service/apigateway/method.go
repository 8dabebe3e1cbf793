package apigateway

import (
	"regexp"
	"slices"
	"strings"

	"golang.org/x/net/http/httpguts"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/apigateway"
	"cloister/internal/door"
)

var httpMethods = []string{"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "ANY"}

// Kinds of authorisation.
const (
	kindNone    = "NONE"
	kindIAM     = "AWS_IAM"
	kindCustom  = "CUSTOM"
	kindCognito = "COGNITO_USER_POOLS"
)

func (a *apiRow) method(resourceID, name *string) (*api.Method, error) {
	r, err := a.resource(resourceID)
	if err != nil {
		return nil, err
	}
	m := r.ResourceMethods[val(name)]
	if m == nil {
		return nil, notFound("Invalid Method identifier specified")
	}
	return m, nil
}

func putMethod(_ *door.Call, a *apiRow, in *api.PutMethodRequest) (*api.Method, error) {
	r, err := a.resource(in.ResourceId)
	if err != nil {
		return nil, err
	}
	if !slices.Contains(httpMethods, val(in.HttpMethod)) {
		return nil, badRequest("Invalid HTTP method specified: %.50s", val(in.HttpMethod))
	}
	if r.ResourceMethods[*in.HttpMethod] != nil {
		return nil, conflict("Method already exists for this resource")
	}
	m := &api.Method{
		HttpMethod: in.HttpMethod, AuthorizationType: in.AuthorizationType, AuthorizerId: in.AuthorizerId, ApiKeyRequired: ptr(val(in.ApiKeyRequired)),
		OperationName: in.OperationName, RequestParameters: in.RequestParameters, RequestModels: in.RequestModels,
		RequestValidatorId: in.RequestValidatorId, AuthorizationScopes: in.AuthorizationScopes,
	}
	r.ResourceMethods[*in.HttpMethod] = m
	return m, nil
}

func getMethod(a *apiRow, in *api.GetMethodRequest) (*api.Method, error) {
	return a.method(in.ResourceId, in.HttpMethod)
}

func updateMethod(_ *door.Call, a *apiRow, in *api.UpdateMethodRequest) (*api.Method, error) {
	m, err := a.method(in.ResourceId, in.HttpMethod)
	if err != nil {
		return nil, err
	}
	return m, patch(m, in.PatchOperations, "/authorizationType", "/authorizerId", "/apiKeyRequired", "/operationName", "/requestValidatorId",
		"/requestParameters/*", "/requestModels/*", "/authorizationScopes", "/authorizationScopes/*")
}

func deleteMethod(_ *door.Call, a *apiRow, in *api.DeleteMethodRequest) (*awsapi.None, error) {
	if _, err := a.method(in.ResourceId, in.HttpMethod); err != nil {
		return nil, err
	}
	delete(a.Definition.Resources[*in.ResourceId].ResourceMethods, *in.HttpMethod)
	return &awsapi.None{}, nil
}

var status = regexp.MustCompile(`^[1-5]\d\d$`)

func putMethodResponse(_ *door.Call, a *apiRow, in *api.PutMethodResponseRequest) (*api.MethodResponse, error) {
	m, err := a.method(in.ResourceId, in.HttpMethod)
	if err != nil {
		return nil, err
	}
	if !status.MatchString(val(in.StatusCode)) {
		return nil, badRequest("Invalid status code specified: %.20s", val(in.StatusCode))
	}
	if m.MethodResponses[*in.StatusCode] != nil {
		return nil, conflict("Response already exists for this resource")
	}
	r := &api.MethodResponse{StatusCode: in.StatusCode, ResponseParameters: in.ResponseParameters, ResponseModels: in.ResponseModels}
	if m.MethodResponses == nil {
		m.MethodResponses = map[string]*api.MethodResponse{}
	}
	m.MethodResponses[*in.StatusCode] = r
	return r, nil
}

func (a *apiRow) methodResponse(resource, method, code *string) (*api.Method, *api.MethodResponse, error) {
	m, err := a.method(resource, method)
	if err != nil {
		return nil, nil, err
	}
	r := m.MethodResponses[val(code)]
	if r == nil {
		return nil, nil, notFound("Invalid Response status code specified")
	}
	return m, r, nil
}

func getMethodResponse(a *apiRow, in *api.GetMethodResponseRequest) (*api.MethodResponse, error) {
	_, r, err := a.methodResponse(in.ResourceId, in.HttpMethod, in.StatusCode)
	return r, err
}

func updateMethodResponse(_ *door.Call, a *apiRow, in *api.UpdateMethodResponseRequest) (*api.MethodResponse, error) {
	_, r, err := a.methodResponse(in.ResourceId, in.HttpMethod, in.StatusCode)
	if err != nil {
		return nil, err
	}
	return r, patch(r, in.PatchOperations, "/responseParameters/*", "/responseModels/*")
}

func deleteMethodResponse(_ *door.Call, a *apiRow, in *api.DeleteMethodResponseRequest) (*awsapi.None, error) {
	m, _, err := a.methodResponse(in.ResourceId, in.HttpMethod, in.StatusCode)
	if err != nil {
		return nil, err
	}
	delete(m.MethodResponses, *in.StatusCode)
	return &awsapi.None{}, nil
}

var (
	requestParameter  = regexp.MustCompile(`^method\.request\.(path|querystring|multivaluequerystring|header|multivalueheader)\.([^\s]+)$`)
	responseParameter = regexp.MustCompile(`^method\.response\.header\.([^\s]+)$`)
)

// checkMethods refuses methods that refer to what is not there, or mean nothing.
func (a *apiRow) checkMethods() error {
	for _, r := range values(a.Definition.Resources) {
		for _, m := range values(r.ResourceMethods) {
			if err := a.checkMethod(m); err != nil {
				return err
			}
		}
	}
	return nil
}

func (a *apiRow) checkMethod(m *api.Method) error {
	if err := a.checkAuthorization(m); err != nil {
		return err
	}
	if m.RequestValidatorId != nil && a.Definition.Validators[*m.RequestValidatorId] == nil {
		return badRequest("Invalid Request Validator identifier specified")
	}
	for name := range m.RequestParameters {
		if p := requestParameter.FindStringSubmatch(name); p == nil || strings.HasSuffix(p[1], "header") && !httpguts.ValidHeaderFieldName(p[2]) {
			return badRequest("Invalid mapping expression specified: Validation Result: warnings : [], errors : [Invalid mapping expression parameter specified: %.200s]", name)
		}
	}
	if err := a.checkModels(m.RequestModels); err != nil {
		return err
	}
	for _, r := range m.MethodResponses {
		for name := range r.ResponseParameters {
			if p := responseParameter.FindStringSubmatch(name); p == nil || !httpguts.ValidHeaderFieldName(p[1]) {
				return badRequest("Invalid mapping expression specified: Validation Result: warnings : [], errors : [Invalid mapping expression parameter specified: %.200s]", name)
			}
		}
		if err := a.checkModels(r.ResponseModels); err != nil {
			return err
		}
	}
	if m.MethodIntegration != nil {
		return a.checkIntegration(m, m.MethodIntegration)
	}
	return nil
}

func (a *apiRow) checkModels(models map[string]string) error {
	for _, name := range models {
		if a.Definition.Models[name] == nil {
			return badRequest("Invalid model identifier specified: %.200s", name)
		}
	}
	return nil
}

func (a *apiRow) checkAuthorization(m *api.Method) error {
	x := a.Definition.Authorizers[val(m.AuthorizerId)]
	fits := false
	switch val(m.AuthorizationType) {
	case kindNone, kindIAM:
		m.AuthorizerId, m.AuthorizationScopes = nil, nil
		return nil
	case kindCustom:
		fits = x != nil && val(x.Type) != kindCognito
	case kindCognito:
		fits = x != nil && val(x.Type) == kindCognito
	default:
		return badRequest("Invalid authorization type specified")
	}
	if !fits {
		return badRequest("Invalid authorizer ID specified. Setting the authorization type to CUSTOM or COGNITO_USER_POOLS requires a valid authorizer.")
	}
	if len(m.AuthorizationScopes) > 0 && val(m.AuthorizationType) != kindCognito {
		return badRequest("Authorization scopes are for COGNITO_USER_POOLS authorizers")
	}
	return nil
}
