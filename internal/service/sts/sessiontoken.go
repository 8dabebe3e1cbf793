package sts

import (
	"time"

	api "cloister/internal/awsapi/sts"
	"cloister/internal/door"
	"cloister/internal/door/session"
	"cloister/internal/store"
	"cloister/policy"
)

const (
	tokenDuration     = 12 * time.Hour
	rootTokenDuration = time.Hour // at most
)

// getSessionToken gives users and the root user temporary credentials of their
// own. Like AWS's they stay good until they expire, also when the access key
// that asked for them is deactivated; they end with the user, and can do what
// the user's policies allow at the time
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_temp_control-access.html).
func (s *Service) getSessionToken(c *door.Call, _ store.Reader, tx *store.Tx, in *api.GetSessionTokenRequest) (*api.GetSessionTokenResponse, error) {
	p := c.Principal
	if p.Kind != policy.PrincipalUser && p.Kind != policy.PrincipalRoot || !p.IssuedAt.IsZero() {
		return nil, accessDenied("Cannot call GetSessionToken with session credentials")
	}
	mfa, err := s.useCode(c, tx, in.SerialNumber, in.TokenCode)
	if err != nil {
		return nil, err
	}
	opened := newSession(c, tokenTime(p, in.DurationSeconds))
	opened.MFA = mfa
	opened.Kind, opened.Account, opened.EntityID = p.Kind, p.Account, p.UserID
	credentials, err := s.credentials(opened)
	if err != nil {
		return nil, err
	}
	return &api.GetSessionTokenResponse{Credentials: credentials}, nil
}

// tokenTime is how long a token lasts. The root user's lasts an hour at most,
// whatever is asked for.
func tokenTime(p *door.Principal, seconds *int64) time.Duration {
	d := tokenDuration
	if seconds != nil {
		d = time.Duration(*seconds) * time.Second
	}
	if p.Kind == policy.PrincipalRoot {
		return min(d, rootTokenDuration)
	}
	return d
}

// newSession begins a session with an access key of its own.
func newSession(c *door.Call, d time.Duration) *session.Session {
	s := &session.Session{Issued: c.Time.UTC().Truncate(time.Second), Cell: boundTo(c.Principal)}
	s.Expires = s.Issued.Add(d)
	s.AccessKeyID, s.Secret = session.NewAccessKey(session.TemporaryPrefix)
	return s
}

// boundTo is the function in whose cells alone a session works that p takes:
// what Lambda takes is for a cell of the function that it names, and a session
// taken with such a session is bound like it.
func boundTo(p *door.Principal) string {
	if p.Kind == policy.PrincipalService && p.Service == "lambda.amazonaws.com" {
		return p.SourceARN
	}
	return p.Cell
}
