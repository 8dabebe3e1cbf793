package kms

import (
	"bytes"
	"strings"
	"testing"

	api "cloister/internal/awsapi/kms"
	"cloister/internal/door"
)

// Whatever a request calls a key, what it is taken for can be written down again,
// and has no character that could mean something elsewhere.
func FuzzParseReference(f *testing.F) {
	for _, seed := range []string{
		"alias/app", "alias/aws/lambda", "alias/", "mrk-00000000000000000000000000000000", "00000000-0000-0000-0000-000000000000",
		"arn:aws:kms:us-east-1:123456789012:key/00000000-0000-0000-0000-000000000000", "arn:aws:kms:us-east-1:123456789012:alias/a/b",
		"arn:aws:kms:us-east-1::key/x", "arn:aws:kms:::", "key/alias/a", "arn:aws:kms:us-east-1:123456789012:key/alias/a", "../x",
	} {
		f.Add(seed)
	}
	c := &door.Call{Account: here, Region: "us-east-1"}
	f.Fuzz(func(t *testing.T, given string) {
		ref, err := parseReference(c, given)
		if err != nil {
			return
		}
		arn := ref.key.arn()
		if ref.byAlias() {
			arn = ref.alias.arn()
		}
		again, err := parseReference(c, arn)
		if err != nil || again != ref {
			t.Errorf("%q is %+v, and its ARN %q is %+v, %v", given, ref, arn, again, err)
		}
		if strings.ContainsAny(ref.key.ID+ref.alias.Name, "*?\x00. ") || ref.byAlias() == (ref.key.ID != "") {
			t.Errorf("%q is %+v", given, ref)
		}
	})
}

// No bytes but those of a ciphertext of this node are one, and none make it fail
// inside.
func FuzzDecrypt(f *testing.F) {
	h := newHarness(f)
	id := h.key(&api.CreateKeyRequest{})
	blob := do(h, f, api.OpEncrypt, &api.EncryptRequest{KeyId: id, Plaintext: []byte("x")}).CiphertextBlob
	f.Add(blob)
	f.Add(blob[:headSize])
	f.Add(bytes.Repeat([]byte{1}, 200))
	f.Fuzz(func(t *testing.T, given []byte) {
		if len(given) == 0 || len(given) > 6144 {
			return
		}
		_, err := try(h, h.root, api.OpDecrypt, &api.DecryptRequest{CiphertextBlob: given})
		if err == nil != bytes.Equal(given, blob) || err != nil && code(err) != "InvalidCiphertextException" {
			t.Errorf("%x: %v", given, err)
		}
	})
}

// What is imported is material of the key's kind or is refused.
func FuzzParseMaterial(f *testing.F) {
	for spec := range specs {
		if strings.HasPrefix(spec, "RSA_3") || strings.HasPrefix(spec, "RSA_4") {
			continue // as RSA_2048, and slow to make
		}
		raw, err := generate(spec)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(spec, raw)
		f.Add(spec, raw[:len(raw)-1])
		f.Add("ECC_SECG_P256K1", raw)
	}
	f.Fuzz(func(t *testing.T, spec string, raw []byte) {
		if _, ok := specs[spec]; !ok {
			return
		}
		m, err := parseMaterial(spec, raw)
		if err != nil {
			return
		}
		switch {
		case m.aead != nil, m.mac != nil:
		case m.signer == nil:
			t.Errorf("%s: material that is none", spec)
		default:
			der, err := marshalPrivate(m.signer)
			if err != nil {
				t.Fatal(err)
			}
			if again, err := parseMaterial(spec, der); err != nil || again.signer == nil {
				t.Errorf("%s: written down and read again: %v", spec, err)
			}
		}
	})
}
