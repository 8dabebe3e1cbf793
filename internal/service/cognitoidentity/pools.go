package cognitoidentity

import (
	"regexp"
	"slices"
	"strings"

	"github.com/google/uuid"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/cognitoidentity"
	"cloister/internal/door"
	"cloister/internal/store"
)

// poolOf finds a pool of the caller's account and region.
func poolOf(c *door.Call, r store.Reader, id *string) (*pool, error) {
	p, err := pools.Get(r, store.K(val(id)))
	if isMissing(err) || err == nil && (p.Account != c.Account || p.Region != c.Region) {
		return nil, noPool(val(id))
	}
	return p, err
}

func (p *pool) shown() *api.IdentityPool {
	out := p.Spec
	out.IdentityPoolId = &p.ID
	return &out
}

func (s *Service) createPool(c *door.Call, tx *store.Tx, in *api.CreateIdentityPoolInput) (*api.IdentityPool, error) {
	p := &pool{Account: c.Account, Region: c.Region, ID: c.Region + ":" + uuid.NewString(), Spec: api.IdentityPool{
		IdentityPoolName: in.IdentityPoolName, AllowUnauthenticatedIdentities: in.AllowUnauthenticatedIdentities, AllowClassicFlow: in.AllowClassicFlow,
		SupportedLoginProviders: in.SupportedLoginProviders, DeveloperProviderName: in.DeveloperProviderName,
		OpenIdConnectProviderARNs: in.OpenIdConnectProviderARNs, CognitoIdentityProviders: in.CognitoIdentityProviders,
		SamlProviderARNs: in.SamlProviderARNs, IdentityPoolTags: in.IdentityPoolTags,
	}}
	if err := p.check(); err != nil {
		return nil, err
	}
	return p.shown(), pools.Insert(tx, store.K(p.ID), p)
}

func (s *Service) updatePool(c *door.Call, tx *store.Tx, in *api.IdentityPool) (*api.IdentityPool, error) {
	p, err := poolOf(c, tx, in.IdentityPoolId)
	if err != nil {
		return nil, err
	}
	if had := val(p.Spec.DeveloperProviderName); had != "" && in.DeveloperProviderName != nil && val(in.DeveloperProviderName) != had {
		return nil, invalid("The developer provider name cannot be changed.")
	}
	tags := p.Spec.IdentityPoolTags
	p.Spec = *in
	if in.IdentityPoolTags == nil {
		p.Spec.IdentityPoolTags = tags
	}
	if err := p.check(); err != nil {
		return nil, err
	}
	return p.shown(), pools.Put(tx, store.K(p.ID), p)
}

// oidcARN names an OpenID Connect provider of IAM.
var oidcARN = regexp.MustCompile(`^arn:aws:iam::(\d{12}):oidc-provider/(.+)$`)

// openIDLogins are the social providers that give ID tokens, which can be
// verified; the tokens of the others say nothing by themselves.
var openIDLogins = []string{"accounts.google.com", "appleid.apple.com"}

// check refuses what could not be verified later.
func (p *pool) check() error {
	spec := &p.Spec
	if len(spec.SamlProviderARNs) > 0 {
		return invalid("SAML providers are not available on this node: use an OpenID Connect provider.")
	}
	for _, name := range keysOf(spec.SupportedLoginProviders) {
		if !slices.Contains(openIDLogins, name) {
			return invalid("%s gives tokens that this node cannot verify: use %s, or an OpenID Connect provider.", name, strings.Join(openIDLogins, " or "))
		}
	}
	for _, arn := range spec.OpenIdConnectProviderARNs {
		if m := oidcARN.FindStringSubmatch(arn); m == nil || m[1] != p.Account {
			return invalid("%s is not an OpenID Connect provider of this account.", arn)
		}
	}
	seen := map[string]bool{}
	for _, one := range spec.CognitoIdentityProviders {
		name, client := val(one.ProviderName), val(one.ClientId)
		if !userPool.MatchString(name) || client == "" {
			return invalid("A Cognito identity provider has a name, cognito-idp.REGION.amazonaws.com/POOL, and a client: %q.", name)
		}
		if val(one.ServerSideTokenCheck) {
			return invalid("ServerSideTokenCheck is not available on this node: leave it out, and sign users out by short tokens.")
		}
		if seen[name+":"+client] {
			return invalid("The provider %s with the client %s is given twice.", name, client)
		}
		seen[name+":"+client] = true
	}
	return checkTags(spec.IdentityPoolTags)
}

// userPool is how a user pool is named as a provider.
var userPool = regexp.MustCompile(`^cognito-idp\.[a-z0-9-]+\.amazonaws\.com/[a-z0-9-]+_[0-9A-Za-z]+$`)

func (s *Service) describePool(c *door.Call, r store.Reader, in *api.DescribeIdentityPoolInput) (*api.IdentityPool, error) {
	p, err := poolOf(c, r, in.IdentityPoolId)
	if err != nil {
		return nil, err
	}
	return p.shown(), nil
}

func (s *Service) deletePool(c *door.Call, tx *store.Tx, in *api.DeleteIdentityPoolInput) (*awsapi.None, error) {
	p, err := poolOf(c, tx, in.IdentityPoolId)
	if err != nil {
		return nil, err
	}
	var gone []store.Key
	for item, err := range identities.Scan(tx, store.K(p.ID), nil) {
		if err != nil {
			return nil, err
		}
		gone = append(gone, item.Key)
	}
	for _, key := range gone {
		if err := identities.Delete(tx, key); err != nil {
			return nil, err
		}
	}
	return &awsapi.None{}, pools.Delete(tx, store.K(p.ID))
}

func (s *Service) listPools(c *door.Call, r store.Reader, in *api.ListIdentityPoolsInput) (*api.ListIdentityPoolsResponse, error) {
	out := &api.ListIdentityPoolsResponse{IdentityPools: []*api.IdentityPoolShortDescription{}}
	prefix := store.K(c.Account, c.Region)
	var after store.Key
	if in.NextToken != nil {
		after = store.K(c.Account, c.Region, *in.NextToken)
	}
	for item, err := range pools.ScanIndex(r, "account", prefix, after) {
		if err != nil {
			return nil, err
		}
		if int64(len(out.IdentityPools)) == val(in.MaxResults) {
			out.NextToken = out.IdentityPools[len(out.IdentityPools)-1].IdentityPoolId
			break
		}
		out.IdentityPools = append(out.IdentityPools, &api.IdentityPoolShortDescription{IdentityPoolId: &item.Value.ID, IdentityPoolName: item.Value.Spec.IdentityPoolName})
	}
	return out, nil
}
