package kms

import (
	"context"
	"testing"

	api "cloister/internal/awsapi/kms"
	"cloister/internal/door"
	"cloister/internal/door/doortest"
	"cloister/internal/store"
	"cloister/policy"
)

// remake makes a user or role anew, under the name that it had.
func (h *harness) remake(arn string, p *door.Principal, id string) {
	h.made[arn] = id
	p.UserID = id
	if isSession(p.ARN) {
		p.UserID += ":s"
	}
	h.Users.Set(p, &policy.Policies{})
}

func TestWhoIsMadeAgainInheritsNoGrant(t *testing.T) {
	role := "arn:aws:iam::" + here + ":role/app"
	for _, c := range []struct {
		name, grantee, arn, prefix string
		holder                     func(h *harness) *door.Principal
	}{
		{"user", "arn:aws:iam::" + here + ":user/bob", "arn:aws:iam::" + here + ":user/bob", "AIDA", func(h *harness) *door.Principal { return h.User("bob") }},
		{"role", role, role, "AROA", func(h *harness) *door.Principal { return h.Role("app", "s") }},
		{"session", "arn:aws:sts::" + here + ":assumed-role/app/s", "arn:aws:sts::" + here + ":assumed-role/app/s", "AROA", func(h *harness) *door.Principal { return h.Role("app", "s") }},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHarness(t)
			id, holder := h.key(&api.CreateKeyRequest{}), c.holder(h)
			blob := do(h, t, api.OpEncrypt, &api.EncryptRequest{KeyId: id, Plaintext: []byte("x")}).CiphertextBlob
			grant := &api.CreateGrantRequest{KeyId: id, GranteePrincipal: &c.grantee, RetiringPrincipal: &c.grantee, Operations: []string{"Decrypt"}, Name: ptr("n")}
			made := do(h, t, api.OpCreateGrant, grant)
			decrypt := func() error {
				_, err := try(h, holder, api.OpDecrypt, &api.DecryptRequest{CiphertextBlob: blob})
				return err
			}
			passes(t, decrypt())

			h.remake(c.arn, holder, doortest.UniqueID(c.prefix, "another"))
			failsWith(t, decrypt(), "AccessDenied")
			_, err := try(h, holder, api.OpRetireGrant, &api.RetireGrantRequest{GrantToken: made.GrantToken})
			failsWith(t, err, "AccessDenied")
			listed := do(h, t, api.OpListGrants, &api.ListGrantsRequest{KeyId: id}).Grants[0]
			if want := doortest.UniqueID(c.prefix, map[string]string{"user": "bob", "role": "app", "session": "app"}[c.name]); *listed.GranteePrincipal != want || *listed.RetiringPrincipal != want {
				t.Errorf("shown as %s, %s, not as %s", *listed.GranteePrincipal, *listed.RetiringPrincipal, want)
			}

			// the same request is for another now
			if again := do(h, t, api.OpCreateGrant, grant); *again.GrantId == *made.GrantId {
				t.Error("it got the grant of who was there before")
			}
			passes(t, decrypt())
			_, err = try(h, holder, api.OpRetireGrant, &api.RetireGrantRequest{GrantToken: made.GrantToken})
			failsWith(t, err, "AccessDenied")
		})
	}
}

// A grant is for somebody; whether there is somebody in another account is not
// told, and who comes to be there later has none.
func TestGrantsForNobody(t *testing.T) {
	h := newHarness(t)
	id := h.key(&api.CreateKeyRequest{})
	gone, foreign := "arn:aws:iam::"+here+":user/gone", "arn:aws:iam::210987654321:user/bob"
	h.made[gone], h.made[foreign] = "", ""
	_, err := try(h, h.root, api.OpCreateGrant, &api.CreateGrantRequest{KeyId: id, GranteePrincipal: &gone, Operations: []string{"Decrypt"}})
	failsWith(t, err, "InvalidArnException")
	_, err = try(h, h.root, api.OpCreateGrant, &api.CreateGrantRequest{KeyId: id, GranteePrincipal: ptr("logs.amazonaws.com"), RetiringPrincipal: &gone, Operations: []string{"Decrypt"}})
	failsWith(t, err, "InvalidArnException")
	do(h, t, api.OpCreateGrant, &api.CreateGrantRequest{KeyId: id, GranteePrincipal: &foreign, Operations: []string{"Encrypt"}})
	if shown := *do(h, t, api.OpListGrants, &api.ListGrantsRequest{KeyId: id}).Grants[0].GranteePrincipal; shown != foreign {
		t.Errorf("shown as %s", shown)
	}
	k, err := h.load(id)
	if err != nil {
		t.Fatal(err)
	}
	bob := &door.Principal{}
	bob.ARN, bob.UserID = foreign, doortest.UniqueID("AIDA", "bob")
	if k.grantsFor(bob, &use{action: "Encrypt"}) != nil {
		t.Error("who came later has the grant")
	}
}

func (h *harness) load(id *string) (k *key, err error) {
	err = h.DB.View(context.Background(), func(r store.Reader) error {
		k, err = loadKey(r, keyID{here, "us-east-1", *id})
		return err
	})
	return k, err
}

func passes(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Error(err)
	}
}
