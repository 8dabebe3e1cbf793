package apigateway

import (
	"regexp"

	"golang.org/x/net/http/httpguts"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/apigateway"
	"cloister/internal/door"
)

// A refusal is one of the answers that the gateway itself gives
// (https://docs.aws.amazon.com/apigateway/latest/developerguide/supported-gateway-response-types.html).
type refusalType struct {
	status  int
	message string
	kind    string // x-amzn-ErrorType
}

var refusalTypes = map[string]refusalType{
	"ACCESS_DENIED":                  {403, "Access Denied", "AccessDeniedException"},
	"API_CONFIGURATION_ERROR":        {500, "Internal server error", "InternalServerErrorException"},
	"AUTHORIZER_CONFIGURATION_ERROR": {500, "", "AuthorizerConfigurationException"},
	"AUTHORIZER_FAILURE":             {500, "", "AuthorizerFailureException"},
	"BAD_REQUEST_BODY":               {400, "Invalid request body", "BadRequestException"},
	"BAD_REQUEST_PARAMETERS":         {400, "Missing required request parameters", "BadRequestException"},
	"DEFAULT_4XX":                    {400, "Bad Request", "BadRequestException"},
	"DEFAULT_5XX":                    {500, "Internal server error", "InternalServerErrorException"},
	"EXPIRED_TOKEN":                  {403, "The security token included in the request is expired", "ExpiredTokenException"},
	"INTEGRATION_FAILURE":            {504, "Internal server error", "InternalServerErrorException"},
	"INTEGRATION_TIMEOUT":            {504, "Endpoint request timed out", "InternalServerErrorException"},
	"INVALID_API_KEY":                {403, "Forbidden", "ForbiddenException"},
	"INVALID_SIGNATURE":              {403, "The request signature we calculated does not match the signature you provided.", "InvalidSignatureException"},
	"MISSING_AUTHENTICATION_TOKEN":   {403, "Missing Authentication Token", "MissingAuthenticationTokenException"},
	"QUOTA_EXCEEDED":                 {429, "Limit Exceeded", "LimitExceededException"},
	"REQUEST_TOO_LARGE":              {413, "Request Too Long", "RequestTooLargeException"},
	"RESOURCE_NOT_FOUND":             {404, "Not Found", "NotFoundException"},
	"THROTTLED":                      {429, "Too Many Requests", "TooManyRequestsException"},
	"UNAUTHORIZED":                   {401, "Unauthorized", "UnauthorizedException"},
	"UNSUPPORTED_MEDIA_TYPE":         {415, "Unsupported Media Type", "UnsupportedMediaTypeException"},
	"WAF_FILTERED":                   {403, "Forbidden", "ForbiddenException"},
}

// usualTemplate is the body of a refusal unless the API says otherwise.
const usualTemplate = `{"message":$context.error.messageString}`

// responseOf is the gateway response of a type: the API's own, that for all of its
// kind, or AWS's.
func responseOf(d *definition, kind string) *api.GatewayResponse {
	usual := &api.GatewayResponse{
		ResponseType: ptr(kind), ResponseParameters: map[string]string{}, ResponseTemplates: map[string]string{"application/json": usualTemplate}, DefaultResponse: ptr(true),
	}
	if kind != "DEFAULT_4XX" && kind != "DEFAULT_5XX" {
		usual.StatusCode = ptr(itoa(refusalTypes[kind].status))
	}
	if d == nil {
		return usual
	}
	if own := d.Responses[kind]; own != nil {
		out := *own
		if out.StatusCode == nil {
			out.StatusCode = usual.StatusCode
		}
		return &out
	}
	all := d.Responses["DEFAULT_4XX"]
	if refusalTypes[kind].status >= 500 {
		all = d.Responses["DEFAULT_5XX"]
	}
	if all == nil {
		return usual
	}
	out := *all
	out.ResponseType = ptr(kind)
	if out.StatusCode == nil {
		out.StatusCode = usual.StatusCode
	}
	return &out
}

func putResponse(_ *door.Call, a *apiRow, in *api.PutGatewayResponseRequest) (*api.GatewayResponse, error) {
	if _, ok := refusalTypes[val(in.ResponseType)]; !ok {
		return nil, badRequest("Invalid gateway response type: %.100s", val(in.ResponseType))
	}
	r := &api.GatewayResponse{
		ResponseType: in.ResponseType, StatusCode: in.StatusCode, ResponseParameters: in.ResponseParameters,
		ResponseTemplates: in.ResponseTemplates, DefaultResponse: ptr(false),
	}
	if r.ResponseTemplates == nil {
		r.ResponseTemplates = map[string]string{"application/json": usualTemplate}
	}
	a.Definition.Responses[*in.ResponseType] = r
	return responseOf(&a.Definition, *in.ResponseType), checkResponse(r)
}

var (
	responseHeader = regexp.MustCompile(`^gatewayresponse\.header\.([^\s]+)$`)
	responseSource = regexp.MustCompile(`^(?:method\.request\.(?:path|querystring|header|multivaluequerystring|multivalueheader)\.[^\s]+|method\.request\.body(?:\.[^\s]+)?|stageVariables\.[A-Za-z0-9_]+|context\.[A-Za-z0-9_.-]+)$`)
)

func checkResponse(r *api.GatewayResponse) error {
	if r.StatusCode != nil && !status.MatchString(*r.StatusCode) {
		return badRequest("Invalid status code specified: %.20s", *r.StatusCode)
	}
	for to, from := range r.ResponseParameters {
		m := responseHeader.FindStringSubmatch(to)
		if m == nil || !httpguts.ValidHeaderFieldName(m[1]) || !validSource(from, false) && !responseSource.MatchString(from) {
			return badMapping(to)
		}
	}
	for _, text := range r.ResponseTemplates {
		if len(text) > 1<<20 {
			return badRequest("The template is too long")
		}
	}
	return nil
}

func getResponse(a *apiRow, in *api.GetGatewayResponseRequest) (*api.GatewayResponse, error) {
	if _, ok := refusalTypes[val(in.ResponseType)]; !ok {
		return nil, notFound("GatewayResponse not found")
	}
	return responseOf(&a.Definition, *in.ResponseType), nil
}

func getResponses(a *apiRow, in *api.GetGatewayResponsesRequest) (*api.GatewayResponses, error) {
	var all []*api.GatewayResponse
	for _, kind := range keysOf(refusalTypes) {
		all = append(all, responseOf(&a.Definition, kind))
	}
	if in.Limit == nil && in.Position == nil {
		return &api.GatewayResponses{Items: all}, nil
	}
	items, next, err := page(all, func(r *api.GatewayResponse) string { return val(r.ResponseType) }, in.Position, in.Limit)
	return &api.GatewayResponses{Items: items, Position: next}, err
}

func updateResponse(_ *door.Call, a *apiRow, in *api.UpdateGatewayResponseRequest) (*api.GatewayResponse, error) {
	kind := val(in.ResponseType)
	if _, ok := refusalTypes[kind]; !ok {
		return nil, notFound("GatewayResponse not found")
	}
	r := *responseOf(&a.Definition, kind)
	r.DefaultResponse = ptr(false)
	if err := patch(&r, in.PatchOperations, "/statusCode", "/responseParameters/*", "/responseTemplates/*"); err != nil {
		return nil, err
	}
	a.Definition.Responses[kind] = &r
	return &r, checkResponse(&r)
}

func deleteResponse(_ *door.Call, a *apiRow, in *api.DeleteGatewayResponseRequest) (*awsapi.None, error) {
	if a.Definition.Responses[val(in.ResponseType)] == nil {
		return nil, notFound("Gateway response type not defined on api")
	}
	delete(a.Definition.Responses, *in.ResponseType)
	return &awsapi.None{}, nil
}
