package secretsmanager

import (
	"fmt"
	"testing"
	"time"

	api "cloister/internal/awsapi/secretsmanager"
	"cloister/internal/door/doortest"
	"cloister/internal/store"
)

// A secret whose hundred versions are all of today takes no more, of callers and
// of rotations; tomorrow it does.
func TestTooManyVersions(t *testing.T) {
	h := newHarness(t)
	h.invoke = h.rotationFunction
	create(h, "s", "0")
	schedule := &api.RotateSecretRequest{
		SecretId: ptr("s"), RotationLambdaARN: ptr(function), RotateImmediately: ptr(false),
		RotationRules: &api.RotationRulesType{ScheduleExpression: ptr("rate(4 hours)")},
	}
	do(h, t, api.OpRotateSecret, schedule)
	for i := range maxVersions - 1 {
		do(h, t, api.OpPutSecretValue, &api.PutSecretValueRequest{SecretId: ptr("s"), SecretString: ptr(fmt.Sprint(i))})
	}
	refused := func() {
		t.Helper()
		_, err := try(h, h.root, api.OpPutSecretValue, &api.PutSecretValueRequest{SecretId: ptr("s"), SecretString: ptr("more")})
		wantCode(t, err, "LimitExceededException")
		_, err = try(h, h.root, api.OpUpdateSecret, &api.UpdateSecretRequest{SecretId: ptr("s"), SecretString: ptr("more")})
		wantCode(t, err, "LimitExceededException")
		_, err = try(h, h.root, api.OpRotateSecret, &api.RotateSecretRequest{SecretId: ptr("s")})
		wantCode(t, err, "LimitExceededException")
	}
	refused()
	h.pass(5 * time.Hour)
	h.rotateDue(t.Context())
	if j := h.job("s"); len(h.events) != 0 || j.Token != "" || !j.Due.After(h.now()) {
		t.Errorf("a rotation that has no room: %+v, asked for %v", j, h.events)
	}
	refused()
	if got := *do(h, t, api.OpGetSecretValue, &api.GetSecretValueRequest{SecretId: ptr("s")}).SecretString; got != fmt.Sprint(maxVersions-2) {
		t.Errorf("the value is %s", got)
	}
	h.pass(24 * time.Hour)
	h.rotateDue(t.Context())
	if len(h.events) != len(steps) {
		t.Errorf("the next day it asked for %v", h.events)
	}
	do(h, t, api.OpPutSecretValue, &api.PutSecretValueRequest{SecretId: ptr("s"), SecretString: ptr("more")})
}

// All versions together have twenty labels.
func TestTooManyStages(t *testing.T) {
	h := newHarness(t)
	create(h, "s", "0")
	labels := func(n int, prefix string) (all []string) {
		for i := range n {
			all = append(all, fmt.Sprint(prefix, i))
		}
		return all
	}
	put := func(stages []string) error {
		_, err := try(h, h.root, api.OpPutSecretValue, &api.PutSecretValueRequest{SecretId: ptr("s"), SecretString: ptr("x"), VersionStages: stages})
		return err
	}
	if err := put(labels(10, "a")); err != nil {
		t.Fatal(err)
	}
	wantCode(t, put(labels(10, "b")), "LimitExceededException")
	if err := put(labels(9, "b")); err != nil {
		t.Fatal(err)
	}
	id := *do(h, t, api.OpGetSecretValue, &api.GetSecretValueRequest{SecretId: ptr("s")}).VersionId
	_, err := try(h, h.root, api.OpUpdateSecretVersionStage, &api.UpdateSecretVersionStageRequest{SecretId: ptr("s"), VersionStage: ptr("c"), MoveToVersionId: &id})
	wantCode(t, err, "LimitExceededException")
	if err := put([]string{"a0", "b0"}); err != nil {
		t.Errorf("labels that only move: %v", err)
	}
	wantCode(t, put([]string{current}), "LimitExceededException") // AWSPREVIOUS is the twenty-first
}

// A token of which the value is there already makes no version, and drops
// nothing else that the request asks for.
func TestUpdateWithAUsedToken(t *testing.T) {
	h := newHarness(t)
	const token = "00000000-0000-0000-0000-00000000000a"
	create(h, "s", "x", func(in *api.CreateSecretRequest) { in.ClientRequestToken = ptr(token) })
	h.pass(time.Hour)
	before := do(h, t, api.OpDescribeSecret, &api.DescribeSecretRequest{SecretId: ptr("s")})
	in := &api.UpdateSecretRequest{SecretId: ptr("s"), SecretString: ptr("x"), ClientRequestToken: ptr(token)}
	do(h, t, api.OpUpdateSecret, in)
	if after := do(h, t, api.OpDescribeSecret, &api.DescribeSecretRequest{SecretId: ptr("s")}); !after.LastChangedDate.Equal(*before.LastChangedDate) {
		t.Error("a retry changes the secret")
	}
	in.Description, in.KmsKeyId = ptr("new"), ptr(customerKey)
	if out := do(h, t, api.OpUpdateSecret, in); *out.VersionId != token {
		t.Errorf("%+v", out)
	}
	d := do(h, t, api.OpDescribeSecret, &api.DescribeSecretRequest{SecretId: ptr("s")})
	if val(d.Description) != "new" || val(d.KmsKeyId) != customerKey || len(d.VersionIdsToStages) != 1 {
		t.Errorf("%+v", d)
	}
	if key := h.keyOf("s", token); key != customerKey {
		t.Errorf("the version is under %q", key)
	}
	in.SecretString, in.Description = ptr("y"), ptr("newer")
	_, err := try(h, h.root, api.OpUpdateSecret, in)
	wantCode(t, err, "ResourceExistsException")
	if d := do(h, t, api.OpDescribeSecret, &api.DescribeSecretRequest{SecretId: ptr("s")}); *d.Description != "new" {
		t.Error("a refused request changed the description")
	}
}

// A new key takes the versions that have one of the service's stages along, also
// with a new value; not where the caller may not encrypt with it.
func TestANewKeyTakesVersionsAlong(t *testing.T) {
	const a, b, c, d = "00000000-0000-0000-0000-00000000000a", "00000000-0000-0000-0000-00000000000b", "00000000-0000-0000-0000-00000000000c", "00000000-0000-0000-0000-00000000000d"
	all := allow("secretsmanager:*")
	for _, test := range []struct {
		name, policy string
		value        bool
		want         map[string]string // keys by version
		code         string
	}{
		{"all keys", allow("kms:*"), false, map[string]string{a: "", b: customerKey, c: customerKey, d: customerKey}, ""},
		{"all keys, a value", allow("kms:*"), true, map[string]string{a: "", b: customerKey, c: customerKey, d: customerKey}, ""},
		{"no Encrypt", allow("kms:GenerateDataKey"), false, map[string]string{a: "", b: "", c: "", d: ""}, ""},
		{"no Encrypt, a value", allow("kms:GenerateDataKey"), true, map[string]string{a: "", b: "", c: "", d: ""}, ""},
		{"no GenerateDataKey, a value", allow("kms:Encrypt"), true, map[string]string{a: "", b: "", c: "", d: ""}, "AccessDenied"},
	} {
		h := newHarness(t)
		create(h, "s", "a", func(in *api.CreateSecretRequest) { in.ClientRequestToken = ptr(a) })
		for _, put := range [][2]string{{b, current}, {c, current}, {d, pending}} {
			do(h, t, api.OpPutSecretValue, &api.PutSecretValueRequest{SecretId: ptr("s"), SecretString: &put[0], ClientRequestToken: &put[0], VersionStages: put[1:]})
		}
		in := &api.UpdateSecretRequest{SecretId: ptr("s"), KmsKeyId: ptr(customerKey)}
		if test.value {
			in.SecretString = ptr("new")
		}
		out, err := try(h, h.User("u", all, test.policy), api.OpUpdateSecret, in)
		if test.code != "" {
			wantCode(t, err, test.code)
		} else if err != nil {
			t.Errorf("%s: %v", test.name, err)
		} else if test.value {
			test.want[*out.VersionId] = customerKey
		}
		for id, want := range test.want {
			if key := h.keyOf("s", id); key != want {
				t.Errorf("%s: version %s is under %q", test.name, id, key)
			}
		}
		if got := do(h, t, api.OpGetSecretValue, &api.GetSecretValueRequest{SecretId: ptr("s"), VersionId: ptr(c)}); *got.SecretString != c {
			t.Errorf("%s: the value is %s", test.name, *got.SecretString)
		}
	}
}

// keyOf is the key that a version's value is really under.
func (h *harness) keyOf(name, id string) (key string) {
	h.t.Helper()
	err := h.DB.View(h.t.Context(), func(r store.Reader) error {
		row, err := secrets.Get(r, store.K("123456789012", "us-east-1", name))
		if err != nil {
			return err
		}
		v, err := values.Get(r, row.valueKey(id))
		if err != nil {
			return err
		}
		if key = doortest.KeyOf(v.Key); key == managedKey {
			key = ""
		}
		if row.version(id).KeyID != key {
			h.t.Errorf("version %s says that it is under %q", id, row.version(id).KeyID)
		}
		return nil
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return key
}
