package kms

import (
	"testing"

	api "cloister/internal/awsapi/kms"
	"cloister/internal/door/doortest"
)

// BenchmarkEncrypt is Encrypt from signed bytes to the answer's bytes, audited.
func BenchmarkEncrypt(b *testing.B) {
	h := newHarness(b)
	id := h.key(&api.CreateKeyRequest{})
	key := h.Key(h.root, &api.Service)
	key.Time = h.now
	body := `{"KeyId":"` + *id + `","Plaintext":"aGVsbG8gd29ybGQsIGhlbGxvIHdvcmxk","EncryptionContext":{"tenant":"a"}}`
	b.ReportAllocs()
	for b.Loop() {
		if w := h.Serve(h.Sign(doortest.JSON(api.OpEncrypt.Operation, body), key)); w.Code != 200 {
			b.Fatal(w.Body)
		}
	}
}

// BenchmarkDecryptWithin is Decrypt as other services call it.
func BenchmarkDecryptWithin(b *testing.B) {
	h := newHarness(b)
	id := h.key(&api.CreateKeyRequest{})
	blob := do(h, b, api.OpEncrypt, &api.EncryptRequest{KeyId: id, Plaintext: []byte("hello world")}).CiphertextBlob
	in := &api.DecryptRequest{CiphertextBlob: blob}
	b.ReportAllocs()
	for b.Loop() {
		do(h, b, api.OpDecrypt, in)
	}
}
