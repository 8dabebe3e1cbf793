package lab

import (
	"context"
	"encoding/json"
	"fmt"
	"os/exec"

	"cloister/bench/load"
)

// Greeter starts the handler as a server of its own.
func Greeter(ctx context.Context, tools Tools) (*Process, error) {
	return await(ctx, exec.CommandContext(ctx, tools.Greeter()))
}

// greeting is the measured request to the handler, behind a prefix of paths.
func greeting(prefix string) func(client, n int) load.Request {
	return always(load.Request{Method: "GET", Path: prefix + "/greeting?name=world"})
}

// Greeted is the request to a proxy before the handler.
func Greeted(address string) *load.Target {
	return &load.Target{Address: address, TLS: true, Author: load.Bearer(""), Check: load.Holds(`{"hello":"world"}`), Request: greeting("")}
}

// HTTPAPI puts the handler of a zip behind an HTTP API whose route takes a token
// of a user pool, and gives the request to it with the token of a user.
func (c *Client) HTTPAPI(zip []byte) (*load.Target, error) {
	pool, client, token, err := c.userPool()
	if err != nil {
		return nil, err
	}
	if err := c.Function("greeter", zip); err != nil {
		return nil, err
	}
	arn := "arn:aws:lambda:" + Region + ":" + Account + ":function:greeter"
	var api struct{ APIID string }
	if err := c.rest("apigateway", "POST", "/v2/apis", map[string]any{"name": "bench", "protocolType": "HTTP"}, &api); err != nil {
		return nil, err
	}
	at := "/v2/apis/" + api.APIID
	var integration struct{ IntegrationID string }
	if err := c.rest("apigateway", "POST", at+"/integrations", map[string]any{"integrationType": "AWS_PROXY", "integrationUri": arn, "payloadFormatVersion": "2.0"}, &integration); err != nil {
		return nil, err
	}
	var authorizer struct{ AuthorizerID string }
	if err := c.rest("apigateway", "POST", at+"/authorizers", map[string]any{
		"name": "pool", "authorizerType": "JWT", "identitySource": []string{"$request.header.Authorization"},
		"jwtConfiguration": map[string]any{"issuer": "https://cognito-idp." + Region + ".amazonaws.com/" + pool, "audience": []string{client}},
	}, &authorizer); err != nil {
		return nil, err
	}
	var done struct{}
	if err := c.rest("apigateway", "POST", at+"/routes", map[string]any{
		"routeKey": "GET /greeting", "target": "integrations/" + integration.IntegrationID, "authorizationType": "JWT", "authorizerId": authorizer.AuthorizerID,
	}, &done); err != nil {
		return nil, err
	}
	if err := c.rest("apigateway", "POST", at+"/stages", map[string]any{"stageName": "live", "autoDeploy": true}, &done); err != nil {
		return nil, err
	}
	if err := c.rest("lambda", "POST", "/2015-03-31/functions/greeter/policy", map[string]any{
		"StatementId": "api", "Action": "lambda:InvokeFunction", "Principal": "apigateway.amazonaws.com",
		"SourceArn": "arn:aws:execute-api:" + Region + ":" + Account + ":" + api.APIID + "/*/*/greeting",
	}, &done); err != nil {
		return nil, err
	}
	return &load.Target{
		Address: c.Address, TLS: true, Author: load.Bearer(token), Check: load.Holds(`{"hello":"world"}`),
		Request: greeting("/_aws/execute-api/" + api.APIID + "/live"),
	}, nil
}

// userPool makes a pool with one client and one user, who signs in.
func (c *Client) userPool() (pool, client, token string, err error) {
	const idp, password = "AWSCognitoIdentityProviderService.", "Bench-marks-4-all"
	var made struct {
		UserPool       struct{ ID string }
		UserPoolClient struct{ ClientID string }
	}
	if err := c.JSON("cognito-idp", idp+"CreateUserPool", map[string]any{"PoolName": "bench"}, &made); err != nil {
		return "", "", "", err
	}
	pool = made.UserPool.ID
	if err := c.JSON("cognito-idp", idp+"CreateUserPoolClient", map[string]any{
		"UserPoolId": pool, "ClientName": "bench", "ExplicitAuthFlows": []string{"ALLOW_ADMIN_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"},
	}, &made); err != nil {
		return "", "", "", err
	}
	client = made.UserPoolClient.ClientID
	if err := c.JSON("cognito-idp", idp+"AdminCreateUser", map[string]any{"UserPoolId": pool, "Username": "ada", "MessageAction": "SUPPRESS"}, &struct{}{}); err != nil {
		return "", "", "", err
	}
	if err := c.JSON("cognito-idp", idp+"AdminSetUserPassword", map[string]any{"UserPoolId": pool, "Username": "ada", "Password": password, "Permanent": true}, &struct{}{}); err != nil {
		return "", "", "", err
	}
	var signedIn struct {
		AuthenticationResult struct{ IDToken string }
	}
	err = c.JSON("cognito-idp", idp+"AdminInitiateAuth", map[string]any{
		"UserPoolId": pool, "ClientId": client, "AuthFlow": "ADMIN_USER_PASSWORD_AUTH", "AuthParameters": map[string]string{"USERNAME": "ada", "PASSWORD": password},
	}, &signedIn)
	if err == nil && signedIn.AuthenticationResult.IDToken == "" {
		err = fmt.Errorf("the user of the pool got no token")
	}
	return pool, client, signedIn.AuthenticationResult.IDToken, err
}

// rest calls an operation of a REST protocol and reads its answer into out.
func (c *Client) rest(service, method, path string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	answer, err := c.call(service, load.Request{Method: method, Path: path, ContentType: "application/json", Body: body})
	if err != nil || len(answer) == 0 {
		return err
	}
	return json.Unmarshal(answer, out)
}
