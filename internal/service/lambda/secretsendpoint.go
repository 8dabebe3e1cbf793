package lambda

import (
	"context"
	"net/http"

	smapi "cloister/internal/awsapi/secretsmanager"
	ssmapi "cloister/internal/awsapi/ssm"
	"cloister/internal/door"
	"cloister/internal/service/lambda/invoke"
	"cloister/internal/service/lambda/secretsapi"
)

// SecretsEndpoint is the interface of the Parameters and Secrets extension in a
// cell whose function has these variables. It reads as the cell's own session.
// The contexts of its requests are those of the cell's connections.
func (s *Service) SecretsEndpoint(who invoke.CellIdentity, own map[string]string) http.Handler {
	return secretsapi.New(&cellSource{s, who}, who.Credentials.SessionToken, secretsapi.SettingsOf(own))
}

// cellSource reads secrets for a cell.
type cellSource struct {
	service *Service
	who     invoke.CellIdentity
}

func (c *cellSource) session(ctx context.Context) (*door.Principal, error) {
	return c.service.door.Session(ctx, c.who.Credentials.AccessKeyID, c.who.Credentials.SessionToken)
}

// Secret implements secretsapi.Source.
func (c *cellSource) Secret(ctx context.Context, in *smapi.GetSecretValueRequest) (*smapi.GetSecretValueResponse, error) {
	as, err := c.session(ctx)
	if err != nil {
		return nil, err
	}
	return door.Do(ctx, c.service.door, as, smapi.OpGetSecretValue, in)
}

// Parameter implements secretsapi.Source.
func (c *cellSource) Parameter(ctx context.Context, in *ssmapi.GetParameterRequest) (*ssmapi.GetParameterResult, error) {
	as, err := c.session(ctx)
	if err != nil {
		return nil, err
	}
	return door.Do(ctx, c.service.door, as, ssmapi.OpGetParameter, in)
}
