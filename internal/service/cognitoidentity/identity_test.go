package cognitoidentity

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	api "cloister/internal/awsapi/cognitoidentity"
	iamapi "cloister/internal/awsapi/iam"
	stsapi "cloister/internal/awsapi/sts"
	"cloister/internal/door"
	"cloister/internal/oidc"
	"cloister/internal/oidc/oidctest"
)

func TestCredentials(t *testing.T) {
	h := newHarness(t)
	pool := h.newPool()
	ada := h.id(pool, h.user("ada", nil))
	if again := h.id(pool, h.user("ada", nil)); again != ada {
		t.Errorf("ada is %s, then %s", ada, again)
	}
	if other := h.id(pool, h.user("bob", nil)); other == ada {
		t.Error("two users are one")
	}
	if role := h.roleOf(ada, h.user("ada", nil)); role != "known" {
		t.Errorf("ada gets the role %s", role)
	}
	eve := h.id(pool, nil)
	p, err := h.credentials(eve, nil)
	if err != nil || !strings.HasSuffix(p.RoleARN, "/unknown") {
		t.Fatalf("a caller whom nobody knows: %v, %v", p, err)
	}
	// Whom nobody knows may do no more than is meant for such callers.
	if _, err := door.Do(context.Background(), h.Door, p, iamapi.OpListUsers, &iamapi.ListUsersRequest{}); err == nil {
		t.Error("a stranger lists users, as the role may")
	}
	if _, err := door.Do(context.Background(), h.Door, p, api.OpListIdentityPools, &api.ListIdentityPoolsInput{MaxResults: ptr(int64(1))}); err != nil {
		t.Errorf("a stranger may not what is meant for strangers: %v", err)
	}
	p, err = h.credentials(ada, h.user("ada", nil))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := door.Do(context.Background(), h.Door, p, iamapi.OpListUsers, &iamapi.ListUsersRequest{}); err != nil {
		t.Errorf("a known caller: %v", err)
	}
}

func TestWhoIsRefused(t *testing.T) {
	h := newHarness(t)
	pool := h.newPool()
	ada := h.id(pool, h.user("ada", nil))
	stranger := oidctest.New(t, "https://"+userPoolName) // the same name, other keys
	for what, c := range map[string]struct {
		logins map[string]string
		code   string
	}{
		"nobody, as ada":              {nil, "NotAuthorizedException"},
		"bob, as ada":                 {h.user("bob", nil), "NotAuthorizedException"},
		"another client":              {h.user("ada", map[string]any{"aud": "other"}), "NotAuthorizedException"},
		"an access token":             {h.user("ada", map[string]any{"token_use": "access"}), "NotAuthorizedException"},
		"an expired token":            {h.user("ada", map[string]any{"exp": time.Now().Unix() - 1}), "NotAuthorizedException"},
		"another issuer's keys":       {map[string]string{userPoolName: stranger.Sign(jose.ES256, stranger.Claims(map[string]any{"sub": "ada", "aud": appClient, "token_use": "id"}), nil)}, "NotAuthorizedException"},
		"no token":                    {map[string]string{userPoolName: "x"}, "NotAuthorizedException"},
		"a provider that it has not":  {map[string]string{"evil.example": h.foreign.Token(nil)}, "NotAuthorizedException"},
		"a token of another provider": {map[string]string{foreign: h.user("ada", nil)[userPoolName]}, "NotAuthorizedException"},
		"a developer's login":         {map[string]string{"login.example": "ada"}, "NotAuthorizedException"},
		"a token that it has not":     {map[string]string{Provider: h.foreign.Token(nil)}, "NotAuthorizedException"},
	} {
		t.Run(what, func(t *testing.T) {
			_, err := try(h, api.OpGetCredentialsForIdentity, &api.GetCredentialsForIdentityInput{IdentityId: &ada, Logins: c.logins})
			h.wantCode(c.code, err)
		})
	}
	closed := h.id(pool, h.user("carl", nil))
	do(h, api.OpUnlinkIdentity, &api.UnlinkIdentityInput{IdentityId: &closed, Logins: h.user("carl", nil), LoginsToRemove: []string{userPoolName}})
	for _, logins := range []map[string]string{nil, h.user("carl", nil)} {
		_, err := try(h, api.OpGetCredentialsForIdentity, &api.GetCredentialsForIdentityInput{IdentityId: &closed, Logins: logins})
		h.wantCode("NotAuthorizedException", err)
	}
	if _, err := try(h, api.OpUnlinkIdentity, &api.UnlinkIdentityInput{IdentityId: &ada, Logins: h.user("bob", nil), LoginsToRemove: []string{userPoolName}}); err == nil {
		t.Error("bob unlinked ada")
	}
	missing := "us-east-1:00000000-0000-0000-0000-000000000000"
	_, err := try(h, api.OpGetCredentialsForIdentity, &api.GetCredentialsForIdentityInput{IdentityId: &missing})
	h.wantCode("ResourceNotFoundException", err)
	_, err = try(h, api.OpGetId, &api.GetIdInput{IdentityPoolId: &missing})
	h.wantCode("ResourceNotFoundException", err)
}

// The token of one pool opens no role that trusts another.
func TestTokensAreForTheirPool(t *testing.T) {
	h := newHarness(t)
	pool := h.newPool()
	out := do(h, api.OpCreateIdentityPool, &api.CreateIdentityPoolInput{IdentityPoolName: ptr("evil"), AllowUnauthenticatedIdentities: ptr(true), AllowClassicFlow: ptr(true)})
	token := *do(h, api.OpGetOpenIdToken, &api.GetOpenIdTokenInput{IdentityId: ptr(h.id(*out.IdentityPoolId, nil))}).Token
	present := func(token string) error {
		_, err := try(h, stsapi.OpAssumeRoleWithWebIdentity, &stsapi.AssumeRoleWithWebIdentityRequest{
			RoleArn: ptr("arn:aws:iam::123456789012:role/unknown"), RoleSessionName: ptr("s-1"), WebIdentityToken: &token})
		return err
	}
	h.wantCode("AccessDenied", present(token))
	token = *do(h, api.OpGetOpenIdToken, &api.GetOpenIdTokenInput{IdentityId: ptr(h.id(pool, nil))}).Token
	if err := present(token); err != nil {
		t.Errorf("the pool's own: %v", err)
	}
	h.wantCode("InvalidIdentityToken", present(token[:len(token)-6]+"AAAAAA"))
}

func TestForeignProviderAndJoining(t *testing.T) {
	h := newHarness(t)
	pool := h.newPool()
	visitor := func(sub, audience string) map[string]string {
		return map[string]string{foreign: h.foreign.Token(map[string]any{"sub": sub, "aud": audience})}
	}
	id := h.id(pool, visitor("ada", "foreign-client"))
	_, err := try(h, api.OpGetId, &api.GetIdInput{IdentityPoolId: &pool, Logins: visitor("ada", "another")})
	h.wantCode("NotAuthorizedException", err)
	both := visitor("ada", "foreign-client")
	for name, token := range h.user("ada-too", nil) {
		both[name] = token
	}
	if joined := h.id(pool, both); joined != id {
		t.Errorf("joined to %s, not %s", joined, id)
	}
	if by := h.id(pool, h.user("ada-too", nil)); by != id {
		t.Errorf("by the other login it is %s", by)
	}
	h.id(pool, h.user("bob", nil))
	mixed := visitor("ada", "foreign-client")
	for name, token := range h.user("bob", nil) {
		mixed[name] = token
	}
	_, err = try(h, api.OpGetId, &api.GetIdInput{IdentityPoolId: &pool, Logins: mixed})
	h.wantCode("ResourceConflictException", err)
	shown := do(h, api.OpDescribeIdentity, &api.DescribeIdentityInput{IdentityId: &id})
	if len(shown.Logins) != 2 {
		t.Errorf("the identity has the logins %v", shown.Logins)
	}
}

func TestDevelopersUsers(t *testing.T) {
	h := newHarness(t)
	pool := h.newPool()
	ask := func(user string) *api.GetOpenIdTokenForDeveloperIdentityResponse {
		return do(h, api.OpGetOpenIdTokenForDeveloperIdentity, &api.GetOpenIdTokenForDeveloperIdentityInput{IdentityPoolId: &pool, Logins: map[string]string{"login.example": user}})
	}
	one, two := ask("one"), ask("two")
	if role := h.roleOf(*one.IdentityId, map[string]string{Provider: *one.Token}); role != "known" {
		t.Errorf("the role is %s", role)
	}
	if _, err := h.credentials(*two.IdentityId, map[string]string{Provider: *one.Token}); err == nil {
		t.Error("one's token is good for two")
	}
	merged := do(h, api.OpMergeDeveloperIdentities, &api.MergeDeveloperIdentitiesInput{IdentityPoolId: &pool, DeveloperProviderName: ptr("login.example"), SourceUserIdentifier: ptr("one"), DestinationUserIdentifier: ptr("two")})
	if *merged.IdentityId != *two.IdentityId {
		t.Errorf("merged into %s", *merged.IdentityId)
	}
	found := do(h, api.OpLookupDeveloperIdentity, &api.LookupDeveloperIdentityInput{IdentityPoolId: &pool, DeveloperUserIdentifier: ptr("one")})
	if *found.IdentityId != *two.IdentityId || len(found.DeveloperUserIdentifierList) != 2 {
		t.Errorf("found %+v", found)
	}
	_, err := try(h, api.OpGetOpenIdTokenForDeveloperIdentity, &api.GetOpenIdTokenForDeveloperIdentityInput{IdentityPoolId: &pool, Logins: map[string]string{"other": "one"}})
	h.wantCode("InvalidParameterException", err)
}

func TestRoleMappings(t *testing.T) {
	h := newHarness(t)
	pool := h.newPool()
	chief, clerk := h.role("chief", pool, known), h.role("clerk", pool, known)
	id := h.id(pool, h.user("ada", nil))
	set := func(m *api.RoleMapping) {
		do(h, api.OpSetIdentityPoolRoles, &api.SetIdentityPoolRolesInput{IdentityPoolId: &pool, Roles: map[string]string{known: "arn:aws:iam::123456789012:role/known"},
			RoleMappings: map[string]*api.RoleMapping{userPoolName + ":" + appClient: m}})
	}
	set(&api.RoleMapping{Type: ptr("Token"), AmbiguousRoleResolution: ptr("Deny")})
	if role := h.roleOf(id, h.user("ada", map[string]any{"cognito:preferred_role": chief, "cognito:roles": []string{chief, clerk}})); role != "chief" {
		t.Errorf("by preference: %s", role)
	}
	_, err := h.credentials(id, h.user("ada", nil))
	h.wantCode("NotAuthorizedException", err)
	custom := func(role string) error {
		_, err := try(h, api.OpGetCredentialsForIdentity, &api.GetCredentialsForIdentityInput{IdentityId: &id, CustomRoleArn: &role,
			Logins: h.user("ada", map[string]any{"cognito:roles": []string{clerk}})})
		return err
	}
	if err := custom(clerk); err != nil {
		t.Errorf("a role of the token's: %v", err)
	}
	h.wantCode("NotAuthorizedException", custom(chief))
	set(&api.RoleMapping{Type: ptr("Rules"), AmbiguousRoleResolution: ptr("AuthenticatedRole"), RulesConfiguration: &api.RulesConfigurationType{Rules: []*api.MappingRule{
		{Claim: ptr("department"), MatchType: ptr("StartsWith"), Value: ptr("fin"), RoleARN: &chief}}}})
	if role := h.roleOf(id, h.user("ada", map[string]any{"department": "finance"})); role != "chief" {
		t.Errorf("by a rule: %s", role)
	}
	if role := h.roleOf(id, h.user("ada", map[string]any{"department": "sales"})); role != "known" {
		t.Errorf("by none: %s", role)
	}
}

func TestPrincipalTags(t *testing.T) {
	h := newHarness(t)
	pool := h.newPool()
	do(h, api.OpSetPrincipalTagAttributeMap, &api.SetPrincipalTagAttributeMapInput{IdentityPoolId: &pool, IdentityProviderName: ptr(userPoolName), PrincipalTags: map[string]string{"team": "custom:team"}})
	p, err := h.credentials(h.id(pool, h.user("ada", nil)), h.user("ada", map[string]any{"custom:team": "red"}))
	if err != nil || p.Tags["team"] != "red" {
		t.Errorf("%v, %v", p, err)
	}
}

// What could not be verified later is refused when the pool is made.
func TestPoolsThatAreRefused(t *testing.T) {
	h := newHarness(t)
	for what, in := range map[string]*api.CreateIdentityPoolInput{
		"opaque tokens":       {SupportedLoginProviders: map[string]string{"graph.facebook.com": "1"}},
		"SAML":                {SamlProviderARNs: []string{"arn:aws:iam::123456789012:saml-provider/x"}},
		"others' providers":   {OpenIdConnectProviderARNs: []string{"arn:aws:iam::999999999999:oidc-provider/x"}},
		"no user pool":        {CognitoIdentityProviders: []*api.CognitoIdentityProvider{{ProviderName: ptr("evil.example/x"), ClientId: ptr("c")}}},
		"server-side checks":  {CognitoIdentityProviders: []*api.CognitoIdentityProvider{{ProviderName: ptr(userPoolName), ClientId: ptr("c"), ServerSideTokenCheck: ptr(true)}}},
		"tags that are AWS's": {IdentityPoolTags: map[string]string{"aws:x": "y"}},
	} {
		t.Run(what, func(t *testing.T) {
			in.IdentityPoolName, in.AllowUnauthenticatedIdentities = ptr("p"), ptr(false)
			_, err := try(h, api.OpCreateIdentityPool, in)
			h.wantCode("InvalidParameterException", err)
		})
	}
	none := *do(h, api.OpCreateIdentityPool, &api.CreateIdentityPoolInput{IdentityPoolName: ptr("p"), AllowUnauthenticatedIdentities: ptr(false)}).IdentityPoolId
	_, err := try(h, api.OpGetId, &api.GetIdInput{IdentityPoolId: &none})
	h.wantCode("NotAuthorizedException", err)
}

// Keys that are old are followed by others, and what they signed stays good.
func TestKeysChange(t *testing.T) {
	h := newHarness(t)
	pool := h.newPool()
	old := *do(h, api.OpGetOpenIdTokenForDeveloperIdentity, &api.GetOpenIdTokenForDeveloperIdentityInput{IdentityPoolId: &pool, Logins: map[string]string{"login.example": "one"}}).Token
	h.service.now = func() time.Time { return time.Now().Add(keyAge) }
	if err := h.service.rotate(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.service.now = time.Now
	keys, err := h.service.Keys(t.Context())
	if err != nil || len(keys) != 2 {
		t.Fatalf("%d keys, %v", len(keys), err)
	}
	again := do(h, api.OpGetOpenIdTokenForDeveloperIdentity, &api.GetOpenIdTokenForDeveloperIdentityInput{IdentityPoolId: &pool, Logins: map[string]string{"login.example": "one"}})
	for _, token := range []string{old, *again.Token} {
		if _, err := h.credentials(*again.IdentityId, map[string]string{Provider: token}); err != nil {
			t.Error(err)
		}
	}
}

// A token of a developer's is good for the time that the developer gave it; what
// its user has made of it ends no later. It links a login of another provider.
func TestNobodyProlongsTokens(t *testing.T) {
	h := newHarness(t)
	pool := h.newPool()
	given := do(h, api.OpGetOpenIdTokenForDeveloperIdentity, &api.GetOpenIdTokenForDeveloperIdentityInput{
		IdentityPoolId: &pool, Logins: map[string]string{"login.example": "ada"}, TokenDuration: ptr(int64(60))})
	until := func(text string) float64 {
		token, err := oidc.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		keys, err := h.service.Keys(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		claims, err := token.Verify(keys)
		if err != nil {
			t.Fatal(err)
		}
		return *claims.Expires
	}
	own := map[string]string{Provider: *given.Token}
	made := do(h, api.OpGetOpenIdToken, &api.GetOpenIdTokenInput{IdentityId: given.IdentityId, Logins: own})
	if until(*made.Token) > until(*given.Token) {
		t.Errorf("a token until %v was made one until %v", until(*given.Token), until(*made.Token))
	}
	both := h.user("ada-of-the-pool", nil)
	both[Provider] = *given.Token
	if _, err := h.credentials(*given.IdentityId, both); err != nil {
		t.Errorf("a login is linked by a token of this service: %v", err)
	}
	if got := h.id(pool, h.user("ada-of-the-pool", nil)); got != *given.IdentityId {
		t.Errorf("the linked login is %s", got)
	}
}
