package cognitoidp

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cloister/internal/audit"
	api "cloister/internal/awsapi/cognitoidp"
)

// What is secret in sign-ins, right and wrong, is in no audit record, no log and
// no file.
func TestSecretsAreNowhere(t *testing.T) {
	var logged bytes.Buffer
	before := slog.Default()
	slog.SetDefault(slog.New(slog.NewTextHandler(&logged, &slog.HandlerOptions{Level: slog.LevelDebug})))
	defer slog.SetDefault(before)

	h := newHosted(t)
	h.makeUser(h.poolID, "ada")
	secrets := map[string]string{"password": goodPassword, "client secret": h.secret}
	hash := secretHash(h.secret, "ada", h.clientID)
	sign := func(password string) *api.AuthenticationResultType {
		out, err := try(h.harness, h.anyone(), api.OpInitiateAuth, &api.InitiateAuthRequest{ClientId: &h.clientID, AuthFlow: ptr("USER_PASSWORD_AUTH"),
			AuthParameters: map[string]string{"USERNAME": "ada", "PASSWORD": password, "SECRET_HASH": hash}})
		if err != nil {
			return nil
		}
		return out.AuthenticationResult
	}
	sign("a-wrong-Passw0rd")
	tokens := sign(goodPassword)
	secrets["wrong password"], secrets["secret hash"] = "a-wrong-Passw0rd", hash
	secrets["access token"], secrets["refresh token"], secrets["ID token"] = *tokens.AccessToken, *tokens.RefreshToken, *tokens.IdToken
	do(h.harness, api.OpForgotPassword, &api.ForgotPasswordRequest{ClientId: &h.clientID, Username: ptr("ada"), SecretHash: &hash})
	code := h.code()
	secrets["code"] = "is " + code
	_, err := try(h.harness, h.anyone(), api.OpConfirmForgotPassword, &api.ConfirmForgotPasswordRequest{ClientId: &h.clientID, Username: ptr("ada"), SecretHash: &hash, ConfirmationCode: ptr("x" + code), Password: ptr("Another-passw0rd")})
	wantCode(t, err, "CodeMismatchException", "")
	secrets["new password"], secrets["code in a call"] = "Another-passw0rd", "x"+code
	_, _ = try(h.harness, h.anyone(), api.OpGetUser, &api.GetUserRequest{AccessToken: ptr(*tokens.AccessToken + "x")})
	config, _ := h.config("openid")
	given := h.codeIn(h.submit(h.get(config.AuthCodeURL("s")), map[string]string{"username": "ada", "password": goodPassword}), "s")
	secrets["authorisation code"] = given
	_, _ = config.Exchange(t.Context(), given)

	records := 0
	for entry, err := range audit.Read(t.Context(), h.Dir, h.Keys, 0, false) {
		if err != nil {
			t.Fatal(err)
		}
		text, err := json.Marshal(entry.Record)
		if err != nil {
			t.Fatal(err)
		}
		records++
		for what, secret := range secrets {
			if strings.Contains(string(text), secret) {
				t.Errorf("the %s is in the record of %s", what, entry.Record.EventName)
			}
		}
	}
	if records < 15 {
		t.Errorf("%d records", records)
	}
	for what, secret := range secrets {
		if strings.Contains(logged.String(), secret) {
			t.Errorf("the %s is in the log", what)
		}
	}
	err = filepath.WalkDir(h.Dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		for what, secret := range secrets {
			if bytes.Contains(content, []byte(secret)) {
				t.Errorf("the %s is in %s", what, path)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Nobody takes a name by which somebody else is found.
func TestNamesAreNobodyElses(t *testing.T) {
	h := newHarness(t)
	poolID, clientID := h.makePool(func(in *api.CreateUserPoolRequest, _ *api.CreateUserPoolClientRequest) {
		in.AliasAttributes = []string{"email", "preferred_username"}
	})
	sub := h.makeUser(poolID, "ada")
	set := func(name, preferred string) error {
		_, err := try(h, h.root, api.OpAdminUpdateUserAttributes, &api.AdminUpdateUserAttributesRequest{UserPoolId: &poolID, Username: &name, UserAttributes: []*api.AttributeType{{Name: ptr("preferred_username"), Value: &preferred}}})
		return err
	}
	if err := set("ada", "countess"); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{sub, "countess", "ada"} {
		_, err := h.signUp(clientID, name)
		wantCode(t, err, "UsernameExistsException", "")
	}
	_, err := try(h, h.anyone(), api.OpSignUp, &api.SignUpRequest{ClientId: &clientID, Username: ptr("ada@example.com"), Password: ptr(goodPassword)})
	wantCode(t, err, "InvalidParameterException", "email format")
	h.makeUser(poolID, "bob")
	wantCode(t, set("bob", "ada"), "AliasExistsException", "preferred_username")
	wantCode(t, set("bob", "countess"), "AliasExistsException", "preferred_username")
	h.signedIn(clientID, "countess")
	h.signedIn(clientID, "ada@example.com")
}

// A step of a sign-in that was begun with a password is worth nothing when the
// password is another, or the user.
func TestStepsEndWithThePassword(t *testing.T) {
	h := newHarness(t)
	poolID, clientID := h.makePool()
	do(h, api.OpSetUserPoolMfaConfig, &api.SetUserPoolMfaConfigRequest{UserPoolId: &poolID, MfaConfiguration: ptr("ON"), SmsMfaConfiguration: &api.SmsMfaConfigType{}})
	make := func() {
		h.makeUser(poolID, "ada")
		do(h, api.OpAdminUpdateUserAttributes, &api.AdminUpdateUserAttributesRequest{UserPoolId: &poolID, Username: ptr("ada"), UserAttributes: []*api.AttributeType{{Name: ptr("phone_number"), Value: ptr("+15551234567")}}})
		do(h, api.OpAdminSetUserMFAPreference, &api.AdminSetUserMFAPreferenceRequest{UserPoolId: &poolID, Username: ptr("ada"), SMSMfaSettings: &api.SMSMfaSettingsType{Enabled: ptr(true)}})
	}
	make()
	for what, change := range map[string]func(){
		"another password": func() {
			do(h, api.OpAdminSetUserPassword, &api.AdminSetUserPasswordRequest{UserPoolId: &poolID, Username: ptr("ada"), Password: ptr(goodPassword), Permanent: ptr(true)})
		},
		"another user": func() {
			do(h, api.OpAdminDeleteUser, &api.AdminDeleteUserRequest{UserPoolId: &poolID, Username: ptr("ada")})
			make()
		},
	} {
		out, err := h.signIn(clientID, "ada", goodPassword)
		if err != nil || val(out.ChallengeName) != smsMFA {
			t.Fatal(out, err)
		}
		code := h.code()
		change()
		_, err = try(h, h.anyone(), api.OpRespondToAuthChallenge, &api.RespondToAuthChallengeRequest{ClientId: &clientID, ChallengeName: out.ChallengeName, Session: out.Session,
			ChallengeResponses: map[string]string{"USERNAME": "ada", "SMS_MFA_CODE": code}})
		t.Log(what)
		wantCode(t, err, "NotAuthorizedException", "Invalid session")
	}
}
