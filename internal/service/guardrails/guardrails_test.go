package guardrails

import (
	"context"
	"errors"
	"testing"
	"time"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/platform"
	"cloister/internal/door"
	"cloister/internal/door/doortest"
	"cloister/internal/guardrail"
	"cloister/internal/store"
)

func newHarness(t *testing.T) *doortest.Harness {
	h := doortest.New(t, []*awsapi.Service{&api.Service})
	Register(h.Door)
	return h
}

func set(h *doortest.Harness, as *door.Principal, name, mode string) (*api.PutGuardrailResponse, string) {
	out, err := door.Do(context.Background(), h.Door, as, api.OpPutGuardrail, &api.PutGuardrailRequest{Guardrail: &name, Mode: &mode})
	var wire *awsapi.Error
	if errors.As(err, &wire) {
		return nil, wire.Code
	}
	return out, ""
}

func modes(t *testing.T, h *doortest.Harness) map[string]string {
	t.Helper()
	out, err := door.Do(context.Background(), h.Door, h.Root(), api.OpListGuardrails, &api.ListGuardrailsRequest{})
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	for _, g := range out.Guardrails {
		found[g.ID] = g.Mode
	}
	return found
}

func TestEveryGuardrailIsEnforcedUnlessSet(t *testing.T) {
	h := newHarness(t)
	for _, want := range []string{"", "warn", "off", "enforce"} {
		if want == "" {
			want = "enforce"
		} else if out, code := set(h, h.Root(), "all", want); code != "" || len(out.Guardrails) != len(guardrail.Rules()) {
			t.Fatalf("%s: %v", code, out)
		}
		found := modes(t, h)
		for _, rule := range guardrail.Rules() {
			if found[rule.ID] != want {
				t.Errorf("%s is %q, want %s", rule.ID, found[rule.ID], want)
			}
		}
	}
}

func TestWhoMaySet(t *testing.T) {
	h := newHarness(t)
	nobody := h.User("nobody")
	one := h.User("one", `{"Statement":{"Effect":"Allow","Action":"cloister:PutGuardrail","Resource":"arn:aws:cloister::123456789012:guardrail/CLO-IAM-001"}}`)
	for _, c := range []struct {
		as         *door.Principal
		name, mode string
		want       string
	}{
		{nobody, "CLO-IAM-001", "off", "AccessDeniedException"},
		{nobody, "all", "off", "AccessDeniedException"},
		{one, "CLO-IAM-999", "off", "AccessDeniedException"},
		{h.Root(), "CLO-IAM-999", "off", "ResourceNotFoundException"},
		{h.Root(), "CLO-IAM-001", "never", "ValidationException"},
		{one, "no-full-access-policy", "warn", ""},
		{one, "CLO-IAM-001", "enforce", ""},
	} {
		if _, code := set(h, c.as, c.name, c.mode); !sameCode(code, c.want) {
			t.Errorf("%s sets %s to %s: %q, want %q", c.as.Name, c.name, c.mode, code, c.want)
		}
		if c.want != "" && modes(t, h)["CLO-IAM-001"] != "enforce" {
			t.Fatalf("%s changed it", c.as.Name)
		}
	}
}

// sameCode takes the two names that a common error has.
func sameCode(got, want string) bool { return got == want || got+"Exception" == want }

func TestFindingsComeInPages(t *testing.T) {
	h := newHarness(t)
	for _, name := range []string{"a", "b", "c"} {
		err := h.DB.Update(context.Background(), func(tx *store.Tx) error {
			return guardrail.Record(tx, guardrail.Finding{
				Account: doortest.Account, Rule: guardrail.FullAccess, Severity: guardrail.Critical,
				Resource: "arn:aws:iam::123456789012:user/" + name, Text: name, Last: time.Now(),
			})
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	seen, pages := map[string]bool{}, 0
	in := &api.ListFindingsRequest{MaxResults: awsapi.Ptr(int64(2)), Status: awsapi.Ptr("ACTIVE")}
	for more := true; more; pages++ {
		out, err := door.Do(context.Background(), h.Door, h.Root(), api.OpListFindings, in)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range out.Findings {
			seen[f.Text] = true
		}
		in.NextToken, more = out.NextToken, out.NextToken != nil
	}
	if len(seen) != 3 || pages != 2 {
		t.Errorf("%v on %d pages", seen, pages)
	}
}
