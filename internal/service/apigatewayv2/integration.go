package apigatewayv2

import (
	"net/url"
	"regexp"
	"strings"

	"golang.org/x/net/http/httpguts"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/apigatewayv2"
	"cloister/internal/door"
	"cloister/internal/store"
)

func (s *Service) createIntegration(c *door.Call, tx *store.Tx, in *api.CreateIntegrationRequest) (*api.CreateIntegrationResult, error) {
	a, err := find(c, tx, in.ApiId)
	if err != nil {
		return nil, err
	}
	if in.ContentHandlingStrategy != nil || in.PassthroughBehavior != nil || in.RequestTemplates != nil || in.TemplateSelectionExpression != nil {
		return nil, badRequest("Content handling, passthrough behavior and templates are for WebSocket APIs")
	}
	i := &api.Integration{
		ConnectionId: in.ConnectionId, ConnectionType: in.ConnectionType, CredentialsArn: in.CredentialsArn, Description: in.Description,
		IntegrationMethod: in.IntegrationMethod, IntegrationSubtype: in.IntegrationSubtype, IntegrationType: in.IntegrationType, IntegrationUri: in.IntegrationUri,
		PayloadFormatVersion: in.PayloadFormatVersion, RequestParameters: in.RequestParameters, ResponseParameters: in.ResponseParameters, TimeoutInMillis: in.TimeoutInMillis,
	}
	if in.TlsConfig != nil {
		i.TlsConfig = &api.TlsConfig{ServerNameToVerify: in.TlsConfig.ServerNameToVerify}
	}
	if err := s.putIntegration(tx, a, i); err != nil {
		return nil, err
	}
	return (*api.CreateIntegrationResult)(i), s.redeploy(c, tx, a)
}

// putIntegration checks and stores an integration, a new one under a new id.
func (s *Service) putIntegration(tx *store.Tx, a *apiRow, i *api.Integration) error {
	i.ConnectionType, i.TimeoutInMillis = ptr(or(i.ConnectionType, api.ConnectionTypeInternet)), ptr(or(i.TimeoutInMillis, 30_000))
	i.PayloadFormatVersion = ptr(or(i.PayloadFormatVersion, "1.0"))
	if err := checkIntegration(a, i); err != nil {
		return err
	}
	if i.IntegrationId == nil {
		others, err := all(integrations.Scan, tx, a.key())
		if err != nil {
			return err
		}
		if len(others) >= mostRoutes {
			return awsapi.Errorf("TooManyRequestsException", "Maximum number of integrations for this API has been reached: %d", mostRoutes)
		}
		i.IntegrationId = newID(7)
	}
	return integrations.Put(tx, a.key(val(i.IntegrationId)), i)
}

func checkIntegration(a *apiRow, i *api.Integration) error {
	switch {
	case val(i.ConnectionType) != api.ConnectionTypeInternet || i.ConnectionId != nil:
		return badRequest("Only the connectionType INTERNET exists here")
	case i.CredentialsArn != nil:
		return badRequest("credentialsArn is not supported here: give apigateway.amazonaws.com permission in the function's policy")
	case i.IntegrationSubtype != nil:
		return badRequest("Integrations with an integrationSubtype do not exist here")
	}
	if a.isSocket() && (val(i.IntegrationType) != api.IntegrationTypeAwsProxy || val(i.PayloadFormatVersion) != "1.0" || len(i.RequestParameters)+len(i.ResponseParameters) > 0) {
		return badRequest("WebSocket APIs have integrations of the type AWS_PROXY with payloadFormatVersion 1.0, without parameters, here")
	}
	if err := checkParameters(i); err != nil {
		return err
	}
	switch val(i.IntegrationType) {
	case api.IntegrationTypeAwsProxy:
		return checkLambda(a, i)
	case api.IntegrationTypeHttpProxy:
		return checkHTTP(i)
	}
	return badRequest("HTTP APIs support the integration types AWS_PROXY and HTTP_PROXY only")
}

// functionARN is the ARN of a function, a version or an alias of it; variable is a
// stage variable.
const variable = `\$\{stageVariables\.[A-Za-z0-9_]+\}`

var (
	functionARN = regexp.MustCompile(`^arn:aws:lambda:([a-z0-9-]+):(\d{12}):function:((?:[A-Za-z0-9_-]|` + variable + `){1,140})(?::((?:[A-Za-z0-9_$-]|` + variable + `){1,140}))?$`)
	invocations = regexp.MustCompile(`^arn:aws:apigateway:([a-z0-9-]+):lambda:path/2015-03-31/functions/(.+)/invocations$`)
)

// functionOf is the ARN of the function that an URI is of, in either of the forms
// that AWS takes; "" for none.
func functionOf(uri string) string {
	if m := invocations.FindStringSubmatch(uri); m != nil {
		uri = m[2]
	}
	if !functionARN.MatchString(uri) {
		return ""
	}
	return uri
}

func checkLambda(a *apiRow, i *api.Integration) error {
	arn := functionOf(val(i.IntegrationUri))
	if arn == "" {
		return badRequest("Invalid integrationUri: it is the ARN of a function")
	}
	if m := functionARN.FindStringSubmatch(arn); m[1] != a.Region {
		return badRequest("Invalid integrationUri: the function is in another region")
	}
	if v := val(i.PayloadFormatVersion); v != "1.0" && v != "2.0" {
		return badRequest("PayloadFormatVersion %s is not supported: it is 1.0 or 2.0", v)
	}
	if m := val(i.IntegrationMethod); m != "" && m != "POST" {
		return badRequest("A Lambda integration has the integrationMethod POST")
	}
	i.IntegrationMethod = ptr("POST")
	if i.TlsConfig != nil {
		return badRequest("tlsConfig is for private integrations")
	}
	return nil
}

func checkHTTP(i *api.Integration) error {
	if i.IntegrationMethod == nil || !methods[*i.IntegrationMethod] {
		return badRequest("HttpMethod must be specified for HTTP integrations")
	}
	if val(i.PayloadFormatVersion) != "1.0" {
		return badRequest("PayloadFormatVersion of an HTTP integration is 1.0")
	}
	if i.TlsConfig != nil {
		return badRequest("tlsConfig is for private integrations")
	}
	_, err := parseTarget(stageVariable.ReplaceAllString(val(i.IntegrationUri), "x"))
	return err
}

var stageVariable = regexp.MustCompile(variable)

// parseTarget reads the URL of a backend.
func parseTarget(text string) (*url.URL, error) {
	plain := strings.NewReplacer("{", "", "}", "", "+", "").Replace(text)
	u, err := url.Parse(plain)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil || u.Fragment != "" || strings.ContainsAny(text, " \t\r\n\\") {
		return nil, badRequest("Invalid HTTP endpoint specified for URI")
	}
	return u, nil
}

func findIntegration(c *door.Call, r store.Reader, apiID, id *string) (*apiRow, *api.Integration, error) {
	a, err := find(c, r, apiID)
	if err != nil {
		return nil, nil, err
	}
	i, err := integrations.Get(r, a.key(val(id)))
	return a, i, orNotFound(err, "Integration", val(id))
}

func (s *Service) getIntegration(c *door.Call, r store.Reader, in *api.GetIntegrationRequest) (*api.GetIntegrationResult, error) {
	_, i, err := findIntegration(c, r, in.ApiId, in.IntegrationId)
	return (*api.GetIntegrationResult)(i), err
}

func (s *Service) getIntegrations(c *door.Call, r store.Reader, in *api.GetIntegrationsRequest) (*api.GetIntegrationsResponse, error) {
	a, err := find(c, r, in.ApiId)
	if err != nil {
		return nil, err
	}
	items, next, err := page(integrations.Scan, r, a.key(), in.MaxResults, in.NextToken, func(x *api.Integration) string { return val(x.IntegrationId) })
	return &api.GetIntegrationsResponse{Items: items, NextToken: next}, err
}

func (s *Service) updateIntegration(c *door.Call, tx *store.Tx, in *api.UpdateIntegrationRequest) (*api.UpdateIntegrationResult, error) {
	a, i, err := findIntegration(c, tx, in.ApiId, in.IntegrationId)
	if err != nil {
		return nil, err
	}
	if in.ContentHandlingStrategy != nil || in.PassthroughBehavior != nil || in.RequestTemplates != nil || in.TemplateSelectionExpression != nil {
		return nil, badRequest("Content handling, passthrough behavior and templates are for WebSocket APIs")
	}
	if in.IntegrationType != nil && *in.IntegrationType != val(i.IntegrationType) {
		i.IntegrationMethod = nil
	}
	for _, x := range []struct{ what, to **string }{
		{&i.ConnectionId, &in.ConnectionId}, {&i.ConnectionType, &in.ConnectionType}, {&i.CredentialsArn, &in.CredentialsArn}, {&i.Description, &in.Description},
		{&i.IntegrationMethod, &in.IntegrationMethod}, {&i.IntegrationSubtype, &in.IntegrationSubtype}, {&i.IntegrationType, &in.IntegrationType},
		{&i.IntegrationUri, &in.IntegrationUri}, {&i.PayloadFormatVersion, &in.PayloadFormatVersion},
	} {
		change(x.what, *x.to)
	}
	change(&i.TimeoutInMillis, in.TimeoutInMillis)
	mergeParameters(i, in)
	if in.TlsConfig != nil {
		i.TlsConfig = &api.TlsConfig{ServerNameToVerify: in.TlsConfig.ServerNameToVerify}
	}
	if err := s.putIntegration(tx, a, i); err != nil {
		return nil, err
	}
	return (*api.UpdateIntegrationResult)(i), s.redeploy(c, tx, a)
}

// mergeParameters lays the parameters that are given over those that there are;
// an empty one takes one away.
func mergeParameters(i *api.Integration, in *api.UpdateIntegrationRequest) {
	merge := func(what map[string]string, with map[string]string) map[string]string {
		if what == nil {
			what = map[string]string{}
		}
		for key, value := range with {
			if what[key] = value; value == "" {
				delete(what, key)
			}
		}
		return what
	}
	if in.RequestParameters != nil {
		i.RequestParameters = merge(i.RequestParameters, in.RequestParameters)
	}
	for status, parameters := range in.ResponseParameters {
		if i.ResponseParameters == nil {
			i.ResponseParameters = map[string]map[string]string{}
		}
		if i.ResponseParameters[status] = merge(i.ResponseParameters[status], parameters); len(parameters) == 0 {
			delete(i.ResponseParameters, status)
		}
	}
}

func (s *Service) deleteIntegration(c *door.Call, tx *store.Tx, in *api.DeleteIntegrationRequest) (*awsapi.None, error) {
	a, i, err := findIntegration(c, tx, in.ApiId, in.IntegrationId)
	if err != nil {
		return nil, err
	}
	using, err := all(routes.Scan, tx, a.key())
	if err != nil {
		return nil, err
	}
	for _, r := range using {
		if val(r.Target) == "integrations/"+val(i.IntegrationId) {
			return nil, conflict("Cannot delete Integration '%s'. Route with id '%s' references it.", val(i.IntegrationId), val(r.RouteId))
		}
	}
	if err := integrations.Delete(tx, a.key(val(i.IntegrationId))); err != nil {
		return nil, err
	}
	return &awsapi.None{}, s.redeploy(c, tx, a)
}

// reserved headers cannot be mapped
// (https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-parameter-mapping.html).
func reservedHeader(name string) bool {
	lower := strings.ToLower(name)
	for _, prefix := range []string{"access-control-", "apigw-", "x-amz-", "x-amzn-", "x-forwarded-", "proxy-", "sec-"} {
		if strings.HasPrefix(lower, prefix) {
			return true
		}
	}
	switch lower {
	case "authorization", "connection", "content-encoding", "content-length", "content-location", "forwarded", "host", "keep-alive", "origin", "te", "trailer",
		"transfer-encoding", "upgrade", "via", "expect", "proxy-authenticate":
		return true
	}
	return false
}

var mappingKey = regexp.MustCompile(`^(append|overwrite|remove):(header|querystring|path|statuscode)(?:\.([^\s]+))?$`)

// checkParameters refuses mappings that AWS refuses.
func checkParameters(i *api.Integration) error {
	if len(i.RequestParameters) > 0 {
		if err := checkMappings(i.RequestParameters, false); err != nil {
			return err
		}
	}
	for status, parameters := range i.ResponseParameters {
		if len(status) != 3 || status[0] < '2' || status[0] > '5' {
			return badRequest("Invalid responseParameters: %.20q is no status code from 200 to 599", status)
		}
		if err := checkMappings(parameters, true); err != nil {
			return err
		}
	}
	return nil
}

func checkMappings(parameters map[string]string, response bool) error {
	for key, value := range parameters {
		m := mappingKey.FindStringSubmatch(key)
		if m == nil {
			return badRequest("Invalid mapping expression specified: Parameter: %.100s", key)
		}
		what, name := m[2], m[3]
		ok := false
		switch what {
		case "header":
			ok = httpguts.ValidHeaderFieldName(name) && !reservedHeader(name)
		case "querystring":
			ok = name != "" && !response
		case "path":
			ok = name == "" && m[1] == "overwrite" && !response
		case "statuscode":
			ok = name == "" && m[1] == "overwrite" && response
		}
		if !ok || len(value) > 512 || strings.ContainsAny(value, "\r\n\x00") || m[1] != "remove" && value == "" {
			return badRequest("Invalid mapping expression specified: Parameter: %.100s", key)
		}
	}
	return nil
}
