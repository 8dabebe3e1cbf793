package kms

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"strings"
	"testing"
	"time"

	"github.com/tink-crypto/tink-go/v2/kwp/subtle"

	api "cloister/internal/awsapi/kms"
)

// parameters asks for what it takes to import.
func (h *harness) parameters(id *string, algorithm, spec string) *api.GetParametersForImportResponse {
	h.t.Helper()
	return do(h, h.t, api.OpGetParametersForImport, &api.GetParametersForImportRequest{KeyId: id, WrappingAlgorithm: &algorithm, WrappingKeySpec: &spec})
}

// wrapFor wraps material as a customer does.
func wrapFor(t testing.TB, p *api.GetParametersForImportResponse, algorithm string, raw []byte) []byte {
	t.Helper()
	parsed, err := x509.ParsePKIXPublicKey(p.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	hash := crypto.SHA256
	if strings.HasSuffix(algorithm, "SHA_1") {
		hash = crypto.SHA1
	}
	var wrapped []byte
	if strings.HasPrefix(algorithm, "RSA_AES") {
		aes := randomBytes(32)
		kwp, err := subtle.NewKWP(aes)
		if err != nil {
			t.Fatal(err)
		}
		if wrapped, err = kwp.Wrap(raw); err != nil {
			t.Fatal(err)
		}
		raw = aes
	}
	head, err := rsa.EncryptOAEP(hash.New(), rand.Reader, parsed.(*rsa.PublicKey), raw, nil)
	if err != nil {
		t.Fatal(err)
	}
	return append(head, wrapped...)
}

// imported imports material that does not expire.
func (h *harness) imported(id *string, algorithm string, raw []byte) error {
	h.t.Helper()
	p := h.parameters(id, algorithm, "RSA_2048")
	_, err := try(h, h.root, api.OpImportKeyMaterial, &api.ImportKeyMaterialRequest{
		KeyId: id, ImportToken: p.ImportToken, EncryptedKeyMaterial: wrapFor(h.t, p, algorithm, raw), ExpirationModel: ptr(doesNotExpire),
	})
	return err
}

// failsWith checks a call's error code.
func failsWith(t testing.TB, err error, code string) {
	t.Helper()
	if err == nil || !strings.HasPrefix(err.Error(), code+":") {
		t.Errorf("%v, not %s", err, code)
	}
}

// Every kind of key takes its own material, in every way of wrapping that has
// room for it.
func TestImport(t *testing.T) {
	h := newHarness(t)
	for _, c := range []struct{ spec, usage string }{
		{symmetric, forEncryption}, {"HMAC_384", forMACs}, {"RSA_2048", forSignatures}, {"ECC_NIST_P256", forSignatures},
		{"ECC_SECG_P256K1", forSignatures}, {"ECC_NIST_EDWARDS25519", forSignatures},
	} {
		raw, err := generate(c.spec)
		if err != nil {
			t.Fatal(err)
		}
		for algorithm, way := range wrappings {
			if !way.aes && len(raw) > 190 {
				continue
			}
			id := h.key(&api.CreateKeyRequest{Origin: ptr(external), KeySpec: ptr(c.spec), KeyUsage: ptr(c.usage)})
			if err := h.imported(id, algorithm, raw); err != nil {
				t.Errorf("%s by %s: %v", c.spec, algorithm, err)
			}
			d := do(h, t, api.OpDescribeKey, &api.DescribeKeyRequest{KeyId: id}).KeyMetadata
			if *d.KeyState != enabled || *d.ExpirationModel != doesNotExpire || *d.Origin != external {
				t.Errorf("%s by %s is %s", c.spec, algorithm, *d.KeyState)
			}
		}
	}
}

// Deleted material comes back by importing the same again, and no other: what
// was encrypted under it opens again.
func TestImportAgain(t *testing.T) {
	h := newHarness(t)
	id := h.key(&api.CreateKeyRequest{Origin: ptr(external)})
	_, err := try(h, h.root, api.OpEncrypt, &api.EncryptRequest{KeyId: id, Plaintext: []byte("x")})
	failsWith(t, err, "KMSInvalidStateException")
	raw := randomBytes(32)
	for range 2 { // the second time it is there already
		if err := h.imported(id, "RSAES_OAEP_SHA_256", raw); err != nil {
			t.Fatal(err)
		}
	}
	blob := do(h, t, api.OpEncrypt, &api.EncryptRequest{KeyId: id, Plaintext: []byte("x")}).CiphertextBlob
	do(h, t, api.OpDeleteImportedKeyMaterial, &api.DeleteImportedKeyMaterialRequest{KeyId: id})
	_, err = try(h, h.root, api.OpDecrypt, &api.DecryptRequest{CiphertextBlob: blob})
	failsWith(t, err, "KMSInvalidStateException")
	failsWith(t, h.imported(id, "RSAES_OAEP_SHA_256", randomBytes(32)), "IncorrectKeyMaterialException")
	failsWith(t, h.imported(id, "RSAES_OAEP_SHA_256", raw[:16]), "IncorrectKeyMaterialException")
	if err := h.imported(id, "RSA_AES_KEY_WRAP_SHA_256", raw); err != nil {
		t.Fatal(err)
	}
	if out := do(h, t, api.OpDecrypt, &api.DecryptRequest{CiphertextBlob: blob}); string(out.Plaintext) != "x" {
		t.Errorf("decrypted %q", out.Plaintext)
	}
}

// Material with a time is gone when it is over: for callers at once, and from
// the disk at the next sweep.
func TestImportExpires(t *testing.T) {
	h := newHarness(t)
	id := h.key(&api.CreateKeyRequest{Origin: ptr(external)})
	p := h.parameters(id, "RSAES_OAEP_SHA_1", "RSA_3072")
	until := h.now.Add(time.Hour)
	in := &api.ImportKeyMaterialRequest{KeyId: id, ImportToken: p.ImportToken, EncryptedKeyMaterial: wrapFor(t, p, "RSAES_OAEP_SHA_1", randomBytes(32))}
	_, err := try(h, h.root, api.OpImportKeyMaterial, in)
	failsWith(t, err, "ValidationException")
	in.ValidTo = &h.now
	_, err = try(h, h.root, api.OpImportKeyMaterial, in)
	failsWith(t, err, "ValidationException")
	in.ValidTo = &until
	do(h, t, api.OpImportKeyMaterial, in)
	blob := do(h, t, api.OpEncrypt, &api.EncryptRequest{KeyId: id, Plaintext: []byte("x")}).CiphertextBlob
	h.now = until.Add(-time.Second)
	do(h, t, api.OpDecrypt, &api.DecryptRequest{CiphertextBlob: blob})
	h.now = until
	_, err = try(h, h.root, api.OpDecrypt, &api.DecryptRequest{CiphertextBlob: blob})
	failsWith(t, err, "KMSInvalidStateException")
	if n := h.wrappingKeys(); n != 1 {
		t.Errorf("%d wrapping keys", n)
	}
	h.sweep()
	if n := h.wrappingKeys(); n != 0 {
		t.Errorf("%d wrapping keys after the sweep", n)
	}
	if d := do(h, t, api.OpDescribeKey, &api.DescribeKeyRequest{KeyId: id}).KeyMetadata; *d.KeyState != pendingImport || d.ValidTo != nil {
		t.Errorf("the key is %s until %v", *d.KeyState, d.ValidTo)
	}
}

// A token is for its key and its day, and a changed one is none.
func TestImportTokens(t *testing.T) {
	h := newHarness(t)
	id, other := h.key(&api.CreateKeyRequest{Origin: ptr(external)}), h.key(&api.CreateKeyRequest{Origin: ptr(external)})
	p := h.parameters(id, "RSAES_OAEP_SHA_256", "RSA_2048")
	in := api.ImportKeyMaterialRequest{
		KeyId: other, ImportToken: p.ImportToken, ExpirationModel: ptr(doesNotExpire),
		EncryptedKeyMaterial: wrapFor(t, p, "RSAES_OAEP_SHA_256", randomBytes(32)),
	}
	_, err := try(h, h.root, api.OpImportKeyMaterial, &in)
	failsWith(t, err, "InvalidImportTokenException")
	in.KeyId = id
	changed := in
	changed.ImportToken = bytes.Clone(in.ImportToken)
	changed.ImportToken[40] ^= 1
	_, err = try(h, h.root, api.OpImportKeyMaterial, &changed)
	failsWith(t, err, "InvalidImportTokenException")
	changed = in
	changed.EncryptedKeyMaterial = bytes.Clone(in.EncryptedKeyMaterial)
	changed.EncryptedKeyMaterial[40] ^= 1
	_, err = try(h, h.root, api.OpImportKeyMaterial, &changed)
	failsWith(t, err, "InvalidCiphertextException")
	h.now = h.now.Add(24 * time.Hour)
	_, err = try(h, h.root, api.OpImportKeyMaterial, &in)
	failsWith(t, err, "ExpiredImportTokenException")
	if n := h.wrappingKeys(); n != 0 {
		t.Errorf("refused imports leave %d wrapping keys", n)
	}
}

func TestImportIsForExternalKeys(t *testing.T) {
	h := newHarness(t)
	_, err := try(h, h.root, api.OpGetParametersForImport, &api.GetParametersForImportRequest{
		KeyId: h.key(&api.CreateKeyRequest{}), WrappingAlgorithm: ptr("RSAES_OAEP_SHA_256"), WrappingKeySpec: ptr("RSA_2048"),
	})
	failsWith(t, err, "UnsupportedOperationException")
	rsaKey := h.key(&api.CreateKeyRequest{Origin: ptr(external), KeySpec: ptr("RSA_2048"), KeyUsage: ptr(forEncryption)})
	_, err = try(h, h.root, api.OpGetParametersForImport, &api.GetParametersForImportRequest{
		KeyId: rsaKey, WrappingAlgorithm: ptr("RSAES_OAEP_SHA_256"), WrappingKeySpec: ptr("RSA_2048"),
	})
	failsWith(t, err, "ValidationException")
	_, err = try(h, h.root, api.OpGetParametersForImport, &api.GetParametersForImportRequest{
		KeyId: rsaKey, WrappingAlgorithm: ptr("RSAES_PKCS1_V1_5"), WrappingKeySpec: ptr("RSA_2048"),
	})
	failsWith(t, err, "UnsupportedOperationException")
}
