package kms

import (
	"bytes"
	"errors"
	"maps"
	"testing"
	"time"

	"pgregory.net/rapid"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/kms"
)

func drawContext(t *rapid.T, name string) map[string]string {
	return rapid.MapOfN(rapid.SampledFrom([]string{"a", "b", "ab", "Tenant", "", "a\x00b"}), rapid.SampledFrom([]string{"", "a", "b", "ab", "\x00"}), 0, 4).Draw(t, name)
}

// Two contexts have the same encoding only if they are the same.
func TestContextEncoding(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := drawContext(t, "a"), drawContext(t, "b")
		if same := bytes.Equal(appendContext(nil, a), appendContext(nil, b)); same != maps.Equal(a, b) {
			t.Fatalf("%q and %q: the same encoding is %v", a, b, same)
		}
	})
}

// What was encrypted comes back under the same context, and under no other.
func TestDecryptUndoesEncrypt(t *testing.T) {
	h := newHarness(t)
	ids := []*string{h.key(&api.CreateKeyRequest{}), h.key(&api.CreateKeyRequest{MultiRegion: ptr(true)})}
	rapid.Check(t, func(t *rapid.T) {
		id := rapid.SampledFrom(ids).Draw(t, "key")
		plaintext := rapid.SliceOfN(rapid.Byte(), 1, 100).Draw(t, "plaintext")
		a, b := drawContext(t, "a"), drawContext(t, "b")
		blob := do(h, t, api.OpEncrypt, &api.EncryptRequest{KeyId: id, Plaintext: plaintext, EncryptionContext: a}).CiphertextBlob
		out := do(h, t, api.OpDecrypt, &api.DecryptRequest{CiphertextBlob: blob, EncryptionContext: a})
		if !bytes.Equal(out.Plaintext, plaintext) {
			t.Fatalf("decrypted %x, not %x", out.Plaintext, plaintext)
		}
		if maps.Equal(a, b) {
			return
		}
		if _, err := try(h, h.root, api.OpDecrypt, &api.DecryptRequest{CiphertextBlob: blob, EncryptionContext: b}); code(err) != "InvalidCiphertextException" {
			t.Fatalf("with another context: %v", err)
		}
	})
}

// code is the wire's code of an error, "" for none.
func code(err error) string {
	var wire *awsapi.Error
	if errors.As(err, &wire) {
		return wire.Code
	}
	return ""
}

// A ciphertext with any bit changed, cut anywhere or longer is refused with the
// same words and after the same work, one opening, whether the key is named or
// not, by Decrypt and by ReEncrypt.
func TestEveryFlippedBitOfACiphertextIsRefused(t *testing.T) {
	h := newHarness(t)
	id := h.key(&api.CreateKeyRequest{})
	blob := do(h, t, api.OpEncrypt, &api.EncryptRequest{KeyId: id, Plaintext: []byte("plaintext")}).CiphertextBlob
	refused := func(what string, i int, changed []byte) {
		for _, named := range []*string{nil, id} {
			before := h.service.openings.Load()
			_, err := try(h, h.root, api.OpDecrypt, &api.DecryptRequest{CiphertextBlob: changed, KeyId: named})
			_, again := try(h, h.root, api.OpReEncrypt, &api.ReEncryptRequest{CiphertextBlob: changed, SourceKeyId: named, DestinationKeyId: id})
			for _, err := range []error{err, again} {
				if err == nil || err.Error() != "InvalidCiphertextException: " {
					t.Fatalf("%s %d, key named: %v: %v", what, i, named != nil, err)
				}
			}
			if n := h.service.openings.Load() - before; n != 2 {
				t.Fatalf("%s %d, key named: %v: two calls cost %d openings", what, i, named != nil, n)
			}
		}
	}
	for i := range len(blob) * 8 {
		changed := bytes.Clone(blob)
		changed[i/8] ^= 1 << (i % 8)
		refused("bit", i, changed)
	}
	for i := 1; i < len(blob); i++ {
		refused("cut at", i, blob[:i])
	}
	refused("longer", len(blob), append(bytes.Clone(blob), 0))

	other := do(h, t, api.OpEncrypt, &api.EncryptRequest{KeyId: id, Plaintext: []byte("plaintext"), EncryptionContext: map[string]string{"a": "b"}}).CiphertextBlob
	refused("another context", 0, other)
	gone := h.key(&api.CreateKeyRequest{})
	of := do(h, t, api.OpEncrypt, &api.EncryptRequest{KeyId: gone, Plaintext: []byte("plaintext")}).CiphertextBlob
	do(h, t, api.OpScheduleKeyDeletion, &api.ScheduleKeyDeletionRequest{KeyId: gone, PendingWindowInDays: ptr(int64(7))})
	h.now = h.now.Add(8 * 24 * time.Hour)
	h.sweep()
	before := h.service.openings.Load()
	_, err := try(h, h.root, api.OpDecrypt, &api.DecryptRequest{CiphertextBlob: of})
	if code(err) != "InvalidCiphertextException" || h.service.openings.Load() != before+1 {
		t.Errorf("of a key that is gone: %v, after %d openings", err, h.service.openings.Load()-before)
	}
}

// A stranger who changes a ciphertext learns nothing about keys: what is no
// ciphertext is denied like any other request that nothing allows.
func TestCiphertextsTellStrangersNothing(t *testing.T) {
	h := newHarness(t)
	id := h.key(&api.CreateKeyRequest{})
	blob := do(h, t, api.OpEncrypt, &api.EncryptRequest{KeyId: id, Plaintext: []byte("plaintext")}).CiphertextBlob
	nobody := h.User("nobody")
	for i := range len(blob) {
		changed := bytes.Clone(blob)
		changed[i] ^= 1
		if _, err := try(h, nobody, api.OpDecrypt, &api.DecryptRequest{CiphertextBlob: changed}); code(err) != "AccessDenied" {
			t.Fatalf("byte %d: %v", i, err)
		}
	}
}

// Signatures and MACs verify for what was signed alone.
func TestVerifyUndoesSign(t *testing.T) {
	h := newHarness(t)
	type signer struct{ id, algorithm, kind *string }
	var signers []signer
	for name, s := range specs {
		if name == "RSA_3072" || name == "RSA_4096" {
			continue // as RSA_2048, and slow
		}
		if len(s.signing) == 0 {
			continue
		}
		id := h.key(&api.CreateKeyRequest{KeySpec: ptr(name), KeyUsage: ptr(forSignatures)})
		for _, algorithm := range s.signing {
			kind := rawMessage
			if algorithm == "ED25519_PH_SHA_512" {
				kind = digestMessage
			}
			signers = append(signers, signer{id, ptr(algorithm), ptr(kind)})
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.SampledFrom(signers).Draw(t, "signer")
		message := rapid.SliceOfN(rapid.Byte(), 64, 64).Draw(t, "message")
		signature := do(h, t, api.OpSign, &api.SignRequest{KeyId: s.id, Message: message, MessageType: s.kind, SigningAlgorithm: s.algorithm}).Signature
		in := &api.VerifyRequest{KeyId: s.id, Message: message, MessageType: s.kind, SigningAlgorithm: s.algorithm, Signature: signature}
		do(h, t, api.OpVerify, in)
		in.Message = bytes.Clone(message)
		in.Message[rapid.IntRange(0, 63).Draw(t, "at")] ^= 1
		if _, err := try(h, h.root, api.OpVerify, in); code(err) != "KMSInvalidSignatureException" {
			t.Fatalf("another message: %v", err)
		}
	})
}

// A grant never lets its grantee pass on what it may not do itself.
func TestGrantsOnlyNarrow(t *testing.T) {
	operations := []string{"Decrypt", "Encrypt", "GenerateDataKey", "CreateGrant"}
	drawGrant := func(t *rapid.T, name string) *grantRow {
		g := &grantRow{Operations: rapid.SliceOfNDistinct(rapid.SampledFrom(operations), 1, 4, rapid.ID).Draw(t, name+" operations")}
		switch rapid.IntRange(0, 2).Draw(t, name+" constraint") {
		case 1:
			g.Equals = drawContext(t, name+" equals")
		case 2:
			g.Subset = drawContext(t, name+" subset")
		}
		return g
	}
	rapid.Check(t, func(t *rapid.T) {
		parent, child := drawGrant(t, "parent"), drawGrant(t, "child")
		if !parent.mayHave(child) {
			return
		}
		u := &use{action: rapid.SampledFrom(operations[:3]).Draw(t, "action"), context: drawContext(t, "context")}
		if child.covers(u) && !parent.covers(u) {
			t.Fatalf("%+v passes on %+v, which does %s with %q", parent, child, u.action, u.context)
		}
	})
}
