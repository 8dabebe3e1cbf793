package seal

import (
	"bytes"
	"crypto/sha3"
	"encoding/hex"
	"io"
	"os"
	"testing"
)

// The vectors of https://c2sp.org/XAES-256-GCM: MSB(L) is 0, then 1.
func TestXAESVectors(t *testing.T) {
	for _, v := range []struct {
		keyByte byte
		aad     string
		want    string
	}{
		{0x01, "", "ce546ef63c9cc60765923609b33a9a1974e96e52daf2fcf7075e2271"},
		{0x03, "c2sp.org/XAES-256-GCM", "986ec1832593df5443a179437fd083bf3fdb41abd740a21f71eb769d"},
	} {
		x := newXAES(bytes.Repeat([]byte{v.keyByte}, keySize))
		nonce := []byte("ABCDEFGHIJKLMNOPQRSTUVWX")
		got := x.seal(nil, nonce, []byte("XAES-256-GCM"), []byte(v.aad))
		if hex.EncodeToString(got) != v.want {
			t.Errorf("key %02x…: sealed %x, the specification says %s", v.keyByte, got, v.want)
		}
		if back, err := x.open(nil, nonce, got, []byte(v.aad)); err != nil || string(back) != "XAES-256-GCM" {
			t.Errorf("key %02x…: opened %q, %v", v.keyByte, back, err)
		}
	}
}

// The specification's accumulated test: random inputs from one SHAKE-128
// stream, all ciphertexts hashed by another.
func TestXAESAccumulated(t *testing.T) {
	iterations, want := 10_000, "e6b9edf2df6cec60c8cbd864e2211b597fb69a529160cd040d56c0c210081939"
	if os.Getenv("CLOISTER_LONG") != "" {
		iterations, want = 1_000_000, "2163ae1445985a30b60585ee67daa55674df06901b890593e824b8a7c885ab15"
	}
	source, sum := sha3.NewSHAKE128(), sha3.NewSHAKE128()
	for range iterations {
		key, nonce := take(source, keySize), take(source, nonceSize)
		plaintext := take(source, int(take(source, 1)[0]))
		aad := take(source, int(take(source, 1)[0]))
		_, _ = sum.Write(newXAES(key).seal(nil, nonce, plaintext, aad))
	}
	if got := hex.EncodeToString(take(sum, 32)); got != want {
		t.Errorf("%d iterations hash to %s, the specification says %s", iterations, got, want)
	}
}

func take(r io.Reader, n int) []byte {
	b := make([]byte, n)
	_, _ = io.ReadFull(r, b)
	return b
}
