package seal

import (
	"bytes"
	"errors"
	"testing"

	"pgregory.net/rapid"
)

var (
	anyBytes = rapid.SliceOfN(rapid.Byte(), 0, 300)
	// Short and over few letters, so that moving a letter from the table to
	// the key, which an ambiguous encoding would not notice, is tried often.
	anyName = rapid.StringMatching(`[ab\x00]{0,4}`)
)

func testKeyring() *Keyring { return newKeyring(newRing(), &home{owner: true}) }

func TestSealedValueOpensOnlyWhereItWasSealed(t *testing.T) {
	k := testKeyring()
	rapid.Check(t, func(t *rapid.T) {
		table, key := anyName.Draw(t, "table"), []byte(anyName.Draw(t, "key"))
		plaintext := anyBytes.Draw(t, "plaintext")
		sealed := k.Seal(table, key, plaintext)
		if len(sealed) != len(plaintext)+Overhead {
			t.Fatalf("%d bytes sealed into %d", len(plaintext), len(sealed))
		}
		got, err := k.Open(table, key, sealed)
		if err != nil || !bytes.Equal(got, plaintext) {
			t.Fatalf("opened %x, %v", got, err)
		}
		table2, key2 := anyName.Draw(t, "other table"), []byte(anyName.Draw(t, "other key"))
		same := table == table2 && bytes.Equal(key, key2)
		if _, err := k.Open(table2, key2, sealed); (err == nil) != same {
			t.Fatalf("sealed for %q %q, opened for %q %q: %v", table, key, table2, key2, err)
		}
	})
}

func TestEveryFlippedBitOfAValueIsRefused(t *testing.T) {
	k := testKeyring()
	sealed := k.Seal("t", []byte("k"), []byte("attack at dawn"))
	for bit := range len(sealed) * 8 {
		changed := bytes.Clone(sealed)
		changed[bit/8] ^= 1 << (bit % 8)
		if _, err := k.Open("t", []byte("k"), changed); !errors.Is(err, ErrTampered) {
			t.Errorf("bit %d flipped: %v", bit, err)
		}
	}
	for n := range sealed {
		if _, err := k.Open("t", []byte("k"), sealed[:n]); !errors.Is(err, ErrTampered) {
			t.Errorf("cut to %d bytes: %v", n, err)
		}
	}
	if _, err := k.Open("t", []byte("k"), append(sealed, 0)); !errors.Is(err, ErrTampered) {
		t.Errorf("extended: %v", err)
	}
}

func TestValueOfAnotherKeyringIsRefused(t *testing.T) {
	sealed := testKeyring().Seal("t", []byte("k"), []byte("x"))
	if _, err := testKeyring().Open("t", []byte("k"), sealed); !errors.Is(err, ErrTampered) {
		t.Error(err)
	}
}

func TestSealingTwiceGivesDifferentBytes(t *testing.T) {
	k := testKeyring()
	seen := map[string]bool{}
	for range 1000 {
		nonce := string(k.Seal("t", nil, nil)[prefixSize:headSize])
		if seen[nonce] {
			t.Fatal("a nonce came twice")
		}
		seen[nonce] = true
	}
}

// A keyring that has rolled on seals under the newest generation and opens
// all of them.
func TestAppendSealAppends(t *testing.T) {
	keys := testKeyring()
	for _, before := range [][]byte{nil, []byte("before"), append(make([]byte, 0, 4096), "room"...)} {
		got := keys.AppendSeal(before, "table", []byte("key"), []byte("plain"))
		sealed, ok := bytes.CutPrefix(got, before)
		if plain, err := keys.Open("table", []byte("key"), sealed); !ok || err != nil || string(plain) != "plain" {
			t.Errorf("after %q: %q, %v", before, plain, err)
		}
	}
}

func TestOlderGenerationsStillOpen(t *testing.T) {
	r := newRing()
	before := newKeyring(r, &home{owner: true})
	value := before.Seal("t", []byte("k"), []byte("old"))
	mac, derived := before.MAC("m", []byte("x")), before.Derive("d", 16)

	r.Generations = append(r.Generations, generation{ID: 2, Key: randomKey()})
	after := newKeyring(r, &home{owner: true})
	if got, err := after.Open("t", []byte("k"), value); err != nil || string(got) != "old" {
		t.Errorf("opened %q, %v", got, err)
	}
	if _, err := before.Open("t", []byte("k"), after.Seal("t", []byte("k"), nil)); err == nil {
		t.Error("the new generation is not used for sealing")
	}
	if after.MAC("m", []byte("x")) != mac || !bytes.Equal(after.Derive("d", 16), derived) {
		t.Error("MACs and derived keys must not change: keys of stored records are MACs")
	}
}

func TestMACAndDeriveDependOnPurposeAndRoot(t *testing.T) {
	k := testKeyring()
	if first := k.MAC("a", []byte("x")); first != k.MAC("a", []byte("x")) {
		t.Error("the same data gave two MACs")
	}
	distinct := map[string]bool{}
	for _, ring := range []*Keyring{k, testKeyring()} {
		for _, purpose := range []string{"a", "b", ""} {
			for _, data := range []string{"x", "y", ""} {
				mac := ring.MAC(purpose, []byte(data))
				distinct[string(mac[:])] = true
			}
			distinct[string(ring.Derive(purpose, 32))] = true
		}
	}
	if len(distinct) != 2*3*4 {
		t.Errorf("%d distinct outputs, want 24", len(distinct))
	}
	if got := len(k.Derive("a", 100)); got != 100 {
		t.Errorf("asked for 100 bytes, got %d", got)
	}
}

func FuzzOpen(f *testing.F) {
	k := testKeyring()
	f.Add([]byte{})
	f.Add([]byte{formatValue, 0, 0, 0, 1})
	f.Add(make([]byte, Overhead))
	f.Fuzz(func(t *testing.T, sealed []byte) {
		if got, err := k.Open("t", []byte("k"), sealed); err == nil {
			t.Errorf("forged a value: %x", got)
		}
	})
}

func BenchmarkSeal500(b *testing.B) {
	k, plaintext := testKeyring(), make([]byte, 500)
	b.ReportAllocs()
	for b.Loop() {
		k.Seal("iam/users", []byte("123456789012/alice"), plaintext)
	}
}

func BenchmarkOpen500(b *testing.B) {
	k := testKeyring()
	sealed := k.Seal("iam/users", []byte("123456789012/alice"), make([]byte, 500))
	b.ReportAllocs()
	for b.Loop() {
		_, _ = k.Open("iam/users", []byte("123456789012/alice"), sealed)
	}
}

func BenchmarkMAC(b *testing.B) {
	k, data := testKeyring(), []byte("123456789012/alice")
	b.ReportAllocs()
	for b.Loop() {
		k.MAC("key", data)
	}
}
