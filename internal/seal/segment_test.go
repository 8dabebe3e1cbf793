package seal

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"testing/iotest"

	"pgregory.net/rapid"
)

// Lengths around the edges of segments, and any other.
var blobLength = rapid.OneOf(
	rapid.IntRange(0, 300),
	rapid.Custom(func(t *rapid.T) int {
		return max(0, rapid.IntRange(0, 4).Draw(t, "segments")*segmentSize+rapid.IntRange(-2, 2).Draw(t, "off"))
	}),
)

func pattern(n int) []byte {
	p := make([]byte, n)
	for i := range p {
		p[i] = byte(i ^ i>>8 ^ i>>16)
	}
	return p
}

func sealBlob(t testing.TB, k *Keyring, plaintext, context []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w := k.NewSegmentWriter(&out, context)
	if _, err := w.Write(plaintext); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// openBlob reads all of a blob; ErrTampered may come at any point.
func openBlob(k *Keyring, sealed, context []byte) ([]byte, error) {
	r, err := k.NewSegmentReader(bytes.NewReader(sealed), int64(len(sealed)), context)
	if err != nil {
		return nil, err
	}
	return io.ReadAll(r)
}

func TestSegmentsRoundTripInAnyPieces(t *testing.T) {
	k := testKeyring()
	rapid.Check(t, func(t *rapid.T) {
		plaintext := pattern(blobLength.Draw(t, "length"))
		var out bytes.Buffer
		w := k.NewSegmentWriter(&out, []byte("ctx"))
		for rest := plaintext; len(rest) > 0; {
			n := rapid.IntRange(0, 3*segmentSize).Draw(t, "write")
			n = min(max(n, 1), len(rest))
			if m, err := w.Write(rest[:n]); m != n || err != nil {
				t.Fatalf("wrote %d of %d: %v", m, n, err)
			}
			rest = rest[n:]
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		got, err := openBlob(k, out.Bytes(), []byte("ctx"))
		if err != nil || !bytes.Equal(got, plaintext) {
			t.Fatalf("%d bytes came back as %d: %v", len(plaintext), len(got), err)
		}
	})
}

func TestRangesOfABlob(t *testing.T) {
	k := testKeyring()
	plaintext := pattern(2*segmentSize + 1000)
	sealed := sealBlob(t, k, plaintext, nil)
	r, err := k.NewSegmentReader(bytes.NewReader(sealed), int64(len(sealed)), nil)
	if err != nil || r.Size() != int64(len(plaintext)) {
		t.Fatalf("size %d, %v", r.Size(), err)
	}
	rapid.Check(t, func(t *rapid.T) {
		from := rapid.IntRange(0, len(plaintext)).Draw(t, "from")
		p := make([]byte, rapid.IntRange(0, len(plaintext)+10-from).Draw(t, "length"))
		n, err := r.ReadAt(p, int64(from))
		want := plaintext[from:min(from+len(p), len(plaintext))]
		if !bytes.Equal(p[:n], want) || (err == nil) != (n == len(p)) || (err != nil && err != io.EOF) {
			t.Fatalf("read %d bytes at %d: %d, %v", len(p), from, n, err)
		}
	})
}

func TestSegmentReaderIsAReader(t *testing.T) {
	k := testKeyring()
	plaintext := pattern(segmentSize + 77)
	sealed := sealBlob(t, k, plaintext, nil)
	r, err := k.NewSegmentReader(bytes.NewReader(sealed), int64(len(sealed)), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := iotest.TestReader(r, plaintext); err != nil {
		t.Error(err)
	}
}

func TestEveryFlippedByteOfABlobIsRefused(t *testing.T) {
	k := testKeyring()
	for _, length := range []int{0, 50} {
		sealed := sealBlob(t, k, pattern(length), []byte("c"))
		for bit := range len(sealed) * 8 {
			changed := bytes.Clone(sealed)
			changed[bit/8] ^= 1 << (bit % 8)
			if _, err := openBlob(k, changed, []byte("c")); !errors.Is(err, ErrTampered) {
				t.Errorf("length %d, bit %d flipped: %v", length, bit, err)
			}
		}
	}
}

func TestRearrangedBlobsAreRefused(t *testing.T) {
	k := testKeyring()
	sealed := sealBlob(t, k, pattern(3*segmentSize), nil)
	twin := sealBlob(t, k, pattern(3*segmentSize), nil)
	segment := func(b []byte, i int) []byte {
		return b[segmentHeadSize+i*sealedSegmentSize:][:sealedSegmentSize]
	}
	join := func(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
	header := sealed[:segmentHeadSize]
	for name, blob := range map[string][]byte{
		"cut at a segment":         join(header, segment(sealed, 0), segment(sealed, 1)),
		"cut inside a segment":     sealed[:len(sealed)-100],
		"last segment taken away":  join(header, segment(sealed, 0)),
		"only the header":          header,
		"swapped":                  join(header, segment(sealed, 1), segment(sealed, 0), segment(sealed, 2)),
		"repeated":                 join(header, segment(sealed, 0), segment(sealed, 0), segment(sealed, 2)),
		"the end moved forward":    join(header, segment(sealed, 0), segment(sealed, 2)),
		"a segment after the end":  join(sealed, segment(sealed, 2)),
		"a byte after the end":     join(sealed, []byte{0}),
		"an empty tag at the end":  join(sealed, make([]byte, tagSize)),
		"a twin's segment":         join(header, segment(twin, 0), segment(sealed, 1), segment(sealed, 2)),
		"a twin's header":          join(twin[:segmentHeadSize], sealed[segmentHeadSize:]),
		"nothing":                  nil,
		"the first segment is not": join(header, segment(sealed, 1), segment(sealed, 2)),
	} {
		if _, err := openBlob(k, blob, nil); !errors.Is(err, ErrTampered) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestBlobOpensUnderItsContextOnly(t *testing.T) {
	k := testKeyring()
	sealed := sealBlob(t, k, []byte("x"), []byte("a"))
	for _, context := range []string{"", "b", "aa", "a\x00"} {
		if _, err := openBlob(k, sealed, []byte(context)); !errors.Is(err, ErrTampered) {
			t.Errorf("context %q: %v", context, err)
		}
	}
	if _, err := openBlob(testKeyring(), sealed, []byte("a")); !errors.Is(err, ErrTampered) {
		t.Errorf("another keyring: %v", err)
	}
}

func TestBlobWithoutCloseDoesNotOpen(t *testing.T) {
	k := testKeyring()
	var out bytes.Buffer
	w := k.NewSegmentWriter(&out, nil)
	if _, err := w.Write(pattern(2*segmentSize + 1)); err != nil {
		t.Fatal(err)
	}
	if _, err := openBlob(k, out.Bytes(), nil); !errors.Is(err, ErrTampered) {
		t.Error(err)
	}
}

func TestSegmentWriterStopsAtItsFirstError(t *testing.T) {
	broken := errors.New("disk full")
	w := testKeyring().NewSegmentWriter(failing{broken}, nil)
	if _, err := w.Write(pattern(2 * segmentSize)); !errors.Is(err, broken) {
		t.Errorf("write: %v", err)
	}
	if err := w.Close(); !errors.Is(err, broken) {
		t.Errorf("close: %v", err)
	}
	w = testKeyring().NewSegmentWriter(io.Discard, nil)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte("x")); err == nil {
		t.Error("a write after close was taken")
	}
}

type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }

// An error of the storage is not called tampering.
func TestStorageErrorsPassThrough(t *testing.T) {
	k := testKeyring()
	sealed := sealBlob(t, k, []byte("x"), nil)
	broken := errors.New("bad sector")
	_, err := k.NewSegmentReader(failingAt{broken}, int64(len(sealed)), nil)
	if !errors.Is(err, broken) || errors.Is(err, ErrTampered) {
		t.Error(err)
	}
}

type failingAt struct{ err error }

func (f failingAt) ReadAt([]byte, int64) (int, error) { return 0, f.err }

func FuzzSegmentReader(f *testing.F) {
	k := testKeyring()
	f.Add([]byte{})
	f.Add(append([]byte{formatSegments, 0, 0, 0, 1}, make([]byte, saltSize+tagSize)...))
	f.Add(make([]byte, segmentHeadSize+sealedSegmentSize+tagSize))
	f.Fuzz(func(t *testing.T, sealed []byte) {
		if got, err := openBlob(k, sealed, nil); err == nil {
			t.Errorf("forged a blob: %x", got)
		}
	})
}

func BenchmarkSegments1MiB(b *testing.B) {
	k, plaintext := testKeyring(), pattern(1<<20)
	b.SetBytes(1 << 20)
	for b.Loop() {
		sealed := sealBlob(b, k, plaintext, nil)
		if _, err := openBlob(k, sealed, nil); err != nil {
			b.Fatal(err)
		}
	}
}
