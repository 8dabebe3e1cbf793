package kms

import (
	"context"
	"strings"
	"testing"
	"time"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/kms"
	"cloister/internal/awsapi/secretsmanager"
	"cloister/internal/blob"
	"cloister/internal/door"
	"cloister/internal/door/doortest"
	"cloister/internal/guardrail"
	"cloister/internal/store"
)

// start is the time at which every test begins.
var start = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// harness is the service behind a real door, with a clock that only tests move.
// Its sweeper does not run by itself.
type harness struct {
	*doortest.Harness
	t       testing.TB
	service *Service
	now     time.Time
	root    *door.Principal
	made    map[string]string // unique ids by ARN, "" for nobody; others follow from the name
}

func newHarness(t testing.TB) *harness {
	t.Helper()
	h := &harness{t: t, now: start, made: map[string]string{}}
	h.Harness = doortest.New(t, []*awsapi.Service{&api.Service, &secretsmanager.Service}, func(_ *doortest.Harness, c *door.Config) {
		c.Now = func() time.Time { return h.now }
	})
	h.root = h.Root()
	h.open()
	h.service.Register(h.Door)
	t.Cleanup(func() { h.check(t) })
	return h
}

// open makes the service, as a start of the node does.
func (h *harness) open() {
	h.t.Helper()
	var err error
	if h.service, err = h.start("wrapping", false); err != nil {
		h.t.Fatal(err)
	}
}

func (h *harness) start(folder string, lost bool) (*Service, error) {
	h.t.Helper()
	wrapping, err := blob.OpenDir(h.Dir+"/"+folder, h.Keys)
	if err != nil {
		h.t.Fatal(err)
	}
	s, err := New(context.Background(), Config{DB: h.DB, Keys: h.Keys, Wrapping: wrapping, AcceptLostKeys: lost,
		Guardrails: guardrail.New(&api.Service), Audit: h.Audit, Now: func() time.Time { return h.now }, UniqueID: h.uniqueID})
	if err == nil {
		_ = s.Close()
	}
	return s, err
}

func (h *harness) uniqueID(_ store.Reader, arn string) (string, error) {
	parts := strings.SplitN(arn, ":", 6)
	kind, name, _ := strings.Cut(parts[5], "/")
	name, _, _ = strings.Cut(name, "/")
	id, known := h.made[arn]
	switch {
	case known && id == "":
		return "", store.ErrNotFound
	case known:
		return id, nil
	case kind == "user":
		return doortest.UniqueID("AIDA", name), nil
	}
	return doortest.UniqueID("AROA", name), nil
}

// fataler is a testing.TB or a *rapid.T.
type fataler interface {
	Helper()
	Fatalf(format string, args ...any)
}

func (h *harness) check(t fataler) {
	t.Helper()
	if err := h.service.Check(context.Background()); err != nil {
		t.Fatalf("check: %v", err)
	}
}

// try calls the service as p.
func try[In, Out any](h *harness, p *door.Principal, op awsapi.Op[In, Out], in *In) (*Out, error) {
	return door.Do(context.Background(), h.Door, p, op, in)
}

// do calls the service as root.
func do[In, Out any](h *harness, t fataler, op awsapi.Op[In, Out], in *In) *Out {
	t.Helper()
	out, err := try(h, h.root, op, in)
	if err != nil {
		t.Fatalf("%s: %v", op, err)
	}
	return out
}

// key makes a key and gives its id.
func (h *harness) key(in *api.CreateKeyRequest) *string {
	h.t.Helper()
	return do(h, h.t, api.OpCreateKey, in).KeyMetadata.KeyId
}

// wrappingKeys is how many the disk holds, beside the witness.
func (h *harness) wrappingKeys() (n int) {
	h.t.Helper()
	for _, err := range h.service.vault.files.List(context.Background()) {
		if err != nil {
			h.t.Fatal(err)
		}
		n++
	}
	return n - 1
}

func (h *harness) sweep() {
	h.t.Helper()
	if err := h.service.sweep(context.Background(), h.now); err != nil {
		h.t.Fatal(err)
	}
	h.check(h.t)
}
