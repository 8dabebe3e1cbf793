package cognitoidp

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	api "cloister/internal/awsapi/cognitoidp"
	"cloister/internal/door"
	"cloister/internal/service/cognitoidp/srp"
	"cloister/internal/store"
	"cloister/policy"
)

// srpSignIn signs in as clients of AWS do.
func (h *harness) srpSignIn(poolID, clientID, name, password string) (*api.RespondToAuthChallengeResponse, map[string]string, error) {
	h.t.Helper()
	c := srp.NewClient()
	out, err := try(h, h.anyone(), api.OpInitiateAuth, &api.InitiateAuthRequest{
		ClientId: &clientID, AuthFlow: ptr("USER_SRP_AUTH"), AuthParameters: map[string]string{"USERNAME": name, "SRP_A": c.A()},
	})
	if err != nil {
		return nil, nil, err
	}
	p := out.ChallengeParameters
	block, err := base64.StdEncoding.DecodeString(p["SECRET_BLOCK"])
	if err != nil {
		h.t.Fatal(err)
	}
	stamp := h.now().Format(proofLayout)
	_, short, _ := strings.Cut(poolID, "_")
	proof, err := c.Prove(p["SALT"], p["SRP_B"], short, p["USER_ID_FOR_SRP"], password, block, stamp)
	if err != nil {
		h.t.Fatal(err)
	}
	responses := map[string]string{
		"USERNAME": p["USER_ID_FOR_SRP"], "PASSWORD_CLAIM_SECRET_BLOCK": p["SECRET_BLOCK"], "TIMESTAMP": stamp,
		"PASSWORD_CLAIM_SIGNATURE": base64.StdEncoding.EncodeToString(proof),
	}
	done, err := try(h, h.anyone(), api.OpRespondToAuthChallenge, &api.RespondToAuthChallengeRequest{
		ClientId: &clientID, ChallengeName: out.ChallengeName, ChallengeResponses: responses,
	})
	return done, responses, err
}

func TestSRP(t *testing.T) {
	h := newHarness(t)
	poolID, clientID := h.makePool()
	h.makeUser(poolID, "ada")
	out, responses, err := h.srpSignIn(poolID, clientID, "ada", goodPassword)
	if err != nil || out.AuthenticationResult == nil {
		t.Fatal(err)
	}
	again := func(change map[string]string) error {
		all := map[string]string{}
		for k, v := range responses {
			all[k] = v
		}
		for k, v := range change {
			all[k] = v
		}
		_, err := try(h, h.anyone(), api.OpRespondToAuthChallenge, &api.RespondToAuthChallengeRequest{
			ClientId: &clientID, ChallengeName: ptr(passwordVerifier), ChallengeResponses: all,
		})
		return err
	}
	wantCode(t, again(nil), "NotAuthorizedException", "only be used once")
	wantCode(t, again(map[string]string{"PASSWORD_CLAIM_SECRET_BLOCK": "AAAA"}), "NotAuthorizedException", "")
	wantCode(t, again(map[string]string{"TIMESTAMP": ""}), "InvalidParameterException", "TIMESTAMP")
	_, _, err = h.srpSignIn(poolID, clientID, "ada", "wrong")
	wantCode(t, err, "NotAuthorizedException", "Incorrect username or password.")
	_, first, err := h.srpSignIn(poolID, clientID, "nobody", "wrong")
	wantCode(t, err, "NotAuthorizedException", "Incorrect username or password.")
	_, second, _ := h.srpSignIn(poolID, clientID, "nobody", "wrong")
	if first["USERNAME"] != second["USERNAME"] {
		t.Error("who is not has another name each time")
	}
}

// Of a name that nobody has the salt is always the same, and has the form of one.
func TestPretendedSaltIsSteady(t *testing.T) {
	h := newHarness(t)
	_, clientID := h.makePool(func(in *api.CreateUserPoolRequest, _ *api.CreateUserPoolClientRequest) {
		in.UsernameAttributes = []string{"email"}
	})
	ask := func(name string) map[string]string {
		out, err := try(h, h.anyone(), api.OpInitiateAuth, &api.InitiateAuthRequest{
			ClientId: &clientID, AuthFlow: ptr("USER_SRP_AUTH"), AuthParameters: map[string]string{"USERNAME": name, "SRP_A": srp.NewClient().A()},
		})
		if err != nil {
			t.Fatal(err)
		}
		return out.ChallengeParameters
	}
	a, b, other := ask("a@example.com"), ask("a@example.com"), ask("b@example.com")
	if a["SALT"] != b["SALT"] || a["USER_ID_FOR_SRP"] != b["USER_ID_FOR_SRP"] || a["SRP_B"] == b["SRP_B"] || a["SALT"] == other["SALT"] {
		t.Errorf("%v\n%v\n%v", a, b, other)
	}
	if len(a["SALT"]) != 32 || len(a["USER_ID_FOR_SRP"]) != 36 {
		t.Errorf("of another form: %v", a)
	}
}

func TestUsersWhoAreNotAreToldWhereClientsWantIt(t *testing.T) {
	h := newHarness(t)
	_, clientID := h.makePool(func(_ *api.CreateUserPoolRequest, c *api.CreateUserPoolClientRequest) {
		c.PreventUserExistenceErrors = ptr("LEGACY")
	})
	_, err := h.signIn(clientID, "nobody", "x")
	wantCode(t, err, "UserNotFoundException", "User does not exist.")
	_, err = try(h, h.anyone(), api.OpForgotPassword, &api.ForgotPasswordRequest{ClientId: &clientID, Username: ptr("nobody")})
	wantCode(t, err, "UserNotFoundException", "User does not exist.")
}

// claimsOf are those of a token, verified with the pool's published keys.
func (h *harness) claimsOf(poolID, token string) map[string]any {
	h.t.Helper()
	parsed, err := jwt.ParseSigned(token, []jose.SignatureAlgorithm{jose.RS256})
	if err != nil {
		h.t.Fatal(err)
	}
	claims := map[string]any{}
	err = h.DB.View(h.t.Context(), func(r store.Reader) error {
		set, err := h.service.keySet(r, poolID)
		if err != nil {
			return err
		}
		return parsed.Claims(set.Key(parsed.Headers[0].KeyID)[0].Key, &claims)
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return claims
}

func TestClaims(t *testing.T) {
	h := newHarness(t)
	poolID, clientID := h.makePool()
	sub := h.makeUser(poolID, "ada")
	for i, name := range []string{"staff", "admins"} {
		do(h, api.OpCreateGroup, &api.CreateGroupRequest{UserPoolId: &poolID, GroupName: ptr(name), Precedence: ptr(int64(9 - i)), RoleArn: ptr("arn:aws:iam::123456789012:role/" + name)})
		do(h, api.OpAdminAddUserToGroup, &api.AdminAddUserToGroupRequest{UserPoolId: &poolID, GroupName: ptr(name), Username: ptr("ada")})
	}
	out := h.signedIn(clientID, "ada")
	access, id := h.claimsOf(poolID, *out.AccessToken), h.claimsOf(poolID, *out.IdToken)
	issuer := "https://cognito-idp.us-east-1.amazonaws.com/" + poolID
	for name, want := range map[string]any{
		"sub": sub, "iss": issuer, "client_id": clientID, "token_use": "access", "username": "ada", "scope": adminScope,
		"cognito:groups": []any{"admins", "staff"}, "origin_jti": id["origin_jti"], "event_id": id["event_id"], "aud": nil,
	} {
		if fmt.Sprint(access[name]) != fmt.Sprint(want) {
			t.Errorf("access token: %s is %v, want %v", name, access[name], want)
		}
	}
	for name, want := range map[string]any{
		"sub": sub, "iss": issuer, "aud": clientID, "token_use": "id", "cognito:username": "ada", "email": "ada@example.com", "email_verified": true,
		"cognito:groups": []any{"admins", "staff"}, "cognito:preferred_role": "arn:aws:iam::123456789012:role/admins",
		"cognito:roles": []any{"arn:aws:iam::123456789012:role/admins", "arn:aws:iam::123456789012:role/staff"}, "scope": nil, "client_id": nil,
	} {
		if fmt.Sprint(id[name]) != fmt.Sprint(want) {
			t.Errorf("ID token: %s is %v, want %v", name, id[name], want)
		}
	}
	if access["exp"].(float64)-access["iat"].(float64) != 3600 || access["jti"] == id["jti"] {
		t.Errorf("%v\n%v", access, id)
	}
}

// Wrong passwords slow down where they come from, and nobody else.
func TestGuessesSlowDown(t *testing.T) {
	l, now := newLimiter(), start
	for i := range freeGuesses {
		if !l.may("ada", "192.0.2.1", now) {
			t.Fatalf("guess %d is not looked at", i)
		}
	}
	if l.may("ada", "192.0.2.1", now) || !l.may("ada", "192.0.2.2", now) || !l.may("bob", "192.0.2.1", now) {
		t.Error("the wait is not for the user and the address")
	}
	waits := []time.Duration{}
	for range 14 {
		from := now
		for !l.may("ada", "192.0.2.1", now) {
			now = now.Add(time.Second)
		}
		waits = append(waits, now.Sub(from))
	}
	if waits[0] != time.Second || waits[1] != 2*time.Second || waits[13] != longestWait {
		t.Errorf("waits are %v", waits)
	}
}

// Whoever guesses from very many addresses keeps out nobody who is known to sign
// in from theirs.
func TestManyAddressesLockNobodyOut(t *testing.T) {
	l, now := newLimiter(), start
	if !l.may("ada", "198.51.100.7", now) {
		t.Fatal("not looked at")
	}
	l.right("ada", "198.51.100.7", now)
	looked := 0
	for i := range 10_000 {
		if l.may("ada", fmt.Sprintf("203.0.113.%d/%d", i%250, i), now) {
			looked++
		}
	}
	if looked > manyGuesses+1 {
		t.Errorf("%d guesses were looked at", looked)
	}
	if !l.may("ada", "198.51.100.7", now) {
		t.Error("the user is kept out")
	}
}

func TestLimiterIsBounded(t *testing.T) {
	l, now := newLimiter(), start
	for i := range 3 * limiterKept {
		l.may(fmt.Sprint("user ", i), "192.0.2.1", now)
	}
	if len(l.wrong) > limiterKept+2 {
		t.Errorf("%d are remembered", len(l.wrong))
	}
}

func TestPasswordAttemptsExceeded(t *testing.T) {
	h := newHarness(t)
	poolID, clientID := h.makePool()
	h.makeUser(poolID, "ada")
	for range freeGuesses {
		_, err := h.signIn(clientID, "ada", "wrong")
		wantCode(t, err, "NotAuthorizedException", "Incorrect username or password.")
	}
	_, err := h.signIn(clientID, "ada", goodPassword)
	wantCode(t, err, "NotAuthorizedException", "Password attempts exceeded")
	_, _, err = h.srpSignIn(poolID, clientID, "ada", goodPassword)
	wantCode(t, err, "NotAuthorizedException", "Password attempts exceeded")
	h.pass(2 * time.Second)
	h.signedIn(clientID, "ada")
}

// A code is worth nothing after some wrong ones, from wherever they came.
func TestCodesAreGuessedSeldom(t *testing.T) {
	h := newHarness(t)
	poolID, clientID := h.makePool()
	h.makeUser(poolID, "ada")
	do(h, api.OpForgotPassword, &api.ForgotPasswordRequest{ClientId: &clientID, Username: ptr("ada")})
	good := h.code()
	confirm := func(text string) error {
		_, err := try(h, h.anyone(), api.OpConfirmForgotPassword, &api.ConfirmForgotPasswordRequest{ClientId: &clientID, Username: ptr("ada"), ConfirmationCode: &text, Password: ptr("Correct-horse-8")})
		return err
	}
	for range freeGuesses {
		wantCode(t, confirm("0"), "CodeMismatchException", "")
	}
	wantCode(t, confirm(good), "LimitExceededException", "Attempt limit exceeded")
	h.pass(16 * time.Minute)
	err := h.DB.View(t.Context(), func(r store.Reader) error {
		u, err := users.Get(r, store.K(poolID, "ada"))
		for range guessesOfCode { // from other addresses
			h.service.codes.guessed(u.Codes[forPassword].ID, h.now())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	wantCode(t, confirm(good), "ExpiredCodeException", "")
}

// What an administrator may not do, the tokens of users do not let anybody do.
func TestWhoMay(t *testing.T) {
	h := newHarness(t)
	poolID, clientID := h.makePool()
	h.makeUser(poolID, "ada")
	nobody := h.User("nobody")
	_, err := try(h, nobody, api.OpAdminGetUser, &api.AdminGetUserRequest{UserPoolId: &poolID, Username: ptr("ada")})
	wantCode(t, err, "AccessDenied", "cognito-idp:AdminGetUser")
	reader := h.User("reader", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"cognito-idp:AdminGetUser","Resource":"arn:aws:cognito-idp:us-east-1:123456789012:userpool/`+poolID+`"}}`)
	if _, err := try(h, reader, api.OpAdminGetUser, &api.AdminGetUserRequest{UserPoolId: &poolID, Username: ptr("ada")}); err != nil {
		t.Error(err)
	}
	grouper := h.User("grouper", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"cognito-idp:*","Resource":"*"}}`)
	_, err = try(h, grouper, api.OpCreateGroup, &api.CreateGroupRequest{UserPoolId: &poolID, GroupName: ptr("g"), RoleArn: ptr("arn:aws:iam::123456789012:role/admin")})
	wantCode(t, err, "AccessDenied", "iam:PassRole")
	other := &door.Principal{Principal: policy.Principal{Kind: policy.PrincipalRoot, ARN: "arn:aws:iam::999999999999:root", Account: "999999999999", UserID: "999999999999"}}
	_, err = try(h, other, api.OpDescribeUserPool, &api.DescribeUserPoolRequest{UserPoolId: &poolID})
	wantCode(t, err, "ResourceNotFoundException", "does not exist")
	_, err = try(h, h.anyone(), api.OpGetUser, &api.GetUserRequest{AccessToken: ptr("x.y.z")})
	wantCode(t, err, "NotAuthorizedException", "Invalid Access Token")
	_ = clientID
}

// Secret hashes are asked of clients that have a secret, and no others take one.
func TestSecretHash(t *testing.T) {
	h := newHarness(t)
	poolID, clientID := h.makePool(func(_ *api.CreateUserPoolRequest, c *api.CreateUserPoolClientRequest) { c.GenerateSecret = ptr(true) })
	h.makeUser(poolID, "ada")
	sign := func(hash string) error {
		in := map[string]string{"USERNAME": "ada", "PASSWORD": goodPassword}
		if hash != "" {
			in["SECRET_HASH"] = hash
		}
		_, err := try(h, h.anyone(), api.OpInitiateAuth, &api.InitiateAuthRequest{ClientId: &clientID, AuthFlow: ptr("USER_PASSWORD_AUTH"), AuthParameters: in})
		return err
	}
	wantCode(t, sign(""), "NotAuthorizedException", "Client "+clientID+" is configured with secret but SECRET_HASH was not received")
	wantCode(t, sign("AAAA"), "NotAuthorizedException", "Unable to verify secret hash for client "+clientID)
	secret := *do(h, api.OpDescribeUserPoolClient, &api.DescribeUserPoolClientRequest{UserPoolId: &poolID, ClientId: &clientID}).UserPoolClient.ClientSecret
	if err := sign(secretHash(secret, "ada", clientID)); err != nil {
		t.Error(err)
	}
}

func TestUsersArePaged(t *testing.T) {
	h := newHarness(t)
	poolID, _ := h.makePool()
	for i := range 7 {
		do(h, api.OpAdminCreateUser, &api.AdminCreateUserRequest{UserPoolId: &poolID, Username: ptr(fmt.Sprint("user", i)), MessageAction: ptr("SUPPRESS")})
	}
	seen := map[string]bool{}
	var token *string
	for {
		out := do(h, api.OpListUsers, &api.ListUsersRequest{UserPoolId: &poolID, Limit: ptr(int64(3)), PaginationToken: token})
		for _, u := range out.Users {
			if seen[*u.Username] {
				t.Errorf("%s comes twice", *u.Username)
			}
			seen[*u.Username] = true
		}
		if token = out.PaginationToken; token == nil {
			break
		}
	}
	if len(seen) != 7 {
		t.Errorf("%d users", len(seen))
	}
}
