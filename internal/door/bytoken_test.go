package door_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"cloister/internal/audit"
	"cloister/internal/awsapi"
	iam "cloister/internal/awsapi/iam"
	"cloister/internal/door"
	"cloister/internal/store"
	"cloister/policy"
)

// byToken registers iam:GetRole as an operation that the role's name
// authenticates.
func byToken(s *stage, identify func(c *door.Call) error) {
	resource := &policy.Named{Name: "trust", Policy: mustParse(s.t, policy.KindTrust, `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"Federated":"idp"},"Action":"sts:AssumeRoleWithWebIdentity",
		"Condition":{"StringEquals":{"aws:FederatedProvider":"idp","idp:sub":"good"}}}}`)}
	door.Read(s.Door, iam.OpGetRole, door.ByToken(
		func(c *door.Call, _ *iam.GetRoleRequest) error { return identify(c) },
		func(c *door.Call, _ store.Reader, in *iam.GetRoleRequest) ([]door.Need, error) {
			return []door.Need{{
				Action: "sts:AssumeRoleWithWebIdentity", Resource: "arn:aws:iam::123456789012:role/r", Account: c.Account, ResourcePolicy: resource,
				ResourcePolicyRequired: true, Context: policy.MapContext{"idp:sub": {c.Evidence.(string)}}, Refusal: "no more than this",
			}}, nil
		}),
		func(c *door.Call, _ store.Reader, in *iam.GetRoleRequest) (*iam.GetRoleResponse, error) {
			s.runs++
			return &iam.GetRoleResponse{Role: &iam.Role{RoleName: in.RoleName}}, nil
		})
}

func mustParse(t testing.TB, kind policy.Kind, text string) *policy.Policy {
	t.Helper()
	p, err := policy.Parse(kind, []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func federated(c *door.Call, subject string) error {
	c.Principal = &door.Principal{Principal: policy.Principal{Kind: policy.PrincipalFederated, Provider: "idp", UserID: "idp:" + subject}}
	c.Account, c.Evidence = "123456789012", subject
	return nil
}

func unsigned(s *stage, form url.Values) (int, string) {
	form.Set("Version", "2010-05-08")
	r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	s.Door.ServeHTTP(w, r)
	return w.Code, w.Body.String()
}

func TestByToken(t *testing.T) {
	s := newStage(t)
	var identify func(c *door.Call) error
	byToken(s, func(c *door.Call) error { return identify(c) })
	call := func() (int, string) { return unsigned(s, url.Values{"Action": {"GetRole"}, "RoleName": {"r"}}) }

	identify = func(c *door.Call) error { return federated(c, "good") }
	if status, body := call(); status != 200 || s.runs != 1 {
		t.Errorf("%d %s", status, body)
	}
	for what, c := range map[string]struct {
		identify func(c *door.Call) error
		code     string
		outcome  audit.Outcome
		kind     string
	}{
		"policies deny":   {func(c *door.Call) error { return federated(c, "bad") }, "<Message>no more than this</Message>", audit.Denied, "WebIdentityUser"},
		"a bad token":     {func(*door.Call) error { return awsapi.Errorf("InvalidIdentityToken", "bad") }, "InvalidIdentityToken", audit.Denied, "Unknown"},
		"nobody is named": {func(*door.Call) error { return nil }, "MissingAuthenticationToken", audit.Denied, "Unknown"},
		"a panic":         {func(*door.Call) error { panic("x") }, "InternalFailure", audit.Failed, "Unknown"},
	} {
		identify = c.identify
		status, body := call()
		if status < 400 || !strings.Contains(body, c.code) || s.runs != 1 {
			t.Errorf("%s: %d %s", what, status, body)
		}
		rec := lastRecord(t, s)
		if rec.Outcome != c.outcome || rec.Principal.Type != c.kind || rec.EventName != "GetRole" {
			t.Errorf("%s is recorded as %s of %+v", what, rec.Outcome, rec.Principal)
		}
	}
	// Other operations of the protocol still have to be signed.
	if status, body := unsigned(s, url.Values{"Action": {"GetUser"}}); status != 403 || !strings.Contains(body, "MissingAuthenticationToken") {
		t.Errorf("an operation that has to be signed: %d %s", status, body)
	}
}

func lastRecord(t *testing.T, s *stage) audit.Record {
	t.Helper()
	var last audit.Record
	for entry, err := range audit.Read(t.Context(), s.Dir, s.Keys, 0, false) {
		if err != nil {
			t.Fatal(err)
		}
		last = entry.Record
	}
	return last
}

func TestByTokenNeedsBoth(t *testing.T) {
	s := newStage(t)
	handler := func(*door.Call, store.Reader, *iam.GetRoleRequest) (*iam.GetRoleResponse, error) { return nil, nil }
	identify := func(*door.Call, *iam.GetRoleRequest) error { return nil }
	resolve := func(*door.Call, store.Reader, *iam.GetRoleRequest) ([]door.Need, error) { return nil, nil }
	for what, auth := range map[string]door.Auth[iam.GetRoleRequest]{
		"no identifier": door.ByToken(nil, resolve), "no resolver": door.ByToken(identify, nil), "neither": door.ByToken[iam.GetRoleRequest](nil, nil),
	} {
		if text := panicked(func() { door.Read(s.Door, iam.OpGetRole, auth, handler) }); !strings.Contains(text, "without its permission") {
			t.Errorf("%s: %s", what, text)
		}
	}
}
