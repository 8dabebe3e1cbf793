package sts

import (
	"context"
	"errors"

	"github.com/go-jose/go-jose/v4"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/sts"
	"cloister/internal/door"
	"cloister/internal/door/session"
	"cloister/internal/oidc"
	"cloister/internal/seal"
	"cloister/internal/store"
	"cloister/policy"
)

// Service is STS. It is safe for concurrent use.
type Service struct {
	sealing *seal.Keyring
	roles   session.Roles
	keys    *oidc.Keys
	pools   OwnKeys
}

// OwnKeys gives the keys of the identity pools of this node, in whose name
// Cognito vouches for its users.
type OwnKeys func(ctx context.Context) ([]jose.JSONWebKey, error)

// TakeIdentityPools has the service take the tokens of identity pools. Call it
// before the first call.
func (s *Service) TakeIdentityPools(keys OwnKeys) { s.pools = keys }

// New makes the service: sealing seals the tokens, roles knows who may assume
// which role, and fetch is the way to identity providers.
func New(sealing *seal.Keyring, roles session.Roles, fetch oidc.Fetcher) *Service {
	return &Service{sealing: sealing, roles: roles, keys: oidc.NewKeys(fetch)}
}

// Register registers every operation of STS that exists here.
func (s *Service) Register(d *door.Door) {
	door.ReadOrWrite(d, api.OpAssumeRole, door.Permission(s.needAssumeRole),
		func(in *api.AssumeRoleRequest) bool { return hasCode(in.SerialNumber, in.TokenCode) }, s.assumeRole)
	door.Read(d, api.OpAssumeRoleWithWebIdentity, door.ByToken(s.identifyWebIdentity, s.needWebIdentity), s.assumeRoleWithWebIdentity)
	door.Read(d, api.OpDecodeAuthorizationMessage, door.Permission(needDecode), s.decodeAuthorizationMessage)
	door.Read(d, api.OpGetAccessKeyInfo, door.Permission(needKeyInfo), s.getAccessKeyInfo)
	door.Read(d, api.OpGetFederationToken, door.Permission(needFederationToken), s.getFederationToken)
	door.Read(d, api.OpGetCallerIdentity, door.SignedOnly[api.GetCallerIdentityRequest](), s.getCallerIdentity)
	door.ReadOrWrite(d, api.OpGetSessionToken, door.SignedOnly[api.GetSessionTokenRequest](),
		func(in *api.GetSessionTokenRequest) bool { return hasCode(in.SerialNumber, in.TokenCode) }, s.getSessionToken)
}

// getCallerIdentity tells callers who they are, which no policy can forbid.
func (s *Service) getCallerIdentity(c *door.Call, _ store.Reader, _ *api.GetCallerIdentityRequest) (*api.GetCallerIdentityResponse, error) {
	p := c.Principal
	if p.Kind == policy.PrincipalService {
		return nil, accessDenied("Service principals have no identity in an account.")
	}
	return &api.GetCallerIdentityResponse{Account: &p.Account, Arn: &p.ARN, UserId: &p.UserID}, nil
}

// credentials seals a session and gives it as its caller gets it.
func (s *Service) credentials(opened *session.Session) (*api.Credentials, error) {
	token, err := session.Token(s.sealing, opened)
	if errors.Is(err, session.ErrTooLarge) { // tags and the claims of a token count as well
		return nil, tooLarge(101)
	}
	if err != nil {
		return nil, err
	}
	return &api.Credentials{
		AccessKeyId: &opened.AccessKeyID, SecretAccessKey: awsapi.Ptr(string(opened.Secret.Reveal())),
		SessionToken: &token, Expiration: &opened.Expires,
	}, nil
}
