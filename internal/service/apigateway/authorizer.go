package apigateway

import (
	"regexp"
	"strings"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/apigateway"
	"cloister/internal/door"
)

func createAuthorizer(_ *door.Call, a *apiRow, in *api.CreateAuthorizerRequest) (*api.Authorizer, error) {
	for _, other := range a.Definition.Authorizers {
		if val(other.Name) == val(in.Name) {
			return nil, badRequest("Authorizer name must be unique. Authorizer %.200s already exists in this RestApi.", val(in.Name))
		}
	}
	if len(a.Definition.Authorizers) >= 10 {
		return nil, awsapi.Errorf("LimitExceededException", "Maximum number of authorizers for this API has been reached: 10")
	}
	x := &api.Authorizer{
		Id: ptr(newID(6)), Name: in.Name, Type: in.Type, ProviderARNs: in.ProviderARNs, AuthType: in.AuthType, AuthorizerUri: in.AuthorizerUri,
		AuthorizerCredentials: in.AuthorizerCredentials, IdentitySource: in.IdentitySource,
		IdentityValidationExpression: in.IdentityValidationExpression, AuthorizerResultTtlInSeconds: in.AuthorizerResultTtlInSeconds,
	}
	a.Definition.Authorizers[*x.Id] = x
	return x, a.checkAuthorizer(x)
}

var (
	poolARN        = regexp.MustCompile(`^arn:aws:cognito-idp:([a-z0-9-]+):(\d{12}):userpool/([A-Za-z0-9_-]+)$`)
	tokenSource    = regexp.MustCompile(`^method\.request\.header\.[A-Za-z0-9_-]{1,128}$`)
	identitySource = regexp.MustCompile(`^(?:method\.request\.(?:header|querystring)\.[A-Za-z0-9_-]{1,128}|context\.[A-Za-z]{1,64}(?:\.[A-Za-z]{1,64})?|stageVariables\.[A-Za-z0-9_]{1,128})$`)
)

const defaultSource = "method.request.header.Authorization"

func (a *apiRow) checkAuthorizer(x *api.Authorizer) error {
	if val(x.Name) == "" || len(*x.Name) > 128 {
		return badRequest("Invalid authorizer name")
	}
	if x.AuthorizerCredentials != nil {
		return badRequest("authorizerCredentials are not supported here: give apigateway.amazonaws.com permission in the function's policy")
	}
	if n := or(x.AuthorizerResultTtlInSeconds, 300); n < 0 || n > 3600 {
		return badRequest("Authorizer result TTL must be between 0 and 3600 seconds")
	}
	if x.IdentityValidationExpression != nil {
		if _, err := selection(*x.IdentityValidationExpression); err != nil {
			return badRequest("Invalid identity validation expression: it is no regular expression that is supported")
		}
	}
	switch val(x.Type) {
	case kindCognito:
		return checkPools(x)
	case "TOKEN":
		if x.IdentitySource == nil {
			x.IdentitySource = ptr(defaultSource)
		}
		if !tokenSource.MatchString(*x.IdentitySource) {
			return badRequest("Invalid identity source: a TOKEN authorizer has one, method.request.header.NAME")
		}
	case "REQUEST":
		if err := checkSources(x); err != nil {
			return err
		}
	default:
		return badRequest("Invalid authorizer type: it is TOKEN, REQUEST or COGNITO_USER_POOLS")
	}
	if x.AuthorizerResultTtlInSeconds == nil {
		x.AuthorizerResultTtlInSeconds = ptr(int64(300))
	}
	if err := a.checkFunction(val(x.AuthorizerUri)); err != nil {
		return badRequest("Invalid Authorizer URI: %.300s. Authorizer URI should be a valid API Gateway ARN that represents a Lambda function invocation.", val(x.AuthorizerUri))
	}
	return nil
}

func checkPools(x *api.Authorizer) error {
	if len(x.ProviderARNs) == 0 || len(x.ProviderARNs) > 50 {
		return badRequest("COGNITO_USER_POOLS authorizers need at least one user pool")
	}
	for _, arn := range x.ProviderARNs {
		if !poolARN.MatchString(arn) {
			return badRequest("Invalid Cognito User Pool ARN: %.300s", arn)
		}
	}
	if x.IdentitySource == nil {
		x.IdentitySource = ptr(defaultSource)
	}
	if !tokenSource.MatchString(*x.IdentitySource) {
		return badRequest("Invalid identity source: it is method.request.header.NAME")
	}
	return nil
}

func checkSources(x *api.Authorizer) error {
	if val(x.IdentitySource) == "" {
		if or(x.AuthorizerResultTtlInSeconds, 300) > 0 {
			return badRequest("Identity source is required where results are kept: give one, or an authorizerResultTtlInSeconds of 0")
		}
		return nil
	}
	for _, s := range strings.Split(*x.IdentitySource, ",") {
		if !identitySource.MatchString(strings.TrimSpace(s)) {
			return badRequest("Invalid identity source: %.200s", s)
		}
	}
	return nil
}

func (a *apiRow) authorizer(id *string) (*api.Authorizer, error) {
	x := a.Definition.Authorizers[val(id)]
	if x == nil {
		return nil, notFound("Invalid Authorizer identifier specified")
	}
	return x, nil
}

func getAuthorizer(a *apiRow, in *api.GetAuthorizerRequest) (*api.Authorizer, error) {
	return a.authorizer(in.AuthorizerId)
}

func getAuthorizers(a *apiRow, in *api.GetAuthorizersRequest) (*api.Authorizers, error) {
	items, next, err := page(values(a.Definition.Authorizers), func(x *api.Authorizer) string { return val(x.Id) }, in.Position, in.Limit)
	return &api.Authorizers{Items: items, Position: next}, err
}

func updateAuthorizer(_ *door.Call, a *apiRow, in *api.UpdateAuthorizerRequest) (*api.Authorizer, error) {
	x, err := a.authorizer(in.AuthorizerId)
	if err != nil {
		return nil, err
	}
	if err := patch(x, in.PatchOperations, "/name", "/authorizerUri", "/authorizerCredentials", "/identitySource", "/identityValidationExpression",
		"/authorizerResultTtlInSeconds", "/authType", "/providerARNs", "/providerARNs/*"); err != nil {
		return nil, err
	}
	return x, a.checkAuthorizer(x)
}

func deleteAuthorizer(_ *door.Call, a *apiRow, in *api.DeleteAuthorizerRequest) (*awsapi.None, error) {
	x, err := a.authorizer(in.AuthorizerId)
	if err != nil {
		return nil, err
	}
	for _, r := range values(a.Definition.Resources) {
		for _, m := range r.ResourceMethods {
			if val(m.AuthorizerId) == *x.Id {
				return nil, conflict("Cannot delete authorizer '%s', is referenced in method: %s %s", *x.Id, val(m.HttpMethod), val(r.Path))
			}
		}
	}
	delete(a.Definition.Authorizers, *x.Id)
	return &awsapi.None{}, nil
}
