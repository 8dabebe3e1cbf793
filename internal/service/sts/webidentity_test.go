package sts

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"
	"github.com/go-jose/go-jose/v4"

	"cloister/internal/audit"
	iamapi "cloister/internal/awsapi/iam"
	"cloister/internal/dial"
	"cloister/internal/door/doortest"
	"cloister/internal/oidc/oidctest"
)

const (
	idpURL      = "https://idp.example/realm"
	providerARN = "arn:aws:iam::123456789012:oidc-provider/idp.example/realm"
)

// trustProvider is a trust policy for a provider, with a condition.
func trustProvider(arn, condition string) string {
	return `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"Federated":"` + arn + `"},"Action":["sts:AssumeRoleWithWebIdentity","sts:TagSession","sts:SetSourceIdentity"]` + condition + `}}`
}

// federation is a harness with an issuer in memory, its provider, and a role
// that trusts one repository.
func federation(t *testing.T) (*harness, *oidctest.Issuer, string) {
	h := newHarness(t)
	issuer := oidctest.New(t, idpURL)
	h.fetch = issuer.Fetch
	h.provider(idpURL)
	arn := h.role("app", trustProvider(providerARN, `,"Condition":{"StringEquals":{"idp.example/realm:aud":"sts.amazonaws.com"},"StringLike":{"idp.example/realm:sub":"repo:octo/*"}}`))
	h.rolePolicy("app", mayIAM)
	return h, issuer, arn
}

func (h *harness) provider(url string, thumbprints ...string) {
	h.t.Helper()
	do(h, iamapi.OpCreateOpenIDConnectProvider, &iamapi.CreateOpenIDConnectProviderRequest{
		Url: &url, ClientIDList: []string{"sts.amazonaws.com", "client-b"}, ThumbprintList: thumbprints,
	})
}

// anyone is a client without credentials.
func (h *harness) anyone() *sdk.Client {
	return sdk.New(sdk.Options{BaseEndpoint: &h.url, Region: doortest.Region, RetryMaxAttempts: 1, Credentials: aws.AnonymousCredentials{}})
}

func (h *harness) present(arn, token string, more ...func(*sdk.AssumeRoleWithWebIdentityInput)) (*sdk.AssumeRoleWithWebIdentityOutput, error) {
	in := &sdk.AssumeRoleWithWebIdentityInput{RoleArn: &arn, RoleSessionName: aws.String("session"), WebIdentityToken: &token}
	for _, fn := range more {
		fn(in)
	}
	return h.anyone().AssumeRoleWithWebIdentity(context.Background(), in)
}

func (h *harness) refusedToken(code, message, arn, token string, more ...func(*sdk.AssumeRoleWithWebIdentityInput)) {
	h.t.Helper()
	_, err := h.present(arn, token, more...)
	if got := h.wantCode(code, err); !strings.Contains(got, message) {
		h.t.Errorf("refused with %q, not %q", got, message)
	}
}

const notAuthorized = "Not authorized to perform sts:AssumeRoleWithWebIdentity"

func TestWebIdentity(t *testing.T) {
	h, issuer, arn := federation(t)
	out, err := h.present(arn, issuer.Token(nil))
	if err != nil {
		t.Fatal(err)
	}
	if *out.Provider != providerARN || *out.Audience != "sts.amazonaws.com" || *out.SubjectFromWebIdentityToken != "repo:octo/app:ref:refs/heads/main" ||
		*out.AssumedRoleUser.Arn != "arn:aws:sts::123456789012:assumed-role/app/session" || out.SourceIdentity != nil || packedWeb(out) != nil {
		t.Errorf("the answer is %+v", out)
	}
	if left := time.Until(*out.Credentials.Expiration); left > time.Hour || left < 59*time.Minute {
		t.Errorf("expires in %v", left)
	}
	if me := h.whoami(h.in(out.Credentials)); *me.Arn != *out.AssumedRoleUser.Arn || *me.UserId != *out.AssumedRoleUser.AssumedRoleId {
		t.Errorf("the session calls as %s", *me.Arn)
	}
	if !h.mayList(out.Credentials) {
		t.Error("the session may not do what its role may")
	}
}

func TestEveryAlgorithmThatCounts(t *testing.T) {
	h, issuer, arn := federation(t)
	for _, a := range []jose.SignatureAlgorithm{jose.RS256, jose.RS384, jose.RS512, jose.PS256, jose.PS384, jose.PS512, jose.ES256, jose.ES384, jose.ES512} {
		if _, err := h.present(arn, issuer.Sign(a, issuer.Claims(nil), nil)); err != nil {
			t.Errorf("%s: %v", a, err)
		}
	}
}

// Each of these tokens has one thing wrong with it.
func TestBadTokens(t *testing.T) {
	h, issuer, arn := federation(t)
	now := time.Now().Unix()
	for what, c := range map[string]struct {
		claims  map[string]any
		code    string
		message string
	}{
		"another audience":       {map[string]any{"aud": "someone.else"}, "InvalidIdentityToken", "Incorrect token audience"},
		"no audience":            {map[string]any{"aud": nil}, "InvalidIdentityToken", "Missing a required claim: aud"},
		"audience of numbers":    {map[string]any{"aud": []int{1}}, "InvalidIdentityToken", "not a valid JWT"},
		"another party":          {map[string]any{"azp": "someone.else"}, "InvalidIdentityToken", "Incorrect token audience"},
		"another issuer":         {map[string]any{"iss": "https://evil.example"}, "InvalidIdentityToken", "No OpenIDConnect provider found in your account for https://evil.example"},
		"the issuer with a /":    {map[string]any{"iss": idpURL + "/"}, "InvalidIdentityToken", "No OpenIDConnect provider found"},
		"no issuer":              {map[string]any{"iss": nil}, "InvalidIdentityToken", "No OpenIDConnect provider found"},
		"no subject":             {map[string]any{"sub": nil}, "InvalidIdentityToken", "Missing a required claim: sub"},
		"a long subject":         {map[string]any{"sub": "repo:octo/" + strings.Repeat("x", 300)}, "InvalidIdentityToken", "too long"},
		"no expiry":              {map[string]any{"exp": nil}, "InvalidIdentityToken", "Missing a required claim: exp"},
		"expiry as text":         {map[string]any{"exp": fmt.Sprint(now + 600)}, "InvalidIdentityToken", "not a valid JWT"},
		"no time of issue":       {map[string]any{"iat": nil}, "InvalidIdentityToken", "Missing a required claim: iat"},
		"expired":                {map[string]any{"exp": now - 302}, "ExpiredTokenException", "must be before the expiration date/time"},
		"issued in the future":   {map[string]any{"iat": now + 400}, "InvalidIdentityToken", "not valid yet"},
		"good in the future":     {map[string]any{"nbf": now + 400}, "InvalidIdentityToken", "not valid yet"},
		"another subject":        {map[string]any{"sub": "repo:evil/app"}, "AccessDenied", notAuthorized},
		"the other client":       {map[string]any{"aud": "client-b"}, "AccessDenied", notAuthorized},
		"tags of a wrong form":   {map[string]any{"https://aws.amazon.com/tags": "x"}, "InvalidIdentityToken", "malformed"},
		"a tag with two values":  {map[string]any{"https://aws.amazon.com/tags": map[string]any{"principal_tags": map[string]any{"a": []string{"1", "2"}}}}, "InvalidIdentityToken", "malformed"},
		"a tag of AWS's":         {map[string]any{"https://aws.amazon.com/tags": map[string]any{"principal_tags": map[string]any{"aws:x": "1"}}}, "InvalidParameterValue", "reserved"},
		"a tag that is too long": {map[string]any{"https://aws.amazon.com/tags/principal_tags/" + strings.Repeat("k", 200): "1"}, "InvalidIdentityToken", "not valid"},
		"a bad source identity":  {map[string]any{"https://aws.amazon.com/source_identity": "a b"}, "InvalidIdentityToken", "not valid"},
		"two source identities":  {map[string]any{"https://aws.amazon.com/source_identity": []string{"ab", "cd"}}, "InvalidIdentityToken", "malformed"},
	} {
		t.Run(what, func(t *testing.T) {
			h.t = t
			h.refusedToken(c.code, c.message, arn, issuer.Token(c.claims))
		})
	}
	for what, claims := range map[string]map[string]any{
		"expired within the leeway": {"exp": now - 290}, "several audiences": {"aud": []string{"x", "sts.amazonaws.com"}},
		"the authorized party": {"aud": "someone.else", "azp": "sts.amazonaws.com"},
	} {
		if _, err := h.present(arn, issuer.Token(claims)); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// What a token carries or names by itself verifies nothing.
func TestForgedTokens(t *testing.T) {
	h, issuer, arn := federation(t)
	if _, err := h.present(arn, issuer.Token(nil)); err != nil {
		t.Fatal(err)
	}
	other := oidctest.New(t, idpURL)
	claims := issuer.Claims(nil)
	payload, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	unsigned := func(header string) string {
		return base64.RawURLEncoding.EncodeToString([]byte(header)) + "." + base64.RawURLEncoding.EncodeToString(payload) + "."
	}
	otherKey := jose.JSONWebKey{Key: other.Key(jose.ES256).Public()}
	const invalid = "InvalidIdentityToken"
	good := strings.Split(issuer.Token(nil), ".")
	for what, token := range map[string]string{
		"another's key of the same id": other.Token(nil),
		"an embedded key":              other.Sign(jose.ES256, claims, map[jose.HeaderKey]any{"jwk": otherKey}),
		"the address of keys":          other.Sign(jose.ES256, claims, map[jose.HeaderKey]any{"jku": "https://evil.example/keys"}),
		"the address of certificates":  other.Sign(jose.ES256, claims, map[jose.HeaderKey]any{"x5u": "https://evil.example/c"}),
		"another key's id":             issuer.Sign(jose.ES256, claims, map[jose.HeaderKey]any{"kid": issuer.KeyOf(jose.ES384)}),
		"an id that is a path":         issuer.Sign(jose.ES256, claims, map[jose.HeaderKey]any{"kid": "../../etc/passwd"}),
		"an id of another kind of key": issuer.Sign(jose.ES256, claims, map[jose.HeaderKey]any{"kid": issuer.KeyOf(jose.RS256)}),
		"an unknown critical header":   issuer.Sign(jose.ES256, claims, map[jose.HeaderKey]any{"crit": []string{"x"}, "x": 1}),
		"no algorithm":                 unsigned(`{"alg":"none"}`),
		"no algorithm, with case":      unsigned(`{"alg":"nOnE"}`),
		"no algorithm at all":          unsigned(`{"typ":"JWT"}`),
		"a claim twice":                issuer.Sign(jose.ES256, []byte(strings.TrimSuffix(string(payload), "}")+`,"aud":"sts.amazonaws.com"}`), nil),
		"claims that are a list":       issuer.Sign(jose.ES256, []byte(`[]`), nil),
		"claims that are null":         issuer.Sign(jose.ES256, []byte(`null`), nil),
		"no signature":                 good[0] + "." + good[1] + ".",
		"another payload":              good[0] + "." + base64.RawURLEncoding.EncodeToString(payload[:len(payload)-1]) + "." + good[2],
		"two parts":                    good[0] + "." + good[1],
		"four parts":                   strings.Join(good, ".") + ".x",
		"an encrypted token":           "a.b.c.d.e",
		"JSON serialization":           `{"payload":"` + good[1] + `","protected":"` + good[0] + `","signature":"` + good[2] + `"}`,
		"space":                        " " + strings.Join(good, "."),
		"nothing much":                 "....",
	} {
		t.Run(what, func(t *testing.T) {
			h.t = t
			h.refusedToken(invalid, "", arn, token)
		})
	}
}

// A public key is no shared secret: an HMAC with it, in whatever form it may be
// taken, verifies nothing.
func TestPublicKeyIsNoSecret(t *testing.T) {
	h, issuer, arn := federation(t)
	keys := issuer.KeySet()
	set, err := json.Marshal(keys)
	if err != nil {
		t.Fatal(err)
	}
	key, err := keys.Key(issuer.KeyOf(jose.RS256))[0].MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	payload, err := json.Marshal(issuer.Claims(nil))
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range [][]byte{set, key, pemOf(t, issuer.Key(jose.RS256).Public())} {
		with, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.HS256, Key: secret}, (&jose.SignerOptions{}).WithHeader("kid", issuer.KeyOf(jose.RS256)))
		if err != nil {
			t.Fatal(err)
		}
		signed, err := with.Sign(payload)
		if err != nil {
			t.Fatal(err)
		}
		token, err := signed.CompactSerialize()
		if err != nil {
			t.Fatal(err)
		}
		h.refusedToken("InvalidIdentityToken", "not a valid JWT", arn, token)
	}
}

// A stranger's token has the node ask nobody but issuers that the account has a
// provider for and that the role trusts.
func TestOnlyTrustedIssuersAreAsked(t *testing.T) {
	h, issuer, arn := federation(t)
	var asked []string
	h.fetch = func(ctx context.Context, url string, trust dial.Trust, most int64) ([]byte, error) {
		asked = append(asked, url)
		return issuer.Fetch(ctx, url, trust, most)
	}
	h.provider("https://other.example")
	lambda := h.role("lambda", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}}`)
	denied := h.role("denied", `{"Version":"2012-10-17","Statement":{"Effect":"Deny","Principal":{"Federated":"`+providerARN+`"},"Action":"sts:*"}}`)
	evil := oidctest.New(t, "https://169.254.169.254/latest")
	other := oidctest.New(t, "https://other.example")
	const none = "No OpenIDConnect provider found"
	h.refusedToken("InvalidIdentityToken", none, arn, evil.Token(nil))
	h.refusedToken("AccessDenied", notAuthorized, arn, other.Token(nil))
	for _, role := range []string{lambda, denied, "arn:aws:iam::123456789012:role/none", "arn:aws:iam::123456789012:user/app"} {
		h.refusedToken("AccessDenied", notAuthorized, role, issuer.Token(nil))
	}
	h.refusedToken("InvalidIdentityToken", none, "arn:aws:iam::999999999999:role/app", issuer.Token(nil))
	h.refusedToken("InvalidIdentityToken", none, "not an arn of a role at all", issuer.Token(nil))
	if len(asked) != 0 {
		t.Fatalf("the node asked for %v", asked)
	}
	if _, err := h.present(arn, issuer.Token(nil)); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(asked, " "); got != idpURL+"/.well-known/openid-configuration "+idpURL+"/keys" {
		t.Errorf("asked for %s", got)
	}
	// Where the keys are known a token that nobody signed is no good for a role
	// that does not trust its issuer either, and the answer tells no roles apart.
	forged := oidctest.New(t, idpURL)
	for _, role := range []string{arn, lambda, "arn:aws:iam::123456789012:role/none"} {
		h.refusedToken("InvalidIdentityToken", "could not be validated", role, forged.Token(nil))
	}
	h.refusedToken("AccessDenied", notAuthorized, lambda, issuer.Token(nil))
}

func TestTrustConditions(t *testing.T) {
	h, issuer, _ := federation(t)
	const prefix = "idp.example/realm:"
	for i, c := range []struct {
		condition string
		claims    map[string]any
		allowed   bool
	}{
		{`"StringEquals":{"` + prefix + `sub":"me"}`, map[string]any{"sub": "me"}, true},
		{`"StringEquals":{"IDP.example/Realm:SUB":"me"}`, map[string]any{"sub": "me"}, true},
		{`"StringEquals":{"other.example:sub":"me"}`, map[string]any{"sub": "me"}, false},
		{`"StringEquals":{"` + prefix + `aud":"client-b"}`, map[string]any{"azp": "client-b"}, true},
		{`"StringEquals":{"` + prefix + `oaud":"sts.amazonaws.com"}`, map[string]any{"azp": "client-b"}, true},
		{`"StringEquals":{"` + prefix + `aud":"x"}`, map[string]any{"aud": []string{"x", "client-b"}}, false},
		{`"ForAnyValue:StringEquals":{"` + prefix + `amr":"mfa"}`, map[string]any{"amr": []string{"pwd", "mfa"}}, true},
		{`"ForAnyValue:StringEquals":{"` + prefix + `amr":"mfa"}`, map[string]any{"amr": []string{"pwd"}}, false},
		{`"StringEquals":{"` + prefix + `email":"a@b.example"}`, map[string]any{"email": "a@b.example"}, true},
		{`"StringEquals":{"` + prefix + `email":"a@b.example"}`, map[string]any{"email": []string{"a@b.example", "c"}}, false},
		{`"StringEquals":{"` + prefix + `groups":"admins"}`, map[string]any{"groups": "admins"}, false},
		{`"StringEquals":{"` + prefix + `repository":"octo/app"}`, map[string]any{"repository": "octo/app"}, false},
		{`"StringEquals":{"sts:RoleSessionName":"session"}`, nil, true},
		{`"StringEquals":{"sts:RoleSessionName":"other"}`, nil, false},
		{`"StringEquals":{"aws:FederatedProvider":"` + providerARN + `"}`, nil, true},
		{`"StringEquals":{"aws:RequestTag/team":"red"}`, map[string]any{"https://aws.amazon.com/tags/principal_tags/team": "red"}, true},
		{`"StringEquals":{"sts:SourceIdentity":"alice"}`, map[string]any{"https://aws.amazon.com/source_identity": "alice"}, true},
		{`"StringEquals":{"aws:PrincipalAccount":"123456789012"}`, nil, false},
		{`"Null":{"aws:PrincipalType":"false"}`, nil, false},
	} {
		arn := h.role(fmt.Sprint("role", i), trustProvider(providerARN, `,"Condition":{`+c.condition+`}`))
		_, err := h.present(arn, issuer.Token(c.claims))
		if c.allowed && err != nil {
			t.Errorf("%s with %v: %v", c.condition, c.claims, err)
		}
		if !c.allowed {
			h.wantCode("AccessDenied", err)
		}
	}
}

// The claims peculiar to GitHub are keys of its own provider only.
func TestGitHubsClaims(t *testing.T) {
	h := newHarness(t)
	issuer := oidctest.New(t, "https://token.actions.githubusercontent.com")
	h.fetch = issuer.Fetch
	h.provider(issuer.URL)
	arn := h.role("ci", trustProvider("arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com", `,"Condition":{"StringEquals":{
		"token.actions.githubusercontent.com:repository_id":"42","token.actions.githubusercontent.com:job_workflow_ref":"octo/app/.github/workflows/d.yml@refs/heads/main"},
		"StringLike":{"token.actions.githubusercontent.com:sub":"repo:octo/app:*"}}`))
	claims := map[string]any{"repository_id": "42", "job_workflow_ref": "octo/app/.github/workflows/d.yml@refs/heads/main"}
	if _, err := h.present(arn, issuer.Token(claims)); err != nil {
		t.Error(err)
	}
	h.refusedToken("AccessDenied", notAuthorized, arn, issuer.Token(map[string]any{"repository_id": "43"}))
}

func TestTagsAndSourceIdentityOfTokens(t *testing.T) {
	h, issuer, arn := federation(t)
	h.rolePolicy("app", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["sts:AssumeRole","sts:TagSession","sts:SetSourceIdentity"],"Resource":"*"},
		{"Effect":"Allow","Action":"iam:ListUsers","Resource":"*","Condition":{"StringEquals":{"aws:PrincipalTag/team":"red","aws:PrincipalTag/cost":"7","aws:SourceIdentity":"alice",
		"aws:FederatedProvider":"`+providerARN+`","idp.example/realm:sub":"repo:octo/app:ref:refs/heads/main","idp.example/realm:aud":"sts.amazonaws.com"},"Null":{"idp.example/realm:email":"true"}}}]}`)
	claims := map[string]any{
		"https://aws.amazon.com/tags":                     map[string]any{"principal_tags": map[string]any{"team": []string{"red"}}, "transitive_tag_keys": []string{"team"}},
		"https://aws.amazon.com/tags/principal_tags/cost": "7",
		"https://aws.amazon.com/source_identity":          "alice",
		"email":                                           "a@b.example",
	}
	out, err := h.present(arn, issuer.Token(claims))
	if err != nil {
		t.Fatal(err)
	}
	if aws.ToString(out.SourceIdentity) != "alice" || aws.ToInt32(packedWeb(out)) == 0 {
		t.Errorf("the answer is %+v", out)
	}
	if !h.mayList(out.Credentials) {
		t.Error("the session lacks what its token gave it")
	}
	plain, err := h.present(arn, issuer.Token(nil))
	if err != nil {
		t.Fatal(err)
	}
	if h.mayList(plain.Credentials) {
		t.Error("a session without tags has them")
	}
	// A chain passes on the transitive tag and the source identity, not who
	// vouched.
	chained, err := assume(h.in(out.Credentials), h.role("third", trustAccount))
	if err != nil || aws.ToString(chained.SourceIdentity) != "alice" {
		t.Errorf("a chain has %v: %v", chained, err)
	}
	// Without the role's consent to tags and source identities there are none.
	for action, claims := range map[string]map[string]any{
		"sts:TagSession":        {"https://aws.amazon.com/tags/principal_tags/cost": "7"},
		"sts:SetSourceIdentity": {"https://aws.amazon.com/source_identity": "alice"},
	} {
		bare := h.role("bare-"+action[4:], strings.Replace(trustProvider(providerARN, ""), `["sts:AssumeRoleWithWebIdentity","sts:TagSession","sts:SetSourceIdentity"]`, `"sts:AssumeRoleWithWebIdentity"`, 1))
		h.refusedToken("AccessDenied", "Not authorized to perform "+action, bare, issuer.Token(claims))
		if _, err := h.present(bare, issuer.Token(nil)); err != nil {
			t.Error(err)
		}
	}
}

func TestWebIdentityIsBoundedAndNarrowed(t *testing.T) {
	h, issuer, arn := federation(t)
	duration := func(seconds int32) func(*sdk.AssumeRoleWithWebIdentityInput) {
		return func(in *sdk.AssumeRoleWithWebIdentityInput) { in.DurationSeconds = &seconds }
	}
	h.refusedToken("ValidationError", "exceeds the MaxSessionDuration set for this role", arn, issuer.Token(nil), duration(3601))
	h.refusedToken("ValidationError", "", arn, issuer.Token(nil), duration(899))
	do(h, iamapi.OpUpdateRole, &iamapi.UpdateRoleRequest{RoleName: aws.String("app"), MaxSessionDuration: aws.Int64(7200)})
	// The token's own end does not bound the session.
	out, err := h.present(arn, issuer.Token(map[string]any{"exp": time.Now().Unix() + 60}), duration(7200))
	if err != nil {
		t.Fatal(err)
	}
	if left := time.Until(*out.Credentials.Expiration); left < 7100*time.Second {
		t.Errorf("expires in %v", left)
	}
	for what, narrow := range map[string]func(*sdk.AssumeRoleWithWebIdentityInput){
		"policy": func(in *sdk.AssumeRoleWithWebIdentityInput) { in.Policy = aws.String(mayGet) },
		"policy ARN": func(in *sdk.AssumeRoleWithWebIdentityInput) {
			in.PolicyArns = []types.PolicyDescriptorType{{Arn: aws.String("arn:aws:iam::aws:policy/service-role/AWSLambdaRole")}}
		},
	} {
		out, err := h.present(arn, issuer.Token(nil), narrow)
		if err != nil {
			t.Fatal(err)
		}
		if h.mayList(out.Credentials) {
			t.Errorf("a session policy by %s does not narrow", what)
		}
	}
	h.refusedToken("MalformedPolicyDocument", "", arn, issuer.Token(nil), func(in *sdk.AssumeRoleWithWebIdentityInput) { in.Policy = aws.String("{") })
	h.refusedToken("InvalidIdentityToken", "ProviderId", arn, issuer.Token(nil), func(in *sdk.AssumeRoleWithWebIdentityInput) { in.ProviderId = aws.String("www.amazon.com") })
}

// A provider that is deleted, or no longer takes the audience, and a trust
// policy that is changed, count at once, whatever keys are remembered.
func TestFederationIsRevokedAtOnce(t *testing.T) {
	h, issuer, arn := federation(t)
	token := issuer.Token(nil)
	if _, err := h.present(arn, token); err != nil {
		t.Fatal(err)
	}
	provider := aws.String(providerARN)
	do(h, iamapi.OpRemoveClientIDFromOpenIDConnectProvider, &iamapi.RemoveClientIDFromOpenIDConnectProviderRequest{OpenIDConnectProviderArn: provider, ClientID: aws.String("sts.amazonaws.com")})
	h.refusedToken("InvalidIdentityToken", "Incorrect token audience", arn, token)
	do(h, iamapi.OpAddClientIDToOpenIDConnectProvider, &iamapi.AddClientIDToOpenIDConnectProviderRequest{OpenIDConnectProviderArn: provider, ClientID: aws.String("sts.amazonaws.com")})
	do(h, iamapi.OpUpdateAssumeRolePolicy, &iamapi.UpdateAssumeRolePolicyRequest{RoleName: aws.String("app"), PolicyDocument: aws.String(trustAccount)})
	h.refusedToken("AccessDenied", notAuthorized, arn, token)
	do(h, iamapi.OpUpdateAssumeRolePolicy, &iamapi.UpdateAssumeRolePolicyRequest{RoleName: aws.String("app"), PolicyDocument: aws.String(trustProvider(providerARN, ""))})
	if _, err := h.present(arn, token); err != nil {
		t.Fatal(err)
	}
	do(h, iamapi.OpDeleteOpenIDConnectProvider, &iamapi.DeleteOpenIDConnectProviderRequest{OpenIDConnectProviderArn: provider})
	h.refusedToken("InvalidIdentityToken", "No OpenIDConnect provider found in your account for "+idpURL, arn, token)
}

// With another thumbprint the issuer has to prove itself anew.
func TestThumbprints(t *testing.T) {
	h := newHarness(t)
	issuer, thumbprint := oidctest.Serve(t)
	u, err := url.Parse(issuer.URL)
	if err != nil {
		t.Fatal(err)
	}
	rule, err := dial.ParseRule(u.Host)
	if err != nil {
		t.Fatal(err)
	}
	h.fetch = dial.New(rule).Fetch
	h.provider(issuer.URL, thumbprint)
	provider := "arn:aws:iam::123456789012:oidc-provider/" + u.Host
	arn := h.role("app", trustProvider(provider, `,"Condition":{"StringLike":{"`+u.Host+`:sub":"repo:octo/*"}}`))
	if _, err := h.present(arn, issuer.Token(nil)); err != nil {
		t.Fatal(err)
	}
	do(h, iamapi.OpUpdateOpenIDConnectProviderThumbprint, &iamapi.UpdateOpenIDConnectProviderThumbprintRequest{OpenIDConnectProviderArn: &provider, ThumbprintList: []string{strings.Repeat("0", 40)}})
	h.refusedToken("InvalidIdentityToken", "HTTPS certificate doesn't match configured thumbprint", arn, issuer.Token(nil))
	// An address that is not allowed is not connected to, and the caller is not
	// told of it.
	h.fetch = dial.New().Fetch
	do(h, iamapi.OpUpdateOpenIDConnectProviderThumbprint, &iamapi.UpdateOpenIDConnectProviderThumbprintRequest{OpenIDConnectProviderArn: &provider, ThumbprintList: []string{strings.Repeat("1", 40), thumbprint}})
	_, err = h.present(arn, issuer.Token(nil))
	if message := h.wantCode("IDPCommunicationError", err); strings.Contains(message, "127.0.0.1") {
		t.Errorf("tells %q", message)
	}
}

// Whoever is refused or let in is in the audit log, as who vouched for them says
// they are; their token is nowhere.
func TestWebIdentityIsAudited(t *testing.T) {
	var logged bytes.Buffer
	was := slog.Default()
	slog.SetDefault(slog.New(slog.NewTextHandler(&logged, &slog.HandlerOptions{Level: slog.LevelDebug})))
	defer slog.SetDefault(was)
	h, issuer, arn := federation(t)
	good, denied, forged := issuer.Token(nil), issuer.Token(map[string]any{"sub": "repo:evil/app"}), oidctest.New(t, idpURL).Token(nil)
	answers := ""
	for _, token := range []string{good, denied, forged, forged + "x"} {
		if _, err := h.present(arn, token); err != nil {
			answers += err.Error()
		}
	}
	var records []audit.Record
	for entry, err := range audit.Read(t.Context(), h.Dir, h.Keys, 0, false) {
		if err != nil {
			t.Fatal(err)
		}
		if entry.EventName == "AssumeRoleWithWebIdentity" {
			records = append(records, entry.Record)
		}
	}
	if len(records) != 4 {
		t.Fatalf("%d records", len(records))
	}
	for i, want := range []struct {
		outcome audit.Outcome
		kind    string
		id      string
		code    string
	}{
		{audit.Allowed, "WebIdentityUser", providerARN + ":sts.amazonaws.com:repo:octo/app:ref:refs/heads/main", ""},
		{audit.Denied, "WebIdentityUser", providerARN + ":sts.amazonaws.com:repo:evil/app", "AccessDenied"},
		{audit.Denied, "Unknown", "", "InvalidIdentityToken"},
		{audit.Denied, "Unknown", "", "InvalidIdentityToken"},
	} {
		r := records[i]
		if r.Outcome != want.outcome || r.Principal.Type != want.kind || r.Principal.ID != want.id || r.ErrorCode != want.code {
			t.Errorf("record %d: %s %+v %s", i, r.Outcome, r.Principal, r.ErrorCode)
		}
	}
	if n := records[1].Needs; len(n) != 1 || n[0].Allowed || n[0].Action != "sts:AssumeRoleWithWebIdentity" || n[0].Context["idp.example/realm:sub"][0] != "repo:evil/app" {
		t.Errorf("the denied need is %+v", n)
	}
	if records[0].Account != doortest.Account {
		t.Errorf("the record is of account %q", records[0].Account)
	}
	text, err := json.Marshal(records)
	if err != nil {
		t.Fatal(err)
	}
	for _, token := range []string{good, denied, forged} {
		parts := strings.Split(token, ".")
		for _, secret := range []string{parts[1], parts[2]} {
			if strings.Contains(string(text), secret) || strings.Contains(logged.String(), secret) || strings.Contains(answers, secret) {
				t.Error("a token is in a record, a log or an answer")
			}
		}
	}
}

// packedWeb is packed of the other operation.
func packedWeb(out *sdk.AssumeRoleWithWebIdentityOutput) *int32 {
	return out.PackedPolicySize //lint:ignore SA1019 the newer member is not in the models
}

func pemOf(t *testing.T, key any) []byte {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
}
