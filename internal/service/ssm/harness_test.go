package ssm

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"cloister/internal/awsapi"
	kms "cloister/internal/awsapi/kms"
	sm "cloister/internal/awsapi/secretsmanager"
	api "cloister/internal/awsapi/ssm"
	"cloister/internal/door"
	"cloister/internal/door/doortest"
)

// start is the time at which every test begins.
var start = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// harness is the service behind a real door, with a clock that only tests move
// and a KMS and a Secrets Manager of the tests. What is due is done when tests say so.
type harness struct {
	*doortest.Harness
	t       testing.TB
	service *Service
	root    *door.Principal
	kms     *doortest.KMS

	mu   sync.Mutex
	time time.Time
}

func newHarness(t testing.TB) *harness {
	t.Helper()
	h := &harness{t: t, time: start}
	h.Harness = doortest.New(t, []*awsapi.Service{&api.Service, &kms.Service, &sm.Service}, func(_ *doortest.Harness, c *door.Config) {
		c.Now = h.now
	})
	h.root = h.Root()
	h.service = New(h.DB)
	h.service.now = h.now
	h.service.Register(h.Door)
	h.kms = h.NewKMS("ssm", managedKey)
	h.registerSecrets()
	t.Cleanup(func() { h.check(t) })
	return h
}

func (h *harness) now() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.time
}

func (h *harness) pass(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.time = h.time.Add(d)
}

// fataler is a testing.TB or a *rapid.T.
type fataler interface {
	Helper()
	Fatalf(format string, args ...any)
}

func (h *harness) check(t fataler) {
	t.Helper()
	if err := h.DB.View(context.Background(), h.service.Check); err != nil {
		t.Fatalf("check: %v", err)
	}
}

// registerSecrets puts a Secrets Manager behind the door that has one secret.
func (h *harness) registerSecrets() {
	door.Act(h.Door, sm.OpGetSecretValue, door.On("secretsmanager:GetSecretValue", func(_ *door.Call, in *sm.GetSecretValueRequest) string {
		return "arn:aws:secretsmanager:us-east-1:123456789012:secret:" + *in.SecretId
	}), func(_ *door.Call, in *sm.GetSecretValueRequest) (*sm.GetSecretValueResponse, error) {
		if *in.SecretId != "app/db" {
			return nil, awsapi.Errorf("ResourceNotFoundException", "Secrets Manager can't find the specified secret.")
		}
		return &sm.GetSecretValueResponse{ARN: ptr("arn:aws:secretsmanager:us-east-1:123456789012:secret:app/db-abcdef"), SecretString: ptr("of Secrets Manager"), CreatedDate: &start}, nil
	})
}

func try[In, Out any](h *harness, who *door.Principal, op awsapi.Op[In, Out], in *In) (*Out, error) {
	return door.Do(context.Background(), h.Door, who, op, in)
}

func do[In, Out any](h *harness, t fataler, op awsapi.Op[In, Out], in *In) *Out {
	t.Helper()
	out, err := try(h, h.root, op, in)
	if err != nil {
		t.Fatalf("%s: %v", op, err)
	}
	return out
}

func wantCode(t testing.TB, err error, code string) {
	t.Helper()
	var e *awsapi.Error
	if !errors.As(err, &e) || e.Code != code {
		t.Errorf("want %s: %v", code, err)
	}
}
