package iam

import (
	"context"
	"encoding/json"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/iam"
	lambdaapi "cloister/internal/awsapi/lambda"
	logsapi "cloister/internal/awsapi/logs"
	stsapi "cloister/internal/awsapi/sts"
	"cloister/internal/door"
	"cloister/internal/door/doortest"
	"cloister/internal/guardrail"
	"cloister/internal/seal"
	"cloister/internal/store"
	"cloister/policy"
)

// harness is the service behind a real door that knows principals by it.
type harness struct {
	*doortest.Harness
	t   testing.TB
	iam *Service

	ahead atomic.Int64 // of the machine's clock, in nanoseconds
}

// now is the time as the door has it.
func (h *harness) now() time.Time { return time.Now().Add(time.Duration(h.ahead.Load())) }

// skew has time pass.
func (h *harness) skew(d time.Duration) { h.ahead.Add(int64(d)) }

// elsewhere is an account that is not of this node.
const elsewhere = "999999999999"

const (
	rootKeyID  = "AKIAROOTROOTROOTROOT"
	rootSecret = "the root secret of the tests, 40 chars.."
)

// newHarness ends the test by checking the service's tables.
func newHarness(t testing.TB) *harness {
	t.Helper()
	h := &harness{t: t}
	h.Harness = doortest.New(t, []*awsapi.Service{&api.Service}, func(d *doortest.Harness, c *door.Config) {
		d.Accounts.Set(&door.Membership{Account: elsewhere})
		h.iam = New(Options{
			DB: d.DB, Keys: d.Keys, Account: doortest.Account, Organizations: d.Accounts,
			Guardrails:      guardrail.New(&api.Service, &stsapi.Service, &lambdaapi.Service, &logsapi.Service),
			RootAccessKeyID: rootKeyID, RootSecret: seal.NewSecret([]byte(rootSecret)),
		})
		c.Directory, c.Now = h.iam, h.now
	})
	h.iam.Register(h.Door)
	t.Cleanup(h.check)
	return h
}

func (h *harness) check() {
	h.t.Helper()
	if err := h.view(h.iam.Check); err != nil {
		h.t.Errorf("check: %v", err)
	}
}

func (h *harness) view(fn func(store.Reader) error) error {
	return h.DB.View(context.Background(), fn)
}

// root is the root user as its access key makes it known.
func (h *harness) root() *door.Principal { return h.iam.root.Principal }

// user is the principal of a user that exists.
func (h *harness) user(name string) *door.Principal {
	h.t.Helper()
	return h.binding(policy.PrincipalUser, userID(h, name)).user("")
}

func (h *harness) binding(kind policy.PrincipalKind, id string) *binding {
	h.t.Helper()
	b, err := h.iam.bindingOf(kind, doortest.Account, id)
	if err != nil {
		h.t.Fatal(err)
	}
	return b
}

func userID(h *harness, name string) (id string) {
	h.t.Helper()
	h.must(h.view(func(r store.Reader) error {
		u, err := userKind.find(r, doortest.Account, name)
		if err == nil {
			id = u.ID
		}
		return err
	}))
	return id
}

func (h *harness) must(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}

// do calls an operation and fails the test when it fails.
func do[In, Out any](h *harness, as *door.Principal, op awsapi.Op[In, Out], in *In) *Out {
	h.t.Helper()
	out, err := door.Do(context.Background(), h.Door, as, op, in)
	if err != nil {
		h.t.Fatalf("%s: %v", op, err)
	}
	return out
}

// try calls an operation and returns the code of its error, "" for none.
func try[In, Out any](h *harness, as *door.Principal, op awsapi.Op[In, Out], in *In) string {
	h.t.Helper()
	_, err := door.Do(context.Background(), h.Door, as, op, in)
	return code(h.t, err)
}

// code is the wire code of an error. Any other error fails the test.
func code(t testing.TB, err error) string {
	t.Helper()
	if err == nil {
		return ""
	}
	var wire *awsapi.Error
	if !errors.As(err, &wire) || wire.Status >= 500 {
		t.Fatalf("%v (%T) is not for the wire", err, err)
	}
	return wire.Code
}

// caller calls one operation with JSON in and out.
type caller func(h *harness, as *door.Principal, in string) (out string, err error)

func byJSON[In, Out any](op awsapi.Op[In, Out]) caller {
	return func(h *harness, as *door.Principal, text string) (string, error) {
		in := new(In)
		if err := json.Unmarshal([]byte(text), in); err != nil {
			return "", err
		}
		out, err := door.Do(context.Background(), h.Door, as, op, in)
		if err != nil {
			return "", err
		}
		shown, err := json.Marshal(out)
		return string(shown), err
	}
}
