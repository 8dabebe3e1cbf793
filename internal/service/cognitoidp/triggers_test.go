package cognitoidp

import (
	"encoding/json"
	"testing"

	api "cloister/internal/awsapi/cognitoidp"
)

// triggered makes a pool with one function for a trigger.
func (h *harness) triggered(set func(l *api.LambdaConfigType, arn *string), fn func(event map[string]any) (any, string)) (poolID, clientID string) {
	h.functions["f"] = fn
	return h.makePool(func(in *api.CreateUserPoolRequest, _ *api.CreateUserPoolClientRequest) {
		in.LambdaConfig = &api.LambdaConfigType{}
		set(in.LambdaConfig, ptr(functionARN+"f"))
	})
}

func (h *harness) signUp(clientID, name string) (*api.SignUpResponse, error) {
	return try(h, h.anyone(), api.OpSignUp, &api.SignUpRequest{
		ClientId: &clientID, Username: &name, Password: ptr(goodPassword),
		UserAttributes: []*api.AttributeType{{Name: ptr("email"), Value: ptr(name + "@example.com")}},
		ValidationData: []*api.AttributeType{{Name: ptr("k"), Value: ptr("v")}}, ClientMetadata: map[string]string{"m": "1"},
	})
}

func TestPreSignUp(t *testing.T) {
	h := newHarness(t)
	answer, failed := any(map[string]any{"autoConfirmUser": true, "autoVerifyEmail": true}), ""
	poolID, clientID := h.triggered(func(l *api.LambdaConfigType, arn *string) { l.PreSignUp, l.PostConfirmation = arn, arn }, func(map[string]any) (any, string) { return answer, failed })
	out, err := h.signUp(clientID, "ada")
	if err != nil || !*out.UserConfirmed || out.CodeDeliveryDetails != nil {
		t.Fatal(out, err)
	}
	got, err := json.Marshal(h.events[0])
	if err != nil {
		t.Fatal(err)
	}
	want := `{"callerContext":{"awsSdkVersion":"aws-sdk-unknown-unknown","clientId":"` + clientID + `"},"region":"us-east-1","request":{"clientMetadata":{"m":"1"},"userAttributes":{"email":"ada@example.com"},"validationData":{"k":"v"}},"response":{"autoConfirmUser":false,"autoVerifyEmail":false,"autoVerifyPhone":false},"triggerSource":"PreSignUp_SignUp","userName":"ada","userPoolId":"` + poolID + `","version":"1"}`
	if h.events[0]["triggerSource"] != "PreSignUp_SignUp" || h.events[1]["triggerSource"] != "PostConfirmation_ConfirmSignUp" {
		t.Errorf("%s", got)
	}
	if string(got) != mustOrder(t, want) {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	h.signedIn(clientID, "ada")

	failed = "No more people."
	_, err = h.signUp(clientID, "bob")
	wantCode(t, err, "UserLambdaValidationException", "PreSignUp failed with error No more people.")
	failed, answer = "", json.RawMessage(`"nonsense"`)
	_, err = h.signUp(clientID, "bob")
	wantCode(t, err, "InvalidLambdaResponseException", "Unrecognizable lambda output")
	delete(h.functions, "f")
	_, err = h.signUp(clientID, "bob")
	wantCode(t, err, "UnexpectedLambdaException", "PreSignUp invocation failed due to error ResourceNotFoundException.")
}

func mustOrder(t *testing.T, text string) string {
	t.Helper()
	var v any
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatal(err)
	}
	out, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// A function whose policy does not let Cognito in is not run.
func TestFunctionsLetCognitoIn(t *testing.T) {
	h := newHarness(t)
	ran := false
	h.functions["closed"] = func(map[string]any) (any, string) { ran = true; return map[string]any{}, "" }
	_, clientID := h.makePool(func(in *api.CreateUserPoolRequest, _ *api.CreateUserPoolClientRequest) {
		in.LambdaConfig = &api.LambdaConfigType{PreSignUp: ptr(functionARN + "closed")}
	})
	_, err := h.signUp(clientID, "ada")
	wantCode(t, err, "UnexpectedLambdaException", "AccessDenied")
	if ran {
		t.Error("the function ran")
	}
}

func TestAuthenticationTriggers(t *testing.T) {
	h := newHarness(t)
	failAt := ""
	poolID, clientID := h.triggered(func(l *api.LambdaConfigType, arn *string) { l.PreAuthentication, l.PostAuthentication = arn, arn }, func(e map[string]any) (any, string) {
		if e["triggerSource"] == failAt {
			return nil, "no"
		}
		return map[string]any{}, ""
	})
	h.makeUser(poolID, "ada")
	h.signedIn(clientID, "ada")
	for _, source := range []string{"PreAuthentication_Authentication", "PostAuthentication_Authentication"} {
		failAt = source
		_, err := h.signIn(clientID, "ada", goodPassword)
		wantCode(t, err, "UserLambdaValidationException", "failed with error no.")
	}
}

func TestPreTokenGeneration(t *testing.T) {
	h := newHarness(t)
	answer := any(map[string]any{"claimsOverrideDetails": map[string]any{
		"claimsToAddOrOverride": map[string]string{"plan": "gold", "sub": "somebody else", "email": "x@example.com", "iss": "x"}, "claimsToSuppress": []string{"email_verified", "aud"},
		"groupOverrideDetails": map[string]any{"groupsToOverride": []string{"made up"}, "iamRolesToOverride": []string{"arn:aws:iam::123456789012:role/admin"}, "preferredRole": "arn:aws:iam::123456789012:role/admin"},
	}})
	poolID, clientID := h.triggered(func(l *api.LambdaConfigType, arn *string) { l.PreTokenGeneration = arn }, func(map[string]any) (any, string) { return answer, "" })
	sub := h.makeUser(poolID, "ada")
	out := h.signedIn(clientID, "ada")
	id, access := h.claimsOf(poolID, *out.IdToken), h.claimsOf(poolID, *out.AccessToken)
	if id["plan"] != "gold" || id["sub"] != sub || id["email"] != "x@example.com" || id["email_verified"] != nil || id["aud"] != clientID || id["cognito:roles"] != nil || id["cognito:preferred_role"] != nil || access["plan"] != nil || access["cognito:groups"].([]any)[0] != "made up" {
		t.Errorf("%v\n%v", id, access)
	}
	do(h, api.OpUpdateUserPool, &api.UpdateUserPoolRequest{UserPoolId: &poolID, LambdaConfig: &api.LambdaConfigType{
		PreTokenGenerationConfig: &api.PreTokenGenerationVersionConfigType{LambdaArn: ptr(functionARN + "f"), LambdaVersion: ptr("V2_0")},
	}})
	answer = map[string]any{"claimsAndScopeOverrideDetails": map[string]any{
		"idTokenGeneration":     map[string]any{"claimsToAddOrOverride": map[string]any{"list": []int{1, 2}}},
		"accessTokenGeneration": map[string]any{"claimsToAddOrOverride": map[string]any{"plan": "gold", "client_id": "x"}, "scopesToAdd": []string{"api/read"}, "scopesToSuppress": []string{adminScope}},
	}}
	out = h.signedIn(clientID, "ada")
	id, access = h.claimsOf(poolID, *out.IdToken), h.claimsOf(poolID, *out.AccessToken)
	if len(id["list"].([]any)) != 2 || access["plan"] != "gold" || access["client_id"] != clientID || access["scope"] != "api/read" {
		t.Errorf("%v\n%v", id, access)
	}
	if last := h.events[len(h.events)-1]; last["version"] != "2" || last["triggerSource"] != "TokenGeneration_Authentication" {
		t.Errorf("%v", last)
	}
}

func TestCustomMessage(t *testing.T) {
	h := newHarness(t)
	answer := map[string]any{"emailMessage": "Hello, {####} is it", "emailSubject": "One\r\nBcc: x@example.com"}
	_, clientID := h.triggered(func(l *api.LambdaConfigType, arn *string) { l.CustomMessage = arn }, func(map[string]any) (any, string) { return answer, "" })
	if _, err := h.signUp(clientID, "ada"); err != nil {
		t.Fatal(err)
	}
	m := h.outbox()[0]
	if m.Body != "Hello, "+h.code()+" is it" || m.Subject != "One  Bcc: x@example.com" {
		t.Errorf("%+v", m)
	}
}

func TestUserMigration(t *testing.T) {
	h := newHarness(t)
	poolID, clientID := h.triggered(func(l *api.LambdaConfigType, arn *string) { l.UserMigration = arn }, func(e map[string]any) (any, string) {
		request := e["request"].(map[string]any)
		if e["triggerSource"] == "UserMigration_Authentication" && request["password"] != goodPassword {
			return nil, "Bad password"
		}
		return map[string]any{"userAttributes": map[string]string{"email": "old@example.com", "email_verified": "true"}, "finalUserStatus": "CONFIRMED"}, ""
	})
	_, err := h.signIn(clientID, "old", "wrong")
	wantCode(t, err, "NotAuthorizedException", "Incorrect username or password.")
	h.signedIn(clientID, "old")
	calls := len(h.events)
	h.signedIn(clientID, "old")
	if len(h.events) != calls {
		t.Error("a user who is there is migrated again")
	}
	out := do(h, api.OpForgotPassword, &api.ForgotPasswordRequest{ClientId: &clientID, Username: ptr("older")})
	if *out.CodeDeliveryDetails.Destination != "o***@e***" {
		t.Errorf("%+v", out.CodeDeliveryDetails)
	}
	do(h, api.OpConfirmForgotPassword, &api.ConfirmForgotPasswordRequest{ClientId: &clientID, Username: ptr("older"), ConfirmationCode: ptr(h.code()), Password: ptr(goodPassword)})
	h.signedIn(clientID, "older")
	_ = poolID
}

func TestCustomAuth(t *testing.T) {
	h := newHarness(t)
	poolID, clientID := h.triggered(func(l *api.LambdaConfigType, arn *string) {
		l.DefineAuthChallenge, l.CreateAuthChallenge, l.VerifyAuthChallengeResponse = arn, arn, arn
	}, func(e map[string]any) (any, string) {
		request := e["request"].(map[string]any)
		switch e["triggerSource"] {
		case "DefineAuthChallenge_Authentication":
			session := request["session"].([]any)
			if len(session) == 0 {
				return map[string]any{"challengeName": "CUSTOM_CHALLENGE", "issueTokens": false, "failAuthentication": false}, ""
			}
			last := session[len(session)-1].(map[string]any)
			if last["challengeResult"] == true {
				return map[string]any{"issueTokens": true, "failAuthentication": false}, ""
			}
			return map[string]any{"challengeName": "CUSTOM_CHALLENGE", "failAuthentication": len(session) > 2, "issueTokens": false}, ""
		case "CreateAuthChallenge_Authentication":
			return map[string]any{"publicChallengeParameters": map[string]string{"q": "2+2"}, "privateChallengeParameters": map[string]string{"a": "4"}, "challengeMetadata": "SUM"}, ""
		}
		private := request["privateChallengeParameters"].(map[string]any)
		return map[string]any{"answerCorrect": private["a"] == request["challengeAnswer"]}, ""
	})
	h.makeUser(poolID, "ada")
	begin := func(name string) *api.InitiateAuthResponse {
		out, err := try(h, h.anyone(), api.OpInitiateAuth, &api.InitiateAuthRequest{ClientId: &clientID, AuthFlow: ptr("CUSTOM_AUTH"), AuthParameters: map[string]string{"USERNAME": name}})
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	reply := func(session *string, name, answer string) (*api.RespondToAuthChallengeResponse, error) {
		return try(h, h.anyone(), api.OpRespondToAuthChallenge, &api.RespondToAuthChallengeRequest{ClientId: &clientID, ChallengeName: ptr(customChallenge), Session: session, ChallengeResponses: map[string]string{"USERNAME": name, "ANSWER": answer}})
	}
	out := begin("ada")
	if out.ChallengeParameters["q"] != "2+2" || out.ChallengeParameters["a"] != "" {
		t.Errorf("%v", out.ChallengeParameters)
	}
	wrong, err := reply(out.Session, "ada", "5")
	if err != nil || val(wrong.ChallengeName) != customChallenge {
		t.Fatal(wrong, err)
	}
	right, err := reply(wrong.Session, "ada", "4")
	if err != nil || right.AuthenticationResult == nil {
		t.Fatal(right, err)
	}
	// Whoever is not is asked as well, and never let in.
	out = begin("nobody")
	_, err = reply(out.Session, "nobody", "4")
	wantCode(t, err, "NotAuthorizedException", "Incorrect username or password.")
}
