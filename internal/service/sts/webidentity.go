package sts

import (
	"errors"
	"slices"
	"time"

	"github.com/go-jose/go-jose/v4"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/sts"
	"cloister/internal/door"
	"cloister/internal/door/session"
	"cloister/internal/oidc"
	"cloister/internal/store"
	"cloister/policy"
)

const webIdentityAction = "sts:AssumeRoleWithWebIdentity"

// clockSkew is what the clocks of an issuer and this node may differ by
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers_oidc.html).
const clockSkew = 5 * time.Minute

// webIdentity is who a verified token says somebody is.
type webIdentity struct {
	provider *session.Provider
	issuer   string
	claims   *oidc.Claims
	audience []string
	keys     policy.MapContext
	// request asks for what the token does, in the words of AssumeRole.
	request *api.AssumeRoleRequest
}

// identifyWebIdentity authenticates a caller by its token. The issuer is asked
// for its keys only if the account has a provider for it and the role trusts
// that: nobody else's token has the node connect to anywhere. A token for a role
// that does not trust its issuer is verified with the keys that are known.
func (s *Service) identifyWebIdentity(c *door.Call, in *api.AssumeRoleWithWebIdentityRequest) error {
	if in.ProviderId != nil {
		return invalidToken("A ProviderId is for access tokens of OAuth 2.0, which are not taken, and not for ID tokens of OpenID Connect")
	}
	token, err := oidc.Parse(awsapi.Val(in.WebIdentityToken))
	if err != nil {
		return invalidToken("The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)")
	}
	account := accountIn(awsapi.Val(in.RoleArn))
	var provider *session.Provider
	trusted := false
	err = c.View(func(r store.Reader) (err error) {
		provider, trusted, err = s.trustedProvider(r, account, awsapi.Val(in.RoleArn), token.Issuer())
		return err
	})
	if err != nil {
		return err
	}
	keys, err := s.keysOf(c, provider, token, trusted)
	if err != nil {
		if !trusted {
			return accessDenied("Not authorized to perform %s", webIdentityAction)
		}
		return keyError(err)
	}
	claims, err := token.Verify(keys)
	if err != nil {
		return invalidToken("The web identity token that was passed could not be validated by Amazon Web Services. Get a new identity token from the identity provider and then retry the request.")
	}
	who, err := newWebIdentity(provider, claims, in, c.Time)
	if err != nil {
		return err
	}
	c.Principal, c.Account, c.Evidence = who.principal(), account, who
	return nil
}

// keysOf gives the keys of whoever a token says made it.
func (s *Service) keysOf(c *door.Call, provider *session.Provider, token *oidc.Token, mayAsk bool) ([]jose.JSONWebKey, error) {
	if provider == identityPools {
		return s.pools(c)
	}
	return s.keys.Of(c, &oidc.Issuer{URL: token.Issuer(), Thumbprints: provider.Thumbprints}, token.Key(), mayAsk)
}

// provider finds who vouches: Cognito for the users of its identity pools, which
// no account has to know, or the account's provider for an issuer.
func (s *Service) provider(r store.Reader, account, issuer string) (*session.Provider, error) {
	if s.pools != nil && issuer == "https://"+identityPools.Address {
		return identityPools, nil
	}
	return s.roles.Provider(r, account, issuer)
}

// identityPools is Cognito, as trust policies name it
// (https://docs.aws.amazon.com/cognito/latest/developerguide/role-trust-and-permissions.html).
var identityPools = &session.Provider{ARN: "cognito-identity.amazonaws.com", Address: "cognito-identity.amazonaws.com"}

// trustedProvider finds the account's provider for an issuer, and whether the
// role trusts it under any condition.
func (s *Service) trustedProvider(r store.Reader, account, roleARN, issuer string) (*session.Provider, bool, error) {
	provider, err := s.provider(r, account, issuer)
	if errors.Is(err, store.ErrNotFound) {
		return nil, false, noProvider(issuer)
	}
	if err != nil {
		return nil, false, err
	}
	role, err := s.roles.Role(r, roleARN)
	if errors.Is(err, store.ErrNotFound) {
		return provider, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	return provider, role.Trust.Policy.SpeaksTo(&federated(provider).Principal, webIdentityAction), nil
}

// federated is somebody of whom no more is known than who vouches.
func federated(provider *session.Provider) *door.Principal {
	return &door.Principal{Principal: policy.Principal{Kind: policy.PrincipalFederated, Provider: provider.ARN}}
}

// principal is the caller. Its id is what CloudTrail has for web identities.
func (w *webIdentity) principal() *door.Principal {
	p := federated(w.provider)
	p.UserID = w.provider.ARN + ":" + w.audience[0] + ":" + w.claims.Subject
	p.Name = w.claims.Subject
	return p
}

// needWebIdentity needs the trust of the role, and once more for tags and a
// source identity, each with its own action. Whether the provider still is what
// it was when the token was verified is looked at in the same snapshot.
func (s *Service) needWebIdentity(c *door.Call, r store.Reader, in *api.AssumeRoleWithWebIdentityRequest) ([]door.Need, error) {
	who := c.Evidence.(*webIdentity)
	if err := s.unchanged(r, c.Account, who); err != nil {
		return nil, err
	}
	need := door.Need{
		Action: webIdentityAction, Resource: awsapi.Val(in.RoleArn), Account: c.Account, ResourcePolicyRequired: true,
		Context: assumeContext(who.request, c.Principal), Refusal: "Not authorized to perform " + webIdentityAction,
	}
	for key, values := range who.keys {
		need.Context[key] = values
	}
	role, err := s.roles.Role(r, need.Resource)
	switch {
	case err == nil:
		trust(&need, role)
	case !errors.Is(err, store.ErrNotFound):
		return nil, err
	}
	needs := []door.Need{need}
	if len(who.request.Tags) > 0 {
		needs = append(needs, alsoRefused(need, "sts:TagSession"))
	}
	if who.request.SourceIdentity != nil {
		needs = append(needs, alsoRefused(need, "sts:SetSourceIdentity"))
	}
	return needs, nil
}

func alsoRefused(need door.Need, action string) door.Need {
	need.Action, need.Refusal = action, "Not authorized to perform "+action
	return need
}

// unchanged refuses a token whose provider was deleted or changed since it was
// verified.
func (s *Service) unchanged(r store.Reader, account string, who *webIdentity) error {
	now, err := s.provider(r, account, who.issuer)
	if errors.Is(err, store.ErrNotFound) {
		return noProvider(who.issuer)
	}
	if err != nil {
		return err
	}
	if !slices.Equal(now.Thumbprints, who.provider.Thumbprints) || len(audienceOf(now, who.claims)) == 0 {
		return invalidToken("Incorrect token audience")
	}
	return nil
}

// assumeRoleWithWebIdentity issues a session of a role to a user of an identity
// provider
// (https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html).
// How long the token is good for does not bound the session.
func (s *Service) assumeRoleWithWebIdentity(c *door.Call, r store.Reader, in *api.AssumeRoleWithWebIdentityRequest) (*api.AssumeRoleWithWebIdentityResponse, error) {
	who := c.Evidence.(*webIdentity)
	role, err := s.roles.Role(r, awsapi.Val(in.RoleArn))
	if err != nil {
		return nil, err
	}
	duration, err := sessionTime(c.Principal, role, in.DurationSeconds)
	if err != nil {
		return nil, err
	}
	opened := newSession(c, duration)
	opened.Kind, opened.Account, opened.EntityID = policy.PrincipalAssumedRole, role.Account, role.ID
	opened.Name = awsapi.Val(in.RoleSessionName)
	opened.Provider, opened.FederatedKeys = who.provider.ARN, who.lasting()
	if err := describe(opened, c.Principal, who.request); err != nil {
		return nil, err
	}
	if err := s.narrow(r, opened, in.Policy, in.PolicyArns); err != nil {
		return nil, err
	}
	answer, err := s.answer(role, opened)
	if err != nil {
		return nil, err
	}
	return &api.AssumeRoleWithWebIdentityResponse{
		AssumedRoleUser: answer.AssumedRoleUser, Credentials: answer.Credentials, PackedPolicySize: answer.PackedPolicySize,
		SourceIdentity: answer.SourceIdentity, Audience: &who.audience[0], Provider: &who.provider.ARN,
		SubjectFromWebIdentityToken: &who.claims.Subject,
	}, nil
}
