package sealing

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/platform"
	"cloister/internal/door"
	"cloister/internal/door/doortest"
	"cloister/internal/seal"
	"cloister/policy"
)

func newHarness(t *testing.T, custody seal.Custody) (*doortest.Harness, *seal.Keyring) {
	t.Helper()
	h := doortest.New(t, []*awsapi.Service{&api.Service})
	keys, err := seal.Open(seal.RootOptions{Dir: t.TempDir(), Custody: custody, Create: true})
	if err != nil {
		t.Fatal(err)
	}
	New(keys, doortest.Account).Register(h.Door)
	return h, keys
}

func code(err error) string {
	var wire *awsapi.Error
	if errors.As(err, &wire) {
		return wire.Code
	}
	return ""
}

const mayAll = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"cloister:*","Resource":"*"}}`

func TestRotation(t *testing.T) {
	h, keys := newHarness(t, nil)
	old := keys.Seal("t", nil, []byte("x"))
	out, err := door.Do(context.Background(), h.Door, h.Root(), api.OpRotateSeal, &api.RotateSealRequest{})
	if err != nil || out.Custody != "file" || len(out.Generations) != 2 || out.Generations[1].ID != 2 {
		t.Fatalf("%+v, %v", out, err)
	}
	if _, err := keys.Open("t", nil, old); err != nil {
		t.Error(err)
	}
	status, err := door.Do(context.Background(), h.Door, h.Root(), api.OpGetSealStatus, &api.GetSealStatusRequest{})
	if err != nil || len(status.Generations) != 2 || !status.RootKeyMade.Equal(out.RootKeyMade) {
		t.Errorf("%+v, %v", status, err)
	}
}

func TestWhoMay(t *testing.T) {
	h, keys := newHarness(t, nil)
	foreign := &door.Principal{Principal: policy.Principal{
		Kind: policy.PrincipalRoot, ARN: "arn:aws:iam::999999999999:root", Account: "999999999999", UserID: "999999999999",
	}}
	for name, c := range map[string]struct {
		as   *door.Principal
		want string
	}{
		"no policy":             {h.User("nobody"), "AccessDenied"},
		"another permission":    {h.User("reader", strings.ReplaceAll(mayAll, "cloister:*", "cloister:GetSealStatus")), "AccessDenied"},
		"permitted":             {h.User("admin", mayAll), ""},
		"root of other account": {foreign, "AccessDenied"},
	} {
		before := len(keys.Status().Generations)
		_, err := door.Do(context.Background(), h.Door, c.as, api.OpRotateSeal, &api.RotateSealRequest{})
		if got := code(err); got != c.want {
			t.Errorf("%s: %q, want %q (%v)", name, got, c.want, err)
		}
		if rotated := len(keys.Status().Generations) > before; rotated != (c.want == "") {
			t.Errorf("%s: rotated %v", name, rotated)
		}
	}
}

// once keeps one root key and then is away.
type once struct {
	seal.FileCustody
	away *bool
}

func (o once) Make() (seal.Secret, json.RawMessage, error) {
	if *o.away {
		return seal.Secret{}, nil, errors.New("the TPM does not answer")
	}
	return o.FileCustody.Make()
}

func TestACustodyThatDoesNotAnswer(t *testing.T) {
	away := false
	h, keys := newHarness(t, once{away: &away})
	away = true
	_, err := door.Do(context.Background(), h.Door, h.Root(), api.OpRotateSeal, &api.RotateSealRequest{})
	if code(err) != "SealRotationException" || !strings.Contains(err.Error(), "the TPM does not answer") {
		t.Error(err)
	}
	if n := len(keys.Status().Generations); n != 1 {
		t.Errorf("%d generations", n)
	}
}
