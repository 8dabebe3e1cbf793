package seal

import (
	"bytes"
	"errors"
	"testing"
)

// What was sealed opens under the same key and additional data, and nothing
// that differs from it in one bit does.
func TestAEAD(t *testing.T) {
	a := NewAEAD(bytes.Repeat([]byte{7}, AEADKeySize))
	sealed := a.Seal([]byte("head"), []byte("plaintext"), []byte("aad"))
	sealed, head := sealed[4:], sealed[:4]
	if string(head) != "head" || len(sealed) != len("plaintext")+AEADOverhead {
		t.Fatalf("sealed %q %x", head, sealed)
	}
	if got, err := a.Open(nil, sealed, []byte("aad")); err != nil || string(got) != "plaintext" {
		t.Fatalf("opened %q, %v", got, err)
	}
	for i := range len(sealed) * 8 {
		sealed[i/8] ^= 1 << (i % 8)
		if got, err := a.Open(nil, sealed, []byte("aad")); !errors.Is(err, ErrTampered) || got != nil {
			t.Errorf("bit %d: opened %q, %v", i, got, err)
		}
		sealed[i/8] ^= 1 << (i % 8)
	}
	for _, short := range [][]byte{nil, sealed[:AEADOverhead-1]} {
		if _, err := a.Open(nil, short, nil); !errors.Is(err, ErrTampered) {
			t.Errorf("%d bytes: %v", len(short), err)
		}
	}
	if _, err := a.Open(nil, sealed, []byte("add")); !errors.Is(err, ErrTampered) {
		t.Error("opened with other additional data")
	}
	if bytes.Equal(a.Seal(nil, nil, nil), a.Seal(nil, nil, nil)) {
		t.Error("the same text was sealed the same way twice")
	}
}
