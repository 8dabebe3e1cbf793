package cognitoidp

import (
	"net/url"
	"slices"
	"strings"
	"time"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/cognitoidp"
	"cloister/internal/door"
	"cloister/internal/seal"
	"cloister/internal/store"
)

func (s *Service) registerClients(d *door.Door) {
	door.Write(d, api.OpCreateUserPoolClient, onPool("CreateUserPoolClient", func(in *api.CreateUserPoolClientRequest) *string { return in.UserPoolId }), s.createClient)
	door.Read(d, api.OpDescribeUserPoolClient, onPool("DescribeUserPoolClient", func(in *api.DescribeUserPoolClientRequest) *string { return in.UserPoolId }), s.describeClient)
	door.Read(d, api.OpListUserPoolClients, onPool("ListUserPoolClients", func(in *api.ListUserPoolClientsRequest) *string { return in.UserPoolId }), s.listClients)
	door.Write(d, api.OpUpdateUserPoolClient, onPool("UpdateUserPoolClient", func(in *api.UpdateUserPoolClientRequest) *string { return in.UserPoolId }), s.updateClient)
	door.Write(d, api.OpDeleteUserPoolClient, onPool("DeleteUserPoolClient", func(in *api.DeleteUserPoolClientRequest) *string { return in.UserPoolId }), s.deleteClient)
}

func clientOf(r store.Reader, p *pool, id *string) (*client, error) {
	c, err := clients.Get(r, store.K(val(id)))
	if isMissing(err) || err == nil && c.Pool != p.ID {
		return nil, noClient(val(id))
	}
	return c, err
}

func (s *Service) createClient(c *door.Call, tx *store.Tx, in *api.CreateUserPoolClientRequest) (*api.CreateUserPoolClientResponse, error) {
	p, err := poolOf(c, tx, in.UserPoolId)
	if err != nil {
		return nil, err
	}
	one := &client{ID: random(lowerAlnum, 26), Pool: p.ID, Created: c.Time, Modified: c.Time}
	if val(in.GenerateSecret) {
		one.Secret = seal.NewSecret([]byte(random(lowerAlnum, 51)))
	}
	one.Spec = api.UserPoolClientType{
		ClientName: in.ClientName, RefreshTokenValidity: in.RefreshTokenValidity, AccessTokenValidity: in.AccessTokenValidity, IdTokenValidity: in.IdTokenValidity,
		TokenValidityUnits: in.TokenValidityUnits, ReadAttributes: in.ReadAttributes, WriteAttributes: in.WriteAttributes, ExplicitAuthFlows: in.ExplicitAuthFlows,
		SupportedIdentityProviders: in.SupportedIdentityProviders, CallbackURLs: in.CallbackURLs, LogoutURLs: in.LogoutURLs, DefaultRedirectURI: in.DefaultRedirectURI,
		AllowedOAuthFlows: in.AllowedOAuthFlows, AllowedOAuthScopes: in.AllowedOAuthScopes, AllowedOAuthFlowsUserPoolClient: in.AllowedOAuthFlowsUserPoolClient,
		AnalyticsConfiguration: in.AnalyticsConfiguration, PreventUserExistenceErrors: in.PreventUserExistenceErrors, EnableTokenRevocation: in.EnableTokenRevocation,
		EnablePropagateAdditionalUserContextData: in.EnablePropagateAdditionalUserContextData, AuthSessionValidity: in.AuthSessionValidity,
		RefreshTokenRotation: in.RefreshTokenRotation,
	}
	if err := one.complete(tx, p); err != nil {
		return nil, err
	}
	return &api.CreateUserPoolClientResponse{UserPoolClient: one.shown()}, clients.Insert(tx, store.K(one.ID), one)
}

func (s *Service) updateClient(c *door.Call, tx *store.Tx, in *api.UpdateUserPoolClientRequest) (*api.UpdateUserPoolClientResponse, error) {
	p, err := poolOf(c, tx, in.UserPoolId)
	if err != nil {
		return nil, err
	}
	one, err := clientOf(tx, p, in.ClientId)
	if err != nil {
		return nil, err
	}
	one.Spec = api.UserPoolClientType{
		ClientName: ptr(or(in.ClientName, val(one.Spec.ClientName))), RefreshTokenValidity: in.RefreshTokenValidity, AccessTokenValidity: in.AccessTokenValidity,
		IdTokenValidity: in.IdTokenValidity, TokenValidityUnits: in.TokenValidityUnits, ReadAttributes: in.ReadAttributes, WriteAttributes: in.WriteAttributes,
		ExplicitAuthFlows: in.ExplicitAuthFlows, SupportedIdentityProviders: in.SupportedIdentityProviders, CallbackURLs: in.CallbackURLs, LogoutURLs: in.LogoutURLs,
		DefaultRedirectURI: in.DefaultRedirectURI, AllowedOAuthFlows: in.AllowedOAuthFlows, AllowedOAuthScopes: in.AllowedOAuthScopes,
		AllowedOAuthFlowsUserPoolClient: in.AllowedOAuthFlowsUserPoolClient, AnalyticsConfiguration: in.AnalyticsConfiguration,
		PreventUserExistenceErrors: in.PreventUserExistenceErrors, EnableTokenRevocation: in.EnableTokenRevocation,
		EnablePropagateAdditionalUserContextData: in.EnablePropagateAdditionalUserContextData, AuthSessionValidity: in.AuthSessionValidity,
		RefreshTokenRotation: in.RefreshTokenRotation,
	}
	one.Modified = c.Time
	if err := one.complete(tx, p); err != nil {
		return nil, err
	}
	return &api.UpdateUserPoolClientResponse{UserPoolClient: one.shown()}, clients.Put(tx, store.K(one.ID), one)
}

// complete fills in what an owner left out and refuses what does not fit.
func (c *client) complete(r store.Reader, p *pool) error {
	spec := &c.Spec
	if spec.ExplicitAuthFlows == nil {
		spec.ExplicitAuthFlows = []string{"ALLOW_REFRESH_TOKEN_AUTH", "ALLOW_USER_SRP_AUTH", "ALLOW_CUSTOM_AUTH"}
	}
	old := slices.ContainsFunc(spec.ExplicitAuthFlows, func(f string) bool { return !strings.HasPrefix(f, "ALLOW_") })
	if old && slices.ContainsFunc(spec.ExplicitAuthFlows, func(f string) bool { return strings.HasPrefix(f, "ALLOW_") }) {
		return invalid("Legacy and new ExplicitAuthFlows cannot be set together.")
	}
	if rotates(spec) && c.allows("ALLOW_REFRESH_TOKEN_AUTH") {
		return invalid("ALLOW_REFRESH_TOKEN_AUTH cannot be set with refresh token rotation: tokens are had by GetTokensFromRefreshToken.")
	}
	spec.PreventUserExistenceErrors = ptr(or(spec.PreventUserExistenceErrors, "ENABLED"))
	spec.EnableTokenRevocation = ptr(or(spec.EnableTokenRevocation, true))
	spec.AllowedOAuthFlowsUserPoolClient = ptr(val(spec.AllowedOAuthFlowsUserPoolClient))
	spec.AuthSessionValidity = ptr(or(spec.AuthSessionValidity, 3))
	if val(spec.RefreshTokenValidity) == 0 {
		spec.RefreshTokenValidity = ptr(int64(30))
	}
	for _, name := range append(slices.Clone(spec.ReadAttributes), spec.WriteAttributes...) {
		if p.attribute(name) == nil {
			return invalid("Invalid read/write attributes specified while creating a client: %s", name)
		}
	}
	for _, check := range []func() error{c.checkValidity, c.checkURLs, func() error { return c.checkOAuth(r, p) }} {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

func rotates(spec *api.UserPoolClientType) bool {
	return spec.RefreshTokenRotation != nil && val(spec.RefreshTokenRotation.Feature) == "ENABLED"
}

// unit is how long a unit of a token's validity is.
func unit(name *string, otherwise time.Duration) time.Duration {
	switch val(name) {
	case "seconds":
		return time.Second
	case "minutes":
		return time.Minute
	case "hours":
		return time.Hour
	case "days":
		return 24 * time.Hour
	}
	return otherwise
}

// lives is how long the tokens of a client are good.
type lives struct{ access, id, refresh time.Duration }

func (c *client) lives() lives {
	units := c.Spec.TokenValidityUnits
	if units == nil {
		units = &api.TokenValidityUnitsType{}
	}
	l := lives{access: time.Hour, id: time.Hour}
	if n := val(c.Spec.AccessTokenValidity); n > 0 {
		l.access = time.Duration(n) * unit(units.AccessToken, time.Hour)
	}
	if n := val(c.Spec.IdTokenValidity); n > 0 {
		l.id = time.Duration(n) * unit(units.IdToken, time.Hour)
	}
	l.refresh = time.Duration(val(c.Spec.RefreshTokenValidity)) * unit(units.RefreshToken, 24*time.Hour)
	return l
}

const (
	shortestLife = 5 * time.Minute
	longestLife  = 24 * time.Hour
	shortRefresh = time.Hour
	longRefresh  = 3650 * 24 * time.Hour
)

func (c *client) checkValidity() error {
	l := c.lives()
	switch {
	case l.access < shortestLife || l.access > longestLife:
		return invalid("Invalid range for token validity: AccessTokenValidity must be between 5 minutes and 1 day.")
	case l.id < shortestLife || l.id > longestLife:
		return invalid("Invalid range for token validity: IdTokenValidity must be between 5 minutes and 1 day.")
	case l.refresh < shortRefresh || l.refresh > longRefresh:
		return invalid("Invalid range for token validity: RefreshTokenValidity must be between 60 minutes and 3650 days.")
	case l.refresh < l.access || l.refresh < l.id:
		return invalid("Invalid token validity: RefreshTokenValidity must be longer than the validity of the access and ID tokens.")
	}
	return nil
}

// checkURLs takes https, http to this machine, and schemes of applications
// (https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_CreateUserPoolClient.html).
func (c *client) checkURLs() error {
	for _, text := range append(slices.Clone(c.Spec.CallbackURLs), c.Spec.LogoutURLs...) {
		u, err := url.Parse(text)
		bad := err != nil || !u.IsAbs() || u.Fragment != "" || strings.Contains(text, "#") || u.User != nil || strings.ContainsAny(text, " \r\n\t\\\"<>")
		if !bad {
			switch u.Scheme {
			case "https":
				bad = u.Host == ""
			case "http":
				host := u.Hostname()
				bad = host != "localhost" && host != "127.0.0.1" && host != "::1"
			case "javascript", "data", "vbscript", "file", "blob", "about":
				bad = true
			}
		}
		if bad {
			return invalid("%s is not a valid redirect URI: it has to be absolute, without a fragment, and https, http of localhost, or a scheme of an application.", text)
		}
	}
	if d := c.Spec.DefaultRedirectURI; d != nil && !slices.Contains(c.Spec.CallbackURLs, *d) {
		return invalid("DefaultRedirectURI must be in the list of CallbackURLs.")
	}
	return nil
}

// standardScopes are those that need no resource server.
var standardScopes = []string{"phone", "email", "openid", "profile", adminScope}

// adminScope opens the operations on oneself.
const adminScope = "aws.cognito.signin.user.admin"

func (c *client) checkOAuth(r store.Reader, p *pool) error {
	flows := c.Spec.AllowedOAuthFlows
	if slices.Contains(flows, "implicit") {
		return invalid("The implicit flow is not available on this node: use code, with PKCE.")
	}
	if slices.Contains(flows, "client_credentials") {
		switch {
		case len(flows) > 1:
			return invalid("client_credentials flow can not be selected along with code flow or implicit flow.")
		case c.Secret.Empty():
			return invalid("client_credentials flow can not be selected if client does not have a client secret.")
		}
	}
	if slices.Contains(flows, "code") && len(c.Spec.CallbackURLs) == 0 {
		return invalid("Callback URLs are required for the code flow.")
	}
	if val(c.Spec.AllowedOAuthFlowsUserPoolClient) && (len(flows) == 0 || len(c.Spec.AllowedOAuthScopes) == 0) {
		return invalid("AllowedOAuthFlows and AllowedOAuthScopes are required if user pool client is allowed to use OAuth flows.")
	}
	for _, name := range c.Spec.AllowedOAuthScopes {
		if slices.Contains(standardScopes, name) {
			if slices.Contains(flows, "client_credentials") {
				return invalid("%s is not supported with client_credentials flow.", name)
			}
			continue
		}
		known, err := hasScope(r, p, name)
		if err != nil {
			return err
		}
		if !known {
			return awsapiScope(name)
		}
	}
	for _, name := range c.Spec.SupportedIdentityProviders {
		if name == "COGNITO" {
			continue
		}
		if _, err := providers.Get(r, store.K(p.ID, name)); isMissing(err) {
			return invalid("The provider %s does not exist for User Pool %s", name, p.ID)
		} else if err != nil {
			return err
		}
	}
	return nil
}

// allows tells whether a client may use a flow, by its new or its old name.
func (c *client) allows(flow string) bool {
	flows := c.Spec.ExplicitAuthFlows
	if slices.Contains(flows, flow) {
		return true
	}
	old := slices.ContainsFunc(flows, func(f string) bool { return !strings.HasPrefix(f, "ALLOW_") })
	switch flow {
	case "ALLOW_ADMIN_USER_PASSWORD_AUTH":
		return slices.Contains(flows, "ADMIN_NO_SRP_AUTH")
	case "ALLOW_USER_PASSWORD_AUTH":
		return slices.Contains(flows, "USER_PASSWORD_AUTH")
	case "ALLOW_CUSTOM_AUTH":
		return slices.Contains(flows, "CUSTOM_AUTH_FLOW_ONLY") || old && !slices.Contains(flows, "CUSTOM_AUTH_FLOW_ONLY")
	case "ALLOW_USER_SRP_AUTH":
		return old && !slices.Contains(flows, "CUSTOM_AUTH_FLOW_ONLY")
	case "ALLOW_REFRESH_TOKEN_AUTH":
		return old
	}
	return false
}

func (c *client) hides() bool { return val(c.Spec.PreventUserExistenceErrors) == "ENABLED" }

func (c *client) shown() *api.UserPoolClientType {
	out := c.Spec
	out.UserPoolId, out.ClientId = &c.Pool, &c.ID
	out.CreationDate, out.LastModifiedDate = &c.Created, &c.Modified
	if !c.Secret.Empty() {
		out.ClientSecret = ptr(string(c.Secret.Reveal()))
	}
	return &out
}

func (s *Service) describeClient(c *door.Call, r store.Reader, in *api.DescribeUserPoolClientRequest) (*api.DescribeUserPoolClientResponse, error) {
	p, err := poolOf(c, r, in.UserPoolId)
	if err != nil {
		return nil, err
	}
	one, err := clientOf(r, p, in.ClientId)
	if err != nil {
		return nil, err
	}
	c.Confide(one.Secret.Reveal())
	return &api.DescribeUserPoolClientResponse{UserPoolClient: one.shown()}, nil
}

func (s *Service) listClients(c *door.Call, r store.Reader, in *api.ListUserPoolClientsRequest) (*api.ListUserPoolClientsResponse, error) {
	p, err := poolOf(c, r, in.UserPoolId)
	if err != nil {
		return nil, err
	}
	after, err := parseToken(in.NextToken)
	if err != nil {
		return nil, err
	}
	found, next, err := page(clients.ScanIndex(r, "pool", p.key(), after), val(in.MaxResults), nil)
	if err != nil {
		return nil, err
	}
	out := &api.ListUserPoolClientsResponse{UserPoolClients: []*api.UserPoolClientDescription{}, NextToken: next}
	for _, one := range found {
		out.UserPoolClients = append(out.UserPoolClients, &api.UserPoolClientDescription{ClientId: &one.ID, ClientName: one.Spec.ClientName, UserPoolId: &p.ID})
	}
	return out, nil
}

// deleteClient takes a client away; its users' sign-ins end at once, since no
// token is looked at without its client.
func (s *Service) deleteClient(c *door.Call, tx *store.Tx, in *api.DeleteUserPoolClientRequest) (*awsapi.None, error) {
	p, err := poolOf(c, tx, in.UserPoolId)
	if err != nil {
		return nil, err
	}
	one, err := clientOf(tx, p, in.ClientId)
	if err != nil {
		return nil, err
	}
	return &awsapi.None{}, clients.Delete(tx, store.K(one.ID))
}
