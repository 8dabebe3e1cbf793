package accessanalyzer

import (
	"context"
	"errors"
	"iter"
	"testing"
	"time"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/accessanalyzer"
	"cloister/internal/door"
	"cloister/internal/door/doortest"
	"cloister/internal/store"
	"cloister/policy"
)

// harness is the service on a store of its own, with resources and identities
// that the test chooses.
type harness struct {
	*doortest.Harness
	t          *testing.T
	service    *Service
	resources  map[string]string // policy by ARN
	identities []Identity
	now        time.Time
	broken     string // an account whose resources cannot be read
}

func newHarness(t *testing.T) *harness {
	h := &harness{t: t, resources: map[string]string{}, now: time.Now()}
	h.Harness = doortest.New(t, []*awsapi.Service{&api.Service})
	h.service = New(Config{DB: h.DB, Audit: h.Audit, Resources: []Resources{h.list}, Identities: h.people, Services: []string{"lambda", "iam"}})
	h.service.Register(h.Door)
	t.Cleanup(func() {
		if err := h.DB.View(context.Background(), h.service.Check); err != nil {
			t.Error(err)
		}
	})
	return h
}

func (h *harness) list(_ store.Reader, account string) iter.Seq2[door.Need, error] {
	return func(yield func(door.Need, error) bool) {
		if account == h.broken {
			yield(door.Need{}, errors.New("a resource cannot be read"))
			return
		}
		for arn, text := range h.resources {
			kind, trust := policy.KindResource, resourceType(arn) == "AWS::IAM::Role"
			if trust {
				kind = policy.KindTrust
			}
			p, err := policy.Parse(kind, []byte(text))
			if !yield(door.Need{Resource: arn, Account: account, ResourcePolicyRequired: trust, ResourcePolicy: &policy.Named{Name: arn, Policy: p}}, err) {
				return
			}
		}
	}
}

func (h *harness) people(store.Reader, string) iter.Seq2[Identity, error] {
	return func(yield func(Identity, error) bool) {
		for _, who := range h.identities {
			if !yield(who, nil) {
				return
			}
		}
	}
}

// analyzer makes an analyzer and returns its ARN.
func (h *harness) analyzer(kind string) *string {
	h.t.Helper()
	out, code := do(h.t, h.Harness, api.OpCreateAnalyzer, &api.CreateAnalyzerRequest{AnalyzerName: ptr("a-" + kind), Type: &kind})
	if code != "" {
		h.t.Fatal(code)
	}
	return out.Arn
}

func (h *harness) scan() {
	h.t.Helper()
	if err := h.service.Scan(context.Background(), h.now); err != nil {
		h.t.Fatal(err)
	}
}
