package access

import (
	"context"
	"errors"
	"net/http/httptest"
	"strings"
	"testing"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/platform"
	"cloister/internal/door"
	"cloister/internal/door/doortest"
	"cloister/internal/gate"
	"cloister/internal/gate/shield"
)

func newHarness(t *testing.T) (*doortest.Harness, *Service) {
	h := doortest.New(t, []*awsapi.Service{&api.Service})
	s := New(shield.NewCounts(), doortest.Account, "us-east-1")
	s.Register(h.Door)
	return h, s
}

func code(err error) string {
	var wire *awsapi.Error
	if errors.As(err, &wire) {
		return wire.Code
	}
	return ""
}

func do[In, Out any](h *doortest.Harness, as *door.Principal, op awsapi.Op[In, Out], in *In) (*Out, string) {
	out, err := door.Do(context.Background(), h.Door, as, op, in)
	return out, code(err)
}

func allow(action string) string {
	return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"` + action + `","Resource":"arn:aws:cloister::` + doortest.Account + `:access"}]}`
}

func TestRules(t *testing.T) {
	h, _ := newHarness(t)
	put := func(as *door.Principal, of, effect string) (*api.PutAccessRuleResponse, string) {
		return do(h, as, api.OpPutAccessRule, &api.PutAccessRuleRequest{Range: &of, Effect: &effect})
	}
	if out, code := put(h.Root(), "192.0.2.7/24", "deny"); code != "" || out.Rule.Range != "192.0.2.0/24" || out.Rule.Effect != "deny" || out.Rule.By != h.Root().ARN {
		t.Errorf("%+v %s", out, code)
	}
	if _, code := put(h.Root(), "192.0.2.0/24", "allow"); code != "" {
		t.Error(code)
	}
	for _, c := range []struct{ of, effect, want string }{
		{"nonsense", "deny", "ValidationException"},
		{"../x", "allow", "ValidationException"},
		{"1.2.3.4", "permit", "ValidationException"},
		{strings.Repeat("1", 65), "deny", "ValidationException"},
	} {
		if _, code := put(h.Root(), c.of, c.effect); code != c.want {
			t.Errorf("%+v: %s", c, code)
		}
	}
	if _, code := put(h.User("nobody"), "1.2.3.4", "deny"); code != "AccessDenied" {
		t.Errorf("who may not: %s", code)
	}
	if _, code := put(h.User("may", allow("cloister:PutAccessRule")), "1.2.3.4", "deny"); code != "" {
		t.Errorf("who may: %s", code)
	}
	out, code := do(h, h.Root(), api.OpListAccessRules, &api.ListAccessRulesRequest{})
	if code != "" || len(out.Rules) != 2 {
		t.Errorf("%+v %s", out, code)
	}
	of := "192.0.2.0/24"
	for _, want := range []string{"", "ResourceNotFoundException"} {
		if _, code := do(h, h.Root(), api.OpDeleteAccessRule, &api.DeleteAccessRuleRequest{Range: &of}); code != want {
			t.Errorf("deleting: %q, want %q", code, want)
		}
	}
}

func TestWhoReadsTheMetrics(t *testing.T) {
	h, s := newHarness(t)
	s.counts.Refused("rate")
	g := gate.New(h.Door, "")
	g.HandlePage(MetricsPath, s)
	ask := func(method string, as *door.Principal, service *awsapi.Service) (int, string) {
		r := httptest.NewRequest(method, "http://127.0.0.1:4566"+MetricsPath, nil)
		if as != nil {
			r = h.Sign(r, h.Key(as, service))
		}
		w := httptest.NewRecorder()
		g.ServeHTTP(w, r)
		return w.Code, w.Body.String()
	}
	if status, text := ask("GET", h.Root(), &api.Service); status != 200 || !strings.Contains(text, `cloister_refusals_total{reason="rate"} 1`) {
		t.Errorf("root: %d %s", status, text)
	}
	for what, c := range map[string]struct {
		method  string
		as      *door.Principal
		service *awsapi.Service
		want    int
	}{
		"nobody":               {"GET", nil, nil, 403},
		"a user":               {"GET", h.User("u"), &api.Service, 403},
		"signed for another":   {"GET", h.Root(), &awsapi.Service{SigningName: "iam"}, 403},
		"another method":       {"POST", h.Root(), &api.Service, 405},
		"the access list only": {"GET", h.User("v", allow("cloister:GetMetrics")), &api.Service, 403},
	} {
		if status, text := ask(c.method, c.as, c.service); status != c.want || strings.Contains(text, "cloister_refusals") {
			t.Errorf("%s: %d %s", what, status, text)
		}
	}
	if status, _ := ask("GET", h.User("w", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"cloister:GetMetrics","Resource":"*"}]}`), &api.Service); status != 200 {
		t.Errorf("who may: %d", status)
	}
}
