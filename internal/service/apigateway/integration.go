package apigateway

import (
	"net/url"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/net/http/httpguts"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/apigateway"
	"cloister/internal/door"
	"cloister/internal/gate/vtl"
)

// Kinds of integrations.
const (
	typeLambda = "AWS"
	typeProxy  = "AWS_PROXY"
	typeHTTP   = "HTTP"
	typeHTTPPx = "HTTP_PROXY"
	typeMock   = "MOCK"
)

func putIntegration(_ *door.Call, a *apiRow, in *api.PutIntegrationRequest) (*api.Integration, error) {
	m, err := a.method(in.ResourceId, in.HttpMethod)
	if err != nil {
		return nil, err
	}
	i := &api.Integration{
		Type: in.Type, HttpMethod: in.IntegrationHttpMethod, Uri: in.Uri, ConnectionType: in.ConnectionType, ConnectionId: in.ConnectionId,
		Credentials: in.Credentials, RequestParameters: in.RequestParameters, RequestTemplates: in.RequestTemplates,
		PassthroughBehavior: ptr(or(in.PassthroughBehavior, "WHEN_NO_MATCH")), CacheNamespace: ptr(or(in.CacheNamespace, val(in.ResourceId))),
		CacheKeyParameters: in.CacheKeyParameters, ContentHandling: in.ContentHandling, TimeoutInMillis: ptr(or(in.TimeoutInMillis, 29_000)), TlsConfig: in.TlsConfig,
	}
	m.MethodIntegration = i
	return i, nil
}

func (a *apiRow) integration(resource, method *string) (*api.Method, *api.Integration, error) {
	m, err := a.method(resource, method)
	if err != nil {
		return nil, nil, err
	}
	if m.MethodIntegration == nil {
		return nil, nil, notFound("Invalid Integration identifier specified")
	}
	return m, m.MethodIntegration, nil
}

func getIntegration(a *apiRow, in *api.GetIntegrationRequest) (*api.Integration, error) {
	_, i, err := a.integration(in.ResourceId, in.HttpMethod)
	return i, err
}

func updateIntegration(_ *door.Call, a *apiRow, in *api.UpdateIntegrationRequest) (*api.Integration, error) {
	_, i, err := a.integration(in.ResourceId, in.HttpMethod)
	if err != nil {
		return nil, err
	}
	return i, patch(i, in.PatchOperations, "/uri", "/httpMethod", "/credentials", "/passthroughBehavior", "/contentHandling", "/timeoutInMillis", "/cacheNamespace",
		"/requestParameters/*", "/requestTemplates/*", "/cacheKeyParameters", "/cacheKeyParameters/*", "/connectionType", "/connectionId", "/tlsConfig/insecureSkipVerification")
}

func deleteIntegration(_ *door.Call, a *apiRow, in *api.DeleteIntegrationRequest) (*awsapi.None, error) {
	m, _, err := a.integration(in.ResourceId, in.HttpMethod)
	if err != nil {
		return nil, err
	}
	m.MethodIntegration = nil
	return &awsapi.None{}, nil
}

func putIntegrationResponse(_ *door.Call, a *apiRow, in *api.PutIntegrationResponseRequest) (*api.IntegrationResponse, error) {
	_, i, err := a.integration(in.ResourceId, in.HttpMethod)
	if err != nil {
		return nil, err
	}
	if !status.MatchString(val(in.StatusCode)) {
		return nil, badRequest("Invalid status code specified: %.20s", val(in.StatusCode))
	}
	if i.IntegrationResponses == nil {
		i.IntegrationResponses = map[string]*api.IntegrationResponse{}
	}
	r := &api.IntegrationResponse{
		StatusCode: in.StatusCode, SelectionPattern: in.SelectionPattern, ResponseParameters: in.ResponseParameters,
		ResponseTemplates: in.ResponseTemplates, ContentHandling: in.ContentHandling,
	}
	i.IntegrationResponses[*in.StatusCode] = r
	return r, nil
}

func (a *apiRow) integrationResponse(resource, method, code *string) (*api.Integration, *api.IntegrationResponse, error) {
	_, i, err := a.integration(resource, method)
	if err != nil {
		return nil, nil, err
	}
	r := i.IntegrationResponses[val(code)]
	if r == nil {
		return nil, nil, notFound("Invalid Response status code specified")
	}
	return i, r, nil
}

func getIntegrationResponse(a *apiRow, in *api.GetIntegrationResponseRequest) (*api.IntegrationResponse, error) {
	_, r, err := a.integrationResponse(in.ResourceId, in.HttpMethod, in.StatusCode)
	return r, err
}

func updateIntegrationResponse(_ *door.Call, a *apiRow, in *api.UpdateIntegrationResponseRequest) (*api.IntegrationResponse, error) {
	_, r, err := a.integrationResponse(in.ResourceId, in.HttpMethod, in.StatusCode)
	if err != nil {
		return nil, err
	}
	return r, patch(r, in.PatchOperations, "/selectionPattern", "/contentHandling", "/responseParameters/*", "/responseTemplates/*")
}

func deleteIntegrationResponse(_ *door.Call, a *apiRow, in *api.DeleteIntegrationResponseRequest) (*awsapi.None, error) {
	i, _, err := a.integrationResponse(in.ResourceId, in.HttpMethod, in.StatusCode)
	if err != nil {
		return nil, err
	}
	delete(i.IntegrationResponses, *in.StatusCode)
	return &awsapi.None{}, nil
}

const variable = `\$\{stageVariables\.[A-Za-z0-9_]+\}`

var (
	stageVariable = regexp.MustCompile(variable)
	functionARN   = regexp.MustCompile(`^arn:aws:lambda:([a-z0-9-]+):(\d{12}):function:((?:[A-Za-z0-9_-]|` + variable + `){1,140})(?::((?:[A-Za-z0-9_$-]|` + variable + `){1,140}))?$`)
	invocations   = regexp.MustCompile(`^arn:aws:apigateway:([a-z0-9-]+):lambda:path/2015-03-31/functions/(.+)/invocations$`)
)

// functionOf is the ARN of the function that an URI invokes; "" for none.
func functionOf(uri string) string {
	m := invocations.FindStringSubmatch(uri)
	if m == nil || !functionARN.MatchString(m[2]) {
		return ""
	}
	return m[2]
}

func (a *apiRow) checkFunction(uri string) error {
	arn := functionOf(uri)
	switch {
	case arn != "" && functionARN.FindStringSubmatch(arn)[1] == a.Region && invocations.FindStringSubmatch(uri)[1] == a.Region:
		return nil
	case arn == "" && strings.HasPrefix(uri, "arn:aws:apigateway:"):
		return badRequest("AWS integrations are with Lambda functions here: arn:aws:apigateway:REGION:lambda:path/2015-03-31/functions/FUNCTION/invocations")
	}
	return badRequest("Invalid ARN specified in the request")
}

func (a *apiRow) checkIntegration(m *api.Method, i *api.Integration) error {
	switch {
	case i.Credentials != nil:
		return badRequest("credentials are not supported here: give apigateway.amazonaws.com permission in the function's policy")
	case or(i.ConnectionType, "INTERNET") != "INTERNET" || i.ConnectionId != nil:
		return badRequest("Only the connection type INTERNET exists here")
	case i.TlsConfig != nil && val(i.TlsConfig.InsecureSkipVerification):
		return badRequest("insecureSkipVerification is not supported here: the other side has to be who it says")
	case or(i.TimeoutInMillis, 29_000) < 50 || or(i.TimeoutInMillis, 29_000) > 29_000:
		return badRequest("Timeout should be between 50 ms and 29000 ms")
	case !slices.Contains([]string{"WHEN_NO_MATCH", "WHEN_NO_TEMPLATES", "NEVER"}, or(i.PassthroughBehavior, "WHEN_NO_MATCH")):
		return badRequest("Invalid passthrough behavior specified")
	}
	if err := a.checkBackend(i); err != nil {
		return err
	}
	if err := checkTemplates(i.RequestTemplates); err != nil {
		return err
	}
	for to, from := range i.RequestParameters {
		if !validTarget(to) || !validSource(from, false) {
			return badMapping(to)
		}
	}
	for _, r := range i.IntegrationResponses {
		if err := checkIntegrationResponse(r); err != nil {
			return err
		}
	}
	return nil
}

func (a *apiRow) checkBackend(i *api.Integration) error {
	switch val(i.Type) {
	case typeProxy, typeLambda:
		if val(i.HttpMethod) != "POST" {
			return badRequest("Enumeration value for HttpMethod must be non-empty, and it is POST for Lambda functions")
		}
		return a.checkFunction(val(i.Uri))
	case typeHTTP, typeHTTPPx:
		if !slices.Contains(httpMethods, val(i.HttpMethod)) {
			return badRequest("Enumeration value for HttpMethod must be non-empty")
		}
		_, err := parseTarget(stageVariable.ReplaceAllString(val(i.Uri), "x"))
		return err
	case typeMock:
		return nil
	}
	return badRequest("Invalid integration type specified")
}

func checkIntegrationResponse(r *api.IntegrationResponse) error {
	if _, err := selection(val(r.SelectionPattern)); err != nil {
		return badRequest("Invalid selection pattern: it is no regular expression that is supported")
	}
	if err := checkTemplates(r.ResponseTemplates); err != nil {
		return err
	}
	for to, from := range r.ResponseParameters {
		if p := responseParameter.FindStringSubmatch(to); p == nil || !httpguts.ValidHeaderFieldName(p[1]) || !validSource(from, true) {
			return badMapping(to)
		}
	}
	return nil
}

func badMapping(name string) error {
	return badRequest("Invalid mapping expression specified: Validation Result: warnings : [], errors : [Invalid mapping expression parameter specified: %.200s]", name)
}

func checkTemplates(templates map[string]string) error {
	for kind, text := range templates {
		if _, err := vtl.Parse(text); err != nil {
			return badRequest("Invalid mapping template for %.100s: %v", kind, err)
		}
	}
	return nil
}

// parseTarget reads the URL of a backend, in which {name} stands for a parameter.
func parseTarget(text string) (*url.URL, error) {
	u, err := url.Parse(strings.NewReplacer("{", "", "}", "", "+", "").Replace(text))
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil || u.Fragment != "" || strings.ContainsAny(text, " \t\r\n\\") {
		return nil, badRequest("Invalid HTTP endpoint specified for URI")
	}
	if strings.ContainsAny(u.Host, "{}") || strings.Contains(strings.SplitN(strings.TrimPrefix(strings.TrimPrefix(text, "https://"), "http://"), "/", 2)[0], "{") {
		return nil, badRequest("Invalid HTTP endpoint specified for URI: the host is no parameter's to name")
	}
	return u, nil
}

var (
	target = regexp.MustCompile(`^integration\.request\.(path|querystring|header)\.([^\s]+)$`)
	source = regexp.MustCompile(`^(?:method\.request\.(?:path|querystring|multivaluequerystring|header|multivalueheader)\.[^\s]+|method\.request\.body(?:\.[^\s]+|\[[^\s]+)?|stageVariables\.[A-Za-z0-9_]+|context\.[A-Za-z0-9_.-]+)$`)
	back   = regexp.MustCompile(`^(?:integration\.response\.(?:header|multivalueheader)\.[^\s]+|integration\.response\.body(?:\.[^\s]+|\[[^\s]+)?|stageVariables\.[A-Za-z0-9_]+|context\.[A-Za-z0-9_.-]+)$`)
)

// reserved headers are the gate's and the connection's own.
var reserved = []string{"host", "connection", "transfer-encoding", "content-length", "te", "trailer", "upgrade", "keep-alive", "proxy-authorization", "proxy-authenticate", "expect"}

func validTarget(to string) bool {
	m := target.FindStringSubmatch(to)
	return m != nil && (m[1] != "header" || httpguts.ValidHeaderFieldName(m[2]) && !slices.Contains(reserved, strings.ToLower(m[2])))
}

func validSource(from string, response bool) bool {
	if len(from) >= 2 && from[0] == '\'' && from[len(from)-1] == '\'' {
		return httpguts.ValidHeaderFieldValue(from)
	}
	if response {
		return back.MatchString(from)
	}
	return source.MatchString(from)
}
