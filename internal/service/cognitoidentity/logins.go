package cognitoidentity

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"cloister/internal/awsapi"
	"cloister/internal/door"
	"cloister/internal/gate/jwt"
	"cloister/internal/oidc"
	"cloister/internal/store"
)

// proof is a login that was verified.
type proof struct {
	login
	provider string
	client   string       // whom the token is for
	claims   *oidc.Claims // nil of a login that a developer vouched for
}

// vouched is an identity that a token of this service names, until that ends.
type vouched struct {
	id    string // "" for none
	until time.Time
}

// prove verifies the logins that a caller gives, each by its token. Developers'
// own logins come back as a token of this service, which names the identity.
func (s *Service) prove(c *door.Call, p *pool, logins map[string]string) (proofs []*proof, own vouched, err error) {
	for _, provider := range keysOf(logins) {
		if provider == Provider {
			if own, err = s.ownToken(c, p, logins[provider]); err != nil {
				return nil, vouched{}, err
			}
			continue
		}
		one, err := s.proveOne(c, p, provider, logins[provider])
		if err != nil {
			return nil, vouched{}, err
		}
		proofs = append(proofs, one)
	}
	return proofs, own, nil
}

func (s *Service) proveOne(c *door.Call, p *pool, provider, token string) (*proof, error) {
	clients, err := s.clientsOf(c, p, provider)
	if err != nil {
		return nil, err
	}
	claims, err := s.tokens.Verify(c, "https://"+provider, token, c.Time)
	if err != nil {
		return nil, tokenError(err)
	}
	audience := claims.Audience
	if claims.AuthorizedParty != "" {
		audience = []string{claims.AuthorizedParty}
	}
	at := slices.IndexFunc(audience, func(a string) bool { return slices.Contains(clients, a) })
	if at < 0 {
		return nil, notAuthorized("Invalid login token. Incorrect token audience.")
	}
	if use, given := claims.Scalar("token_use"); userPool.MatchString(provider) && (!given || use != "id") {
		return nil, notAuthorized("Invalid login token. Not an ID token of the user pool.")
	}
	if claims.Subject == "" || len(claims.Subject) > 255 || claims.Expires == nil {
		return nil, notAuthorized("Invalid login token. A required claim is missing.")
	}
	return &proof{login: login{provider, claims.Subject}, provider: provider, client: audience[at], claims: claims}, nil
}

// tokenError is what a caller is told of a token.
func tokenError(err error) error {
	switch {
	case errors.Is(err, oidc.ErrExpired):
		return notAuthorized("Invalid login token. Token expired.")
	case jwt.Invalid(err):
		return notAuthorized("Invalid login token.")
	}
	e := awsapi.Errorf("ExternalServiceException", "The identity provider could not be asked for its keys.")
	e.Cause = err
	return e
}

// clientsOf are the clients whose tokens of a provider a pool takes.
func (s *Service) clientsOf(c *door.Call, p *pool, provider string) (clients []string, err error) {
	for _, one := range p.Spec.CognitoIdentityProviders {
		if val(one.ProviderName) == provider {
			clients = append(clients, val(one.ClientId))
		}
	}
	if id := p.Spec.SupportedLoginProviders[provider]; id != "" {
		clients = append(clients, strings.Split(id, ",")...)
	}
	if slices.Contains(p.Spec.OpenIdConnectProviderARNs, "arn:aws:iam::"+p.Account+":oidc-provider/"+provider) {
		err = c.View(func(r store.Reader) error {
			known, err := s.providers.Provider(r, p.Account, "https://"+provider)
			if err == nil {
				clients = append(clients, known.ClientIDs...)
			}
			if isMissing(err) {
				return nil
			}
			return err
		})
	}
	if err == nil && len(clients) == 0 {
		err = notAuthorized("Token is not from a supported provider of this identity pool.")
	}
	return clients, err
}

// tokenClaims are what the tokens of this service say of an identity.
func tokenClaims(p *pool, i *identity, kind string, at time.Time, life time.Duration, methods []string) map[string]any {
	return map[string]any{
		"iss": Issuer, "sub": i.ID, "aud": p.ID, "amr": append([]string{kind}, methods...), "iat": at.Unix(), "exp": at.Add(life).Unix(),
	}
}

// ownToken is the identity that a token of this service was made for, which a
// developer gave its user.
func (s *Service) ownToken(ctx context.Context, p *pool, text string) (vouched, error) {
	token, err := oidc.Parse(text)
	if err != nil {
		return vouched{}, notAuthorized("Invalid login token.")
	}
	keys, err := s.Keys(ctx)
	if err != nil {
		return vouched{}, err
	}
	claims, err := token.Verify(keys)
	if err != nil {
		return vouched{}, notAuthorized("Invalid login token.")
	}
	switch {
	case claims.CheckTime(s.now(), 0) != nil:
		return vouched{}, notAuthorized("Invalid login token. Token expired.")
	case claims.Issuer != Issuer || !slices.Equal(claims.Audience, []string{p.ID}) || !slices.Contains(claims.Methods, known):
		return vouched{}, notAuthorized("Invalid login token. Token is not for this identity pool.")
	}
	return vouched{claims.Subject, time.Unix(int64(*claims.Expires), 0)}, nil
}
