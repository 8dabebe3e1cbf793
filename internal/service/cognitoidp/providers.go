package cognitoidp

import (
	"encoding/json"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/cognitoidp"
	"cloister/internal/dial"
	"cloister/internal/door"
	"cloister/internal/seal"
	"cloister/internal/store"
)

func (s *Service) registerProviders(d *door.Door) {
	door.Act(d, api.OpCreateIdentityProvider, onPool("CreateIdentityProvider", func(in *api.CreateIdentityProviderRequest) *string { return in.UserPoolId }), s.createProvider)
	door.Read(d, api.OpDescribeIdentityProvider, onPool("DescribeIdentityProvider", func(in *api.DescribeIdentityProviderRequest) *string { return in.UserPoolId }), s.describeProvider)
	door.Read(d, api.OpListIdentityProviders, onPool("ListIdentityProviders", func(in *api.ListIdentityProvidersRequest) *string { return in.UserPoolId }), s.listProviders)
	door.Act(d, api.OpUpdateIdentityProvider, onPool("UpdateIdentityProvider", func(in *api.UpdateIdentityProviderRequest) *string { return in.UserPoolId }), s.updateProvider)
	door.Write(d, api.OpDeleteIdentityProvider, onPool("DeleteIdentityProvider", func(in *api.DeleteIdentityProviderRequest) *string { return in.UserPoolId }), s.deleteProvider)
	door.Read(d, api.OpGetIdentityProviderByIdentifier, onPool("GetIdentityProviderByIdentifier", func(in *api.GetIdentityProviderByIdentifierRequest) *string { return in.UserPoolId }), s.providerByIdentifier)
	door.Write(d, api.OpAdminLinkProviderForUser, onPool("AdminLinkProviderForUser", func(in *api.AdminLinkProviderForUserRequest) *string { return in.UserPoolId }), s.linkProvider)
	door.Write(d, api.OpAdminDisableProviderForUser, onPool("AdminDisableProviderForUser", func(in *api.AdminDisableProviderForUserRequest) *string { return in.UserPoolId }), s.unlinkProvider)
}

func (i *identityProvider) key() store.Key { return store.K(i.Pool, i.Name) }

// shown is what callers see of a provider, the client's secret there included, as
// on AWS.
func (i *identityProvider) shown() *api.IdentityProviderType {
	details := map[string]string{}
	for name, value := range i.Details {
		details[name] = value
	}
	if !i.Secret.Empty() {
		details["client_secret"] = string(i.Secret.Reveal())
	}
	return &api.IdentityProviderType{
		UserPoolId: &i.Pool, ProviderName: &i.Name, ProviderType: &i.Type, ProviderDetails: details, AttributeMapping: i.Mapping, IdpIdentifiers: i.Identifiers,
		CreationDate: &i.Created, LastModifiedDate: &i.Modified,
	}
}

func providerOf(c *door.Call, r store.Reader, id, name *string) (*pool, *identityProvider, error) {
	p, err := poolOf(c, r, id)
	if err != nil {
		return nil, nil, err
	}
	i, err := providers.Get(r, store.K(p.ID, val(name)))
	if isMissing(err) {
		return nil, nil, notFound("Identity provider %s does not exist.", val(name))
	}
	return p, i, err
}

var providerName = regexp.MustCompile(`^[\p{L}\p{M}\p{S}\p{N}\p{P}]{3,32}$`)

func (s *Service) createProvider(c *door.Call, in *api.CreateIdentityProviderRequest) (*api.CreateIdentityProviderResponse, error) {
	var p *pool
	err := c.View(func(r store.Reader) (err error) {
		p, err = poolOf(c, r, in.UserPoolId)
		return err
	})
	if err != nil {
		return nil, err
	}
	name := val(in.ProviderName)
	switch {
	case val(in.ProviderType) != "OIDC":
		return nil, invalid("Identity providers of the type %s are not available on this node: OIDC is.", val(in.ProviderType))
	case !providerName.MatchString(name) || strings.ContainsAny(name, "_") || name == "COGNITO" || name == "Cognito":
		return nil, invalid("Provider name cannot be %s", name)
	}
	i := &identityProvider{Pool: p.ID, Name: name, Type: "OIDC", Identifiers: in.IdpIdentifiers, Created: c.Time, Modified: c.Time}
	if err := s.setProvider(c, p, i, in.ProviderDetails, in.AttributeMapping); err != nil {
		return nil, err
	}
	err = c.Commit(func(tx *store.Tx) error {
		if _, err := providers.Get(tx, i.key()); err == nil {
			return awsapi.Errorf("DuplicateProviderException", "A provider with the name %s already exists in UserPool %s.", name, p.ID)
		} else if !isMissing(err) {
			return err
		}
		return providers.Insert(tx, i.key(), i)
	})
	if err != nil {
		return nil, err
	}
	return &api.CreateIdentityProviderResponse{IdentityProvider: i.shown()}, nil
}

// setProvider checks what an owner says of a provider. Addresses that are left out
// are those of the issuer's own configuration.
func (s *Service) setProvider(c *door.Call, p *pool, i *identityProvider, details, mapping map[string]string) error {
	i.Details, i.Mapping = map[string]string{}, map[string]string{"username": "sub"}
	for name, value := range details {
		if name == "client_secret" {
			i.Secret = seal.NewSecret([]byte(value))
			continue
		}
		i.Details[name] = value
	}
	for name, claim := range mapping {
		if name != "username" && (p.attribute(name) == nil || name == "sub" || name == "identities") {
			return invalid("Invalid attribute mapping: %s is no attribute of the user pool that can be mapped.", name)
		}
		i.Mapping[name] = claim
	}
	if i.Mapping["username"] != "sub" {
		return invalid("username must be mapped to sub for OIDC providers.")
	}
	if i.Details["client_id"] == "" || i.Secret.Empty() {
		return invalid("client_id and client_secret are required for OIDC providers.")
	}
	if !slices.Contains(strings.Fields(i.Details["authorize_scopes"]), "openid") {
		return invalid("authorize_scopes must have openid.")
	}
	if i.Details["authorize_url"] == "" || i.Details["token_url"] == "" {
		if err := s.discoverProvider(c, i); err != nil {
			return err
		}
	}
	for _, name := range []string{"oidc_issuer", "authorize_url", "token_url"} {
		u, err := url.Parse(i.Details[name])
		if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil || u.Fragment != "" {
			return invalid("%s is no https address.", name)
		}
	}
	return nil
}

func (s *Service) discoverProvider(c *door.Call, i *identityProvider) error {
	text, err := s.fetch(c, strings.TrimSuffix(i.Details["oidc_issuer"], "/")+discoveryPath, dial.Trust{}, 64<<10)
	var doc struct {
		Issuer    string `json:"issuer"`
		Authorize string `json:"authorization_endpoint"`
		Token     string `json:"token_endpoint"`
	}
	if err != nil || json.Unmarshal(text, &doc) != nil || doc.Issuer != i.Details["oidc_issuer"] {
		return invalid("Unable to contact well-known endpoint of the oidc_issuer: give authorize_url and token_url, or allow its address with --allow-outgoing.")
	}
	if i.Details["authorize_url"] == "" {
		i.Details["authorize_url"] = doc.Authorize
	}
	if i.Details["token_url"] == "" {
		i.Details["token_url"] = doc.Token
	}
	return nil
}

func (s *Service) updateProvider(c *door.Call, in *api.UpdateIdentityProviderRequest) (*api.UpdateIdentityProviderResponse, error) {
	var p *pool
	var i *identityProvider
	err := c.View(func(r store.Reader) (err error) {
		p, i, err = providerOf(c, r, in.UserPoolId, in.ProviderName)
		return err
	})
	if err != nil {
		return nil, err
	}
	details, mapping := in.ProviderDetails, in.AttributeMapping
	if details == nil {
		details = i.shown().ProviderDetails
	}
	if mapping == nil {
		mapping = i.Mapping
	}
	if in.IdpIdentifiers != nil {
		i.Identifiers = in.IdpIdentifiers
	}
	if err := s.setProvider(c, p, i, details, mapping); err != nil {
		return nil, err
	}
	i.Modified = c.Time
	err = c.Commit(func(tx *store.Tx) error {
		if _, _, err := providerOf(c, tx, in.UserPoolId, in.ProviderName); err != nil {
			return err
		}
		return providers.Put(tx, i.key(), i)
	})
	if err != nil {
		return nil, err
	}
	return &api.UpdateIdentityProviderResponse{IdentityProvider: i.shown()}, nil
}

func (s *Service) describeProvider(c *door.Call, r store.Reader, in *api.DescribeIdentityProviderRequest) (*api.DescribeIdentityProviderResponse, error) {
	_, i, err := providerOf(c, r, in.UserPoolId, in.ProviderName)
	if err != nil {
		return nil, err
	}
	c.Confide(i.Secret.Reveal())
	return &api.DescribeIdentityProviderResponse{IdentityProvider: i.shown()}, nil
}

func (s *Service) listProviders(c *door.Call, r store.Reader, in *api.ListIdentityProvidersRequest) (*api.ListIdentityProvidersResponse, error) {
	p, err := poolOf(c, r, in.UserPoolId)
	if err != nil {
		return nil, err
	}
	after, err := parseToken(in.NextToken)
	if err != nil {
		return nil, err
	}
	found, next, err := page(providers.Scan(r, p.key(), after), or(in.MaxResults, 60), nil)
	if err != nil {
		return nil, err
	}
	out := &api.ListIdentityProvidersResponse{Providers: []*api.ProviderDescription{}, NextToken: next}
	for _, i := range found {
		out.Providers = append(out.Providers, &api.ProviderDescription{ProviderName: &i.Name, ProviderType: &i.Type, CreationDate: &i.Created, LastModifiedDate: &i.Modified})
	}
	return out, nil
}

func (s *Service) deleteProvider(c *door.Call, tx *store.Tx, in *api.DeleteIdentityProviderRequest) (*awsapi.None, error) {
	_, i, err := providerOf(c, tx, in.UserPoolId, in.ProviderName)
	if err != nil {
		return nil, err
	}
	return &awsapi.None{}, providers.Delete(tx, i.key())
}

func (s *Service) providerByIdentifier(c *door.Call, r store.Reader, in *api.GetIdentityProviderByIdentifierRequest) (*api.GetIdentityProviderByIdentifierResponse, error) {
	p, err := poolOf(c, r, in.UserPoolId)
	if err != nil {
		return nil, err
	}
	for item, err := range providers.Scan(r, p.key(), nil) {
		if err != nil {
			return nil, err
		}
		if slices.Contains(item.Value.Identifiers, val(in.IdpIdentifier)) {
			return &api.GetIdentityProviderByIdentifierResponse{IdentityProvider: item.Value.shown()}, nil
		}
	}
	return nil, notFound("Identity provider %s does not exist.", val(in.IdpIdentifier))
}

// linkProvider has a user of the pool be who an account at a provider is.
func (s *Service) linkProvider(c *door.Call, tx *store.Tx, in *api.AdminLinkProviderForUserRequest) (*api.AdminLinkProviderForUserResponse, error) {
	from := in.SourceUser
	p, i, err := providerOf(c, tx, in.UserPoolId, from.ProviderName)
	if err != nil {
		return nil, err
	}
	if val(from.ProviderAttributeName) != "Cognito_Subject" || val(from.ProviderAttributeValue) == "" {
		return nil, invalid("The ProviderAttributeName of the source user is Cognito_Subject, and its value the user's sub there.")
	}
	u, err := userOf(tx, p, in.DestinationUser.ProviderAttributeValue)
	if err != nil {
		return nil, err
	}
	subject := val(from.ProviderAttributeValue)
	if found, err := users.Lookup(tx, "identity", store.K(p.ID, i.Name, subject)); err == nil {
		return nil, invalid("SourceUser is already linked to %s", found.Value.Name)
	} else if !isMissing(err) {
		return nil, err
	}
	u.Identities = append(u.Identities, identity{Provider: i.Name, Type: i.Type, UserID: subject, Created: c.Time})
	return &api.AdminLinkProviderForUserResponse{}, p.put(tx, u, c.Time)
}

func (s *Service) unlinkProvider(c *door.Call, tx *store.Tx, in *api.AdminDisableProviderForUserRequest) (*api.AdminDisableProviderForUserResponse, error) {
	p, err := poolOf(c, tx, in.UserPoolId)
	if err != nil {
		return nil, err
	}
	name, subject := val(in.User.ProviderName), val(in.User.ProviderAttributeValue)
	found, err := users.Lookup(tx, "identity", store.K(p.ID, name, subject))
	if isMissing(err) {
		return nil, noUser()
	}
	if err != nil {
		return nil, err
	}
	u := found.Value
	u.Identities = slices.DeleteFunc(u.Identities, func(i identity) bool { return i.Provider == name && i.UserID == subject })
	if err := revokeAll(tx, u); err != nil {
		return nil, err
	}
	return &api.AdminDisableProviderForUserResponse{}, p.put(tx, u, c.Time)
}
