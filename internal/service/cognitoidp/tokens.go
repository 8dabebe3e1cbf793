package cognitoidp

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/google/uuid"

	"cloister/internal/store"
)

// Issuer is the issuer of a pool's tokens, as they name it.
func (s *Service) issuer(p *pool) string {
	if s.publicURL != "" {
		return s.publicURL + "/" + p.ID
	}
	return awsIssuer(p)
}

func awsIssuer(p *pool) string { return "https://cognito-idp." + p.Region + ".amazonaws.com/" + p.ID }

// issuing is what the tokens of one answer are made of.
type issuing struct {
	p      *pool
	client *client
	u      *user
	g      *grant
	at     time.Time
	event  string
	// groups, roles and preferred are what the claims of groups say.
	groups, roles []string
	preferred     string
	scopes        []string
	hosted        bool

	addID, addAccess           map[string]any
	suppressID, suppressAccess []string
}

// newIssuing finds the groups of a user.
func newIssuing(r store.Reader, p *pool, cl *client, u *user, g *grant, at time.Time) (*issuing, error) {
	i := &issuing{p: p, client: cl, u: u, g: g, at: at, event: uuid.NewString(), scopes: g.Scopes, hosted: g.Hosted}
	var all []*group
	for _, name := range u.Groups {
		one, err := groups.Get(r, store.K(p.ID, name))
		if isMissing(err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	rank := func(g *group) int64 {
		if g.Precedence == nil {
			return 1 << 62
		}
		return *g.Precedence
	}
	slices.SortStableFunc(all, func(a, b *group) int {
		if rank(a) != rank(b) {
			if rank(a) < rank(b) {
				return -1
			}
			return 1
		}
		return strings.Compare(a.Name, b.Name)
	})
	for _, one := range all {
		i.groups = append(i.groups, one.Name)
		if one.Role != "" && !slices.Contains(i.roles, one.Role) {
			i.roles = append(i.roles, one.Role)
		}
	}
	i.preferred = preferredRole(all, rank)
	return i, nil
}

// preferredRole is the role of the group that comes first, if no other comes
// with it that has another role
// (https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-user-pools-user-groups.html).
func preferredRole(all []*group, rank func(*group) int64) string {
	role := ""
	for _, g := range all {
		if rank(g) != rank(all[0]) {
			break
		}
		if role != "" && g.Role != "" && g.Role != role {
			return ""
		}
		if role == "" {
			role = g.Role
		}
	}
	return role
}

// common are the claims that both tokens have.
func (s *Service) common(i *issuing, use string, life time.Duration) map[string]any {
	claims := map[string]any{
		"sub": i.u.Sub, "iss": s.issuer(i.p), "token_use": use, "event_id": i.event, "auth_time": i.g.AuthTime.Unix(),
		"iat": i.at.Unix(), "exp": i.at.Add(life).Unix(), "jti": uuid.NewString(),
	}
	if val(i.client.Spec.EnableTokenRevocation) {
		claims["origin_jti"] = i.g.ID
	}
	if len(i.groups) > 0 {
		claims["cognito:groups"] = i.groups
	}
	return claims
}

// reserved are the claims that no trigger changes
// (https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-lambda-pre-token-generation.html).
var reserved = []string{
	"acr", "amr", "at_hash", "auth_time", "azp", "cnf", "exp", "iat", "iss", "jti", "nbf", "nonce", "origin_jti", "sub", "token_use", "event_id",
	"identities", "cognito:username", "username", "client_id", "device_key", "version", "scope", "aud",
}

func (i *issuing) alter(claims map[string]any, add map[string]any, suppress []string) {
	for name, value := range add {
		if !slices.Contains(reserved, name) && !strings.HasPrefix(name, "dev:") {
			claims[name] = value
		}
	}
	for _, name := range suppress {
		if !slices.Contains(reserved, name) {
			delete(claims, name)
		}
	}
}

func (s *Service) accessToken(r store.Reader, i *issuing) (string, error) {
	claims := s.common(i, "access", i.client.lives().access)
	claims["client_id"], claims["username"] = i.client.ID, i.u.Name
	claims["scope"] = strings.Join(i.scopes, " ")
	if i.hosted {
		claims["version"] = 2
	}
	if _, ok := claims["origin_jti"]; !ok {
		delete(claims, "jti")
	}
	i.alter(claims, i.addAccess, i.suppressAccess)
	return s.sign(r, i.p, accessUse, i.at, claims)
}

func (s *Service) idToken(r store.Reader, i *issuing, access string) (string, error) {
	claims := s.common(i, "id", i.client.lives().id)
	claims["aud"], claims["cognito:username"] = i.client.ID, i.u.Name
	if len(i.roles) > 0 {
		claims["cognito:roles"] = i.roles
	}
	if i.preferred != "" {
		claims["cognito:preferred_role"] = i.preferred
	}
	for name, value := range i.readable() {
		claims[name] = value
	}
	if i.hosted {
		claims["at_hash"] = halfHash(access)
		if i.g.Nonce != "" {
			claims["nonce"] = i.g.Nonce
		}
	}
	i.alter(claims, i.addID, i.suppressID)
	return s.sign(r, i.p, idUse, i.at, claims)
}

// readable are the attributes that the client may read and, of the hosted flow,
// that the scopes ask for.
func (i *issuing) readable() map[string]any {
	claims := map[string]any{}
	for name, value := range i.u.Attributes {
		if strings.HasPrefix(name, "dev:") || !i.client.mayRead(name) || i.hosted && !inScope(i.scopes, name) {
			continue
		}
		claims[name] = claimOf(name, value)
	}
	if text := i.u.identities(); text != "" {
		claims["identities"] = json.RawMessage(text)
	}
	return claims
}

func claimOf(name, value string) any {
	switch name {
	case "email_verified", "phone_number_verified":
		return value == "true"
	case "address":
		return map[string]string{"formatted": value}
	}
	return value
}

// inScope tells whether scopes ask for an attribute (OpenID Connect Core,
// section 5.4); profile is all of them, as Cognito has it.
func inScope(scopes []string, name string) bool {
	has := func(scope string) bool { return slices.Contains(scopes, scope) }
	switch {
	case has("profile") || len(scopes) > 0 && !has("email") && !has("phone") && has("openid"):
		return true
	case name == "email" || name == "email_verified":
		return has("email")
	case name == "phone_number" || name == "phone_number_verified":
		return has("phone")
	}
	return false
}

func (c *client) mayRead(name string) bool {
	return len(c.Spec.ReadAttributes) == 0 || slices.Contains(c.Spec.ReadAttributes, name)
}

func (c *client) mayWrite(name string) bool {
	return len(c.Spec.WriteAttributes) == 0 || slices.Contains(c.Spec.WriteAttributes, name)
}

func (s *Service) sign(r store.Reader, p *pool, use string, at time.Time, claims map[string]any) (string, error) {
	set, err := poolKeys.Get(r, p.key())
	if err != nil {
		return "", err
	}
	k := set.current(use, at)
	if k == nil {
		return "", errors.New("a user pool has no signing key")
	}
	private, err := s.private(k)
	if err != nil {
		return "", err
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: jose.JSONWebKey{Key: private, KeyID: k.ID}}, nil)
	if err != nil {
		return "", err
	}
	return jwt.Signed(signer).Claims(claims).Serialize()
}

// accessClaims is what this service reads of its own access tokens.
type accessClaims struct {
	Issuer   string           `json:"iss"`
	Subject  string           `json:"sub"`
	Use      string           `json:"token_use"`
	Client   string           `json:"client_id"`
	Username string           `json:"username"`
	Scope    string           `json:"scope"`
	Origin   string           `json:"origin_jti"`
	Expires  *jwt.NumericDate `json:"exp"`
}

func (a *accessClaims) has(scope string) bool {
	return slices.Contains(strings.Fields(a.Scope), scope)
}

// bearer is who holds an access token.
type bearer struct {
	p      *pool
	client *client
	u      *user
	g      *grant
	claims *accessClaims
}

func badToken() error { return notAuthorized("Invalid Access Token") }

const longestToken = 16 << 10

// bearerOf verifies an access token: that this service signed it, that it has
// not run out, and that its sign-in, its user and its client still are.
func (s *Service) bearerOf(r store.Reader, token string, at time.Time) (*bearer, error) {
	if len(token) > longestToken {
		return nil, badToken()
	}
	parsed, err := jwt.ParseSigned(token, []jose.SignatureAlgorithm{jose.RS256})
	if err != nil || len(parsed.Headers) != 1 {
		return nil, badToken()
	}
	var unverified accessClaims
	if err := parsed.UnsafeClaimsWithoutVerification(&unverified); err != nil {
		return nil, badToken()
	}
	p, err := pools.Get(r, store.K(unverified.Issuer[strings.LastIndexByte(unverified.Issuer, '/')+1:]))
	if isMissing(err) {
		return nil, badToken()
	}
	if err != nil {
		return nil, err
	}
	claims, err := s.verify(r, p, parsed, accessUse)
	if err != nil {
		return nil, err
	}
	if claims.Use != "access" || claims.Expires == nil {
		return nil, badToken()
	}
	if !at.Before(claims.Expires.Time()) {
		return nil, notAuthorized("Access Token has expired")
	}
	return s.holder(r, p, claims)
}

// verify checks the signature by the pool's own key of a kind.
func (s *Service) verify(r store.Reader, p *pool, parsed *jwt.JSONWebToken, use string) (*accessClaims, error) {
	set, err := poolKeys.Get(r, p.key())
	if err != nil {
		return nil, err
	}
	for i := range set.Keys {
		k := &set.Keys[i]
		if k.Use != use || k.ID != parsed.Headers[0].KeyID {
			continue
		}
		private, err := s.private(k)
		if err != nil {
			return nil, err
		}
		var claims accessClaims
		if parsed.Claims(private.Public(), &claims) != nil || claims.Issuer != s.issuer(p) && claims.Issuer != awsIssuer(p) {
			return nil, badToken()
		}
		return &claims, nil
	}
	return nil, badToken()
}

func (s *Service) holder(r store.Reader, p *pool, claims *accessClaims) (*bearer, error) {
	b := &bearer{p: p, claims: claims}
	if claims.Username == "" {
		return nil, badToken() // a client's own
	}
	var err error
	if b.client, err = clientOf(r, p, &claims.Client); err != nil {
		if !isWire(err) {
			return nil, err
		}
		return nil, badToken()
	}
	if b.u, err = users.Get(r, store.K(p.ID, p.fold(claims.Username))); isMissing(err) || err == nil && b.u.Sub != claims.Subject {
		return nil, noUser()
	} else if err != nil {
		return nil, err
	}
	if !b.u.Enabled {
		return nil, notAuthorized("User is disabled.")
	}
	if claims.Origin == "" {
		return b, nil
	}
	if b.g, err = grants.Get(r, store.K(p.ID, b.u.Key, claims.Origin)); isMissing(err) {
		return nil, notAuthorized("Access Token has been revoked")
	}
	return b, err
}

// refreshToken is what a refresh token holds.
type refreshToken struct {
	Pool, User, Grant string
	Serial            int64
}

// seals of what clients keep for the service. They open for the client alone
// that they were made for.
const (
	refreshTable = "cognitoidp refresh token"
	stateTable   = "cognitoidp session"
)

func (s *Service) sealFor(table, client string, v any) (string, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return "", err
	}
	return base64.RawURLEncoding.EncodeToString(s.keys.Seal(table, []byte(client), text)), nil
}

var errSealed = errors.New("not sealed here for this")

func (s *Service) openFor(table, client, text string, v any) error {
	sealed, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil {
		return errSealed
	}
	plain, err := s.keys.Open(table, []byte(client), sealed)
	if err != nil {
		return errSealed
	}
	return json.Unmarshal(plain, v)
}
