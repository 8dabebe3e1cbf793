package apigatewayv2

import (
	"net/url"
	"regexp"
	"strings"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/apigatewayv2"
	"cloister/internal/door"
	"cloister/internal/guardrail"
	"cloister/internal/store"
)

// mostAuthorizers is how many an API has at most.
const mostAuthorizers = 10

func (s *Service) createAuthorizer(c *door.Call, tx *store.Tx, in *api.CreateAuthorizerRequest) (*api.CreateAuthorizerResponse, error) {
	a, err := find(c, tx, in.ApiId)
	if err != nil {
		return nil, err
	}
	x := &api.Authorizer{
		AuthorizerCredentialsArn: in.AuthorizerCredentialsArn, AuthorizerPayloadFormatVersion: in.AuthorizerPayloadFormatVersion,
		AuthorizerResultTtlInSeconds: in.AuthorizerResultTtlInSeconds, AuthorizerType: in.AuthorizerType, AuthorizerUri: in.AuthorizerUri,
		EnableSimpleResponses: in.EnableSimpleResponses, IdentitySource: in.IdentitySource, IdentityValidationExpression: in.IdentityValidationExpression,
		JwtConfiguration: in.JwtConfiguration, Name: in.Name,
	}
	if err := s.putAuthorizer(tx, a, x); err != nil {
		return nil, err
	}
	if err := s.guardAuthorizers(c, tx, a); err != nil {
		return nil, err
	}
	return (*api.CreateAuthorizerResponse)(x), s.redeploy(c, tx, a)
}

// putAuthorizer checks and stores an authoriser, a new one under a new id.
func (s *Service) putAuthorizer(tx *store.Tx, a *apiRow, x *api.Authorizer) error {
	if err := checkAuthorizer(a, x); err != nil {
		return err
	}
	others, err := all(authorizers.Scan, tx, a.key())
	if err != nil {
		return err
	}
	for _, other := range others {
		if val(other.AuthorizerId) != val(x.AuthorizerId) && val(other.Name) == val(x.Name) {
			return badRequest("Authorizer name must be unique. Authorizer %s already exists in this API.", val(x.Name))
		}
	}
	if x.AuthorizerId == nil {
		if len(others) >= mostAuthorizers {
			return awsapi.Errorf("TooManyRequestsException", "Maximum number of Authorizers for this API has been reached: %d", mostAuthorizers)
		}
		x.AuthorizerId = newID(6)
	}
	return authorizers.Put(tx, a.key(val(x.AuthorizerId)), x)
}

func checkAuthorizer(a *apiRow, x *api.Authorizer) error {
	if a.isSocket() {
		return badRequest("WebSocket APIs have no authorizers here: AWS_IAM authorizes $connect")
	}
	if x.AuthorizerCredentialsArn != nil {
		return badRequest("authorizerCredentialsArn is not supported here: give apigateway.amazonaws.com permission in the function's policy")
	}
	if x.IdentityValidationExpression != nil {
		return badRequest("identityValidationExpression is not supported for HTTP APIs")
	}
	switch val(x.AuthorizerType) {
	case api.AuthorizerTypeJwt:
		return checkJWT(x)
	case api.AuthorizerTypeRequest:
		return checkRequestAuthorizer(a, x)
	}
	return badRequest("Invalid authorizerType")
}

func checkJWT(x *api.Authorizer) error {
	j := x.JwtConfiguration
	if j == nil || j.Issuer == nil || len(j.Audience) == 0 {
		return badRequest("JWT authorizers need a jwtConfiguration with an issuer and an audience")
	}
	if x.AuthorizerUri != nil || x.AuthorizerPayloadFormatVersion != nil || x.EnableSimpleResponses != nil || val(x.AuthorizerResultTtlInSeconds) != 0 {
		return badRequest("authorizerUri, authorizerPayloadFormatVersion, enableSimpleResponses and authorizerResultTtlInSeconds are for REQUEST authorizers")
	}
	u, err := url.Parse(*j.Issuer)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || strings.ContainsAny(*j.Issuer, " \t\r\n") {
		return badRequest("Invalid issuer: %.200s. Issuer must be a valid https URL", *j.Issuer)
	}
	if len(j.Audience) > 50 {
		return badRequest("An authorizer has at most 50 audiences")
	}
	if len(x.IdentitySource) != 1 || !tokenSource.MatchString(x.IdentitySource[0]) {
		return badRequest("Invalid identitySource: a JWT authorizer has one, $request.header.NAME or $request.querystring.NAME")
	}
	return nil
}

var (
	tokenSource    = regexp.MustCompile(`^\$request\.(header|querystring)\.[A-Za-z0-9_-]{1,128}$`)
	identitySource = regexp.MustCompile(`^(?:\$request\.(?:header|querystring)\.[A-Za-z0-9_-]{1,128}|\$context\.[A-Za-z]{1,64}(?:\.[A-Za-z]{1,64})?|\$stageVariables\.[A-Za-z0-9_]{1,128})$`)
)

func checkRequestAuthorizer(a *apiRow, x *api.Authorizer) error {
	if x.JwtConfiguration != nil {
		return badRequest("jwtConfiguration is for JWT authorizers")
	}
	arn := functionOf(val(x.AuthorizerUri))
	if arn == "" || functionARN.FindStringSubmatch(arn)[1] != a.Region {
		return badRequest("Invalid Authorizer URI: %.300s. Authorizer URI should be a valid API Gateway ARN that represents a Lambda function invocation.", val(x.AuthorizerUri))
	}
	version := val(x.AuthorizerPayloadFormatVersion)
	if version != "1.0" && version != "2.0" {
		return badRequest("AuthorizerPayloadFormatVersion is a required parameter for REQUEST authorizer: it is 1.0 or 2.0")
	}
	x.EnableSimpleResponses = ptr(val(x.EnableSimpleResponses))
	if *x.EnableSimpleResponses && version == "1.0" {
		return badRequest("enableSimpleResponses needs authorizerPayloadFormatVersion 2.0")
	}
	x.AuthorizerResultTtlInSeconds = ptr(val(x.AuthorizerResultTtlInSeconds))
	for _, source := range x.IdentitySource {
		if !identitySource.MatchString(source) {
			return badRequest("Invalid identitySource: %.200s", source)
		}
	}
	if len(x.IdentitySource) == 0 && *x.AuthorizerResultTtlInSeconds > 0 || len(x.IdentitySource) > 50 {
		return badRequest("An identitySource is needed where results are kept")
	}
	return nil
}

func findAuthorizer(c *door.Call, r store.Reader, apiID, id *string) (*apiRow, *api.Authorizer, error) {
	a, err := find(c, r, apiID)
	if err != nil {
		return nil, nil, err
	}
	x, err := authorizers.Get(r, a.key(val(id)))
	return a, x, orNotFound(err, "Authorizer", val(id))
}

func (s *Service) getAuthorizer(c *door.Call, r store.Reader, in *api.GetAuthorizerRequest) (*api.GetAuthorizerResponse, error) {
	_, x, err := findAuthorizer(c, r, in.ApiId, in.AuthorizerId)
	return (*api.GetAuthorizerResponse)(x), err
}

func (s *Service) getAuthorizers(c *door.Call, r store.Reader, in *api.GetAuthorizersRequest) (*api.GetAuthorizersResponse, error) {
	a, err := find(c, r, in.ApiId)
	if err != nil {
		return nil, err
	}
	items, next, err := page(authorizers.Scan, r, a.key(), in.MaxResults, in.NextToken, func(x *api.Authorizer) string { return val(x.AuthorizerId) })
	return &api.GetAuthorizersResponse{Items: items, NextToken: next}, err
}

func (s *Service) updateAuthorizer(c *door.Call, tx *store.Tx, in *api.UpdateAuthorizerRequest) (*api.UpdateAuthorizerResponse, error) {
	a, x, err := findAuthorizer(c, tx, in.ApiId, in.AuthorizerId)
	if err != nil {
		return nil, err
	}
	if in.AuthorizerType != nil && *in.AuthorizerType != val(x.AuthorizerType) {
		return nil, badRequest("The authorizerType cannot be changed")
	}
	change(&x.AuthorizerCredentialsArn, in.AuthorizerCredentialsArn)
	change(&x.AuthorizerPayloadFormatVersion, in.AuthorizerPayloadFormatVersion)
	change(&x.AuthorizerResultTtlInSeconds, in.AuthorizerResultTtlInSeconds)
	change(&x.AuthorizerUri, in.AuthorizerUri)
	change(&x.EnableSimpleResponses, in.EnableSimpleResponses)
	change(&x.IdentityValidationExpression, in.IdentityValidationExpression)
	change(&x.JwtConfiguration, in.JwtConfiguration)
	change(&x.Name, in.Name)
	if in.IdentitySource != nil {
		x.IdentitySource = in.IdentitySource
	}
	if err := s.putAuthorizer(tx, a, x); err != nil {
		return nil, err
	}
	return (*api.UpdateAuthorizerResponse)(x), s.redeploy(c, tx, a)
}

func (s *Service) deleteAuthorizer(c *door.Call, tx *store.Tx, in *api.DeleteAuthorizerRequest) (*awsapi.None, error) {
	a, x, err := findAuthorizer(c, tx, in.ApiId, in.AuthorizerId)
	if err != nil {
		return nil, err
	}
	using, err := all(routes.Scan, tx, a.key())
	if err != nil {
		return nil, err
	}
	for _, r := range using {
		if val(r.AuthorizerId) == val(x.AuthorizerId) {
			return nil, conflict("Cannot delete authorizer '%s', is referenced in route: %s", val(x.AuthorizerId), val(r.RouteKey))
		}
	}
	if err := authorizers.Delete(tx, a.key(val(x.AuthorizerId))); err != nil {
		return nil, err
	}
	if err := guardrail.Gone(tx, a.Account, a.arn(""), authorizerPart(x), c.Time); err != nil {
		return nil, err
	}
	return &awsapi.None{}, s.redeploy(c, tx, a)
}
