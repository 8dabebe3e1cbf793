package lambda

import (
	"context"

	api "cloister/internal/awsapi/sts"
	"cloister/internal/door"
	"cloister/internal/service/lambda/invoke"
)

// sessionSeconds is how long a cell's credentials live; cells are given up
// before that.
const sessionSeconds = 3600

// sessionName is a session's name for a function's: STS wants two characters
// at least, Lambda one.
func sessionName(function string) string {
	if len(function) < 2 {
		return function + "-"
	}
	return function
}

// assume takes a function's role as the service principal lambda.amazonaws.com,
// for the function: the role's own trust policy decides, and may ask for
// aws:SourceArn and aws:SourceAccount.
func (s *Service) assume(ctx context.Context, f ref, role, session string) (*api.Credentials, error) {
	as := door.ServicePrincipal("lambda.amazonaws.com", f.functionARN(), f.Account)
	out, err := door.Do(ctx, s.door, as, api.OpAssumeRole, &api.AssumeRoleRequest{
		RoleArn:         ptr(role),
		RoleSessionName: ptr(sessionName(session)),
		DurationSeconds: ptr(int64(sessionSeconds)),
	})
	if err != nil {
		return nil, err
	}
	return out.Credentials, nil
}

// Credentials are the credentials of a function's role, for one cell: a session
// with the function's name, as on AWS.
func (s *Service) Credentials(ctx context.Context, fn *invoke.Function) (invoke.Credentials, error) {
	f := ref{Account: fn.Account, Region: fn.Region, Name: fn.Name}
	c, err := s.assume(ctx, f, fn.RoleARN, fn.Name)
	if err != nil {
		return invoke.Credentials{}, err
	}
	return invoke.Credentials{
		AccessKeyID: val(c.AccessKeyId), SecretAccessKey: val(c.SecretAccessKey),
		SessionToken: val(c.SessionToken), Expires: val(c.Expiration),
	}, nil
}
