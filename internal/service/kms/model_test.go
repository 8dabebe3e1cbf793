package kms

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	api "cloister/internal/awsapi/kms"
	"cloister/internal/door"
)

// modelKey is what a key should be.
type modelKey struct {
	id        *string
	state     string
	deletion  time.Time
	period    int64
	next      time.Time
	materials int
	grants    map[string]string // grantee's id of the grant
	blobs     []modelBlob
}

type modelBlob struct {
	bytes  []byte
	tenant string
}

// machine drives the service and the model side by side.
type machine struct {
	*harness
	users map[string]*door.Principal // with no policies
	keys  []*modelKey
	names map[string]*modelKey // aliases
}

// TestModel does what callers do, in any order, and compares with a model: which
// keys there are and in which state, what aliases stand for, who may decrypt by
// a grant, that what was encrypted opens as long as its key is there and enabled,
// and that the disk holds a wrapping key for each material and no other.
func TestModel(t *testing.T) {
	h := newHarness(t)
	users := map[string]*door.Principal{"bob": h.User("bob"), "eve": h.User("eve")}
	rapid.Check(t, func(t *rapid.T) {
		m := &machine{harness: h, users: users, names: map[string]*modelKey{}}
		m.create(t)
		t.Repeat(map[string]func(*rapid.T){
			"":        func(*rapid.T) {},
			"compare": m.compare,
			"create":  m.create, "enable": m.enable, "disable": m.disable, "schedule": m.schedule, "cancel": m.cancel,
			"encrypt": m.encrypt, "encrypt again": m.encrypt, "rotation": m.rotation, "rotate": m.rotate,
			"alias": m.alias, "delete alias": m.deleteAlias, "grant": m.grant, "revoke": m.revoke, "time": m.pass,
		})
		m.compare(t)
		m.clear(t)
	})
}

func (m *machine) pick(t *rapid.T) *modelKey {
	if len(m.keys) == 0 {
		t.Skip()
	}
	return rapid.SampledFrom(m.keys).Draw(t, "key")
}

// ends checks how a call must end: well, or with a code.
func ends(t *rapid.T, err error, want string) {
	t.Helper()
	if code(err) != want {
		t.Fatalf("the call ends with %v, not %q", err, want)
	}
}

func (k *modelKey) dying() bool { return k.state == pendingDeletion }

// unusable is the code of what an unusable key answers, "" for one that is not.
func (k *modelKey) unusable() string {
	switch k.state {
	case enabled:
		return ""
	case disabled:
		return "DisabledException"
	}
	return "KMSInvalidStateException"
}

func stateError(dying bool) string {
	if dying {
		return "KMSInvalidStateException"
	}
	return ""
}

func (m *machine) create(t *rapid.T) {
	if len(m.keys) == 4 {
		t.Skip()
	}
	id := do(m.harness, t, api.OpCreateKey, &api.CreateKeyRequest{}).KeyMetadata.KeyId
	m.keys = append(m.keys, &modelKey{id: id, state: enabled, materials: 1, grants: map[string]string{}})
}

func (m *machine) enable(t *rapid.T) {
	k := m.pick(t)
	_, err := try(m.harness, m.root, api.OpEnableKey, &api.EnableKeyRequest{KeyId: k.id})
	ends(t, err, stateError(k.dying()))
	if err == nil {
		k.state = enabled
	}
}

func (m *machine) disable(t *rapid.T) {
	k := m.pick(t)
	_, err := try(m.harness, m.root, api.OpDisableKey, &api.DisableKeyRequest{KeyId: k.id})
	ends(t, err, stateError(k.dying()))
	if err == nil {
		k.state = disabled
	}
}

func (m *machine) schedule(t *rapid.T) {
	k, days := m.pick(t), rapid.Int64Range(leastDays, mostDays).Draw(t, "days")
	_, err := try(m.harness, m.root, api.OpScheduleKeyDeletion, &api.ScheduleKeyDeletionRequest{KeyId: k.id, PendingWindowInDays: &days})
	ends(t, err, stateError(k.dying()))
	if err == nil {
		k.state, k.deletion = pendingDeletion, m.now.AddDate(0, 0, int(days))
	}
}

func (m *machine) cancel(t *rapid.T) {
	k := m.pick(t)
	_, err := try(m.harness, m.root, api.OpCancelKeyDeletion, &api.CancelKeyDeletionRequest{KeyId: k.id})
	ends(t, err, stateError(!k.dying()))
	if err == nil {
		k.state = disabled
	}
}

func (m *machine) encrypt(t *rapid.T) {
	k, tenant := m.pick(t), rapid.SampledFrom([]string{"a", "b"}).Draw(t, "tenant")
	out, err := try(m.harness, m.root, api.OpEncrypt, &api.EncryptRequest{
		KeyId: k.id, Plaintext: []byte("for " + tenant), EncryptionContext: map[string]string{"Tenant": tenant},
	})
	ends(t, err, k.unusable())
	if err == nil {
		k.blobs = append(k.blobs, modelBlob{out.CiphertextBlob, tenant})
	}
}

func (m *machine) rotation(t *rapid.T) {
	k, days := m.pick(t), rapid.SampledFrom([]int64{90, 400}).Draw(t, "period")
	_, err := try(m.harness, m.root, api.OpEnableKeyRotation, &api.EnableKeyRotationRequest{KeyId: k.id, RotationPeriodInDays: &days})
	ends(t, err, k.unusable())
	if err == nil && k.period != days {
		k.period, k.next = days, m.now.AddDate(0, 0, int(days))
	}
}

func (m *machine) rotate(t *rapid.T) {
	k := m.pick(t)
	_, err := try(m.harness, m.root, api.OpRotateKeyOnDemand, &api.RotateKeyOnDemandRequest{KeyId: k.id})
	ends(t, err, k.unusable())
	if err == nil {
		k.materials++
	}
}

func (m *machine) alias(t *rapid.T) {
	k, name := m.pick(t), rapid.SampledFrom([]string{"alias/a", "alias/b"}).Draw(t, "alias")
	old := m.names[name]
	var err error
	if old == nil {
		_, err = try(m.harness, m.root, api.OpCreateAlias, &api.CreateAliasRequest{AliasName: &name, TargetKeyId: k.id})
	} else {
		_, err = try(m.harness, m.root, api.OpUpdateAlias, &api.UpdateAliasRequest{AliasName: &name, TargetKeyId: k.id})
	}
	ends(t, err, stateError(k.dying()))
	if err == nil {
		m.names[name] = k
	}
}

func (m *machine) deleteAlias(t *rapid.T) {
	name := rapid.SampledFrom([]string{"alias/a", "alias/b"}).Draw(t, "alias")
	_, err := try(m.harness, m.root, api.OpDeleteAlias, &api.DeleteAliasRequest{AliasName: &name})
	if m.names[name] == nil {
		ends(t, err, "NotFoundException")
		return
	}
	ends(t, err, "")
	delete(m.names, name)
}

func (m *machine) grant(t *rapid.T) {
	k, who := m.pick(t), rapid.SampledFrom([]string{"bob", "eve"}).Draw(t, "grantee")
	if k.grants[who] != "" {
		t.Skip()
	}
	out, err := try(m.harness, m.root, api.OpCreateGrant, &api.CreateGrantRequest{
		KeyId: k.id, GranteePrincipal: &m.users[who].ARN, Operations: []string{"Decrypt"},
		Constraints: &api.GrantConstraints{EncryptionContextEquals: map[string]string{"Tenant": "a"}},
	})
	ends(t, err, k.unusable())
	if err == nil {
		k.grants[who] = *out.GrantId
	}
}

func (m *machine) revoke(t *rapid.T) {
	k, who := m.pick(t), rapid.SampledFrom([]string{"bob", "eve"}).Draw(t, "grantee")
	if k.grants[who] == "" {
		t.Skip()
	}
	_, err := try(m.harness, m.root, api.OpRevokeGrant, &api.RevokeGrantRequest{KeyId: k.id, GrantId: ptr(k.grants[who])})
	ends(t, err, "")
	delete(k.grants, who)
}

// pass lets time pass, and has the sweeper come by.
func (m *machine) pass(t *rapid.T) {
	m.now = m.now.Add(time.Duration(rapid.IntRange(1, 100).Draw(t, "days")) * 24 * time.Hour)
	if err := m.service.sweep(m.t.Context(), m.now); err != nil {
		t.Fatalf("sweep: %v", err)
	}
	for _, k := range slices.Clone(m.keys) {
		switch {
		case k.dying() && !k.deletion.After(m.now):
			m.forget(k)
		case k.state == enabled && k.period > 0 && !k.next.After(m.now):
			k.materials++
			k.next = m.now.AddDate(0, 0, int(k.period))
		}
	}
}

func (m *machine) forget(k *modelKey) {
	m.keys = slices.DeleteFunc(m.keys, func(other *modelKey) bool { return other == k })
	for name, of := range m.names {
		if of == k {
			delete(m.names, name)
		}
	}
}

// compare holds the service to the model.
func (m *machine) compare(t *rapid.T) {
	materials := 0
	for _, k := range m.keys {
		d := do(m.harness, t, api.OpDescribeKey, &api.DescribeKeyRequest{KeyId: k.id}).KeyMetadata
		if *d.KeyState != k.state {
			t.Fatalf("%s is %s, not %s", *k.id, *d.KeyState, k.state)
		}
		materials += k.materials
		m.decrypts(t, k)
	}
	if n := m.wrappingKeys(); n != materials {
		t.Fatalf("%d wrapping keys for %d materials", n, materials)
	}
	listed := map[string]string{}
	for _, a := range do(m.harness, t, api.OpListAliases, &api.ListAliasesRequest{}).Aliases {
		listed[*a.AliasName] = *a.TargetKeyId
	}
	if len(listed) != len(m.names) {
		t.Fatalf("the aliases are %v", listed)
	}
	for name, k := range m.names {
		if listed[name] != *k.id {
			t.Fatalf("%s stands for %s, not %s", name, listed[name], *k.id)
		}
	}
}

// decrypts tries the newest and the oldest ciphertext, as everybody.
func (m *machine) decrypts(t *rapid.T, k *modelKey) {
	if len(k.blobs) == 0 {
		return
	}
	for _, b := range []modelBlob{k.blobs[0], k.blobs[len(k.blobs)-1]} {
		in := &api.DecryptRequest{CiphertextBlob: b.bytes, EncryptionContext: map[string]string{"Tenant": b.tenant}}
		for who, p := range map[string]*door.Principal{"root": m.root, "bob": m.users["bob"], "eve": m.users["eve"]} {
			out, err := try(m.harness, p, api.OpDecrypt, in)
			want := k.unusable()
			if who != "root" && (k.grants[who] == "" || b.tenant != "a") {
				want = "AccessDenied"
			}
			ends(t, err, want)
			if err == nil && string(out.Plaintext) != "for "+b.tenant {
				t.Fatal(fmt.Sprintf("decrypted %q", out.Plaintext))
			}
		}
	}
}

// clear deletes every key, so that the next run begins with none.
func (m *machine) clear(t *rapid.T) {
	for _, k := range m.keys {
		if !k.dying() {
			do(m.harness, t, api.OpScheduleKeyDeletion, &api.ScheduleKeyDeletionRequest{KeyId: k.id})
		}
	}
	m.now = m.now.AddDate(0, 0, mostDays)
	if err := m.service.sweep(m.t.Context(), m.now); err != nil {
		t.Fatalf("sweep: %v", err)
	}
	m.check(t)
	if n := m.wrappingKeys(); n != 0 {
		t.Fatalf("%d wrapping keys are left", n)
	}
}
