package kms

import (
	"errors"
	"strings"
	"testing"

	api "cloister/internal/awsapi/kms"
)

// A second node of a store whose wrapping keys are in another folder is refused,
// with what to do: it could use no key, and would forget keys that are to be
// destroyed without destroying them.
func TestAFolderOfAnotherStoreIsRefused(t *testing.T) {
	h := newHarness(t)
	id := h.key(&api.CreateKeyRequest{})
	_, err := h.start("other", false)
	if !errors.Is(err, errOtherFolder) || !strings.Contains(err.Error(), "--accept-lost-keys") {
		t.Fatalf("another folder: %v", err)
	}
	if _, err := h.start("wrapping", false); err != nil {
		t.Fatalf("the store's own folder, once more: %v", err)
	}

	blob := do(h, t, api.OpEncrypt, &api.EncryptRequest{KeyId: id, Plaintext: []byte("plaintext")}).CiphertextBlob
	lost, err := h.start("other", true)
	if err != nil {
		t.Fatalf("lost keys, accepted: %v", err)
	}
	if _, err := h.start("other", false); err != nil {
		t.Fatalf("once accepted: %v", err)
	}
	if _, err := h.start("wrapping", false); !errors.Is(err, errOtherFolder) {
		t.Fatalf("the folder that was given up: %v", err)
	}
	if err := lost.Check(t.Context()); err == nil {
		t.Error("the checker misses no wrapping key")
	}

	// the way back is the same
	if _, err := h.start("wrapping", true); err != nil {
		t.Fatal(err)
	}
	h.open()
	if got := do(h, t, api.OpDecrypt, &api.DecryptRequest{CiphertextBlob: blob}); string(got.Plaintext) != "plaintext" {
		t.Errorf("got %q", got.Plaintext)
	}
}
