package audit

import (
	"reflect"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/tlog"
	"pgregory.net/rapid"
)

func testIdentity(t tester) *identity {
	return must1(newIdentity("0123456789abcdef", testKeys()))(t)
}

func drawCheckpoint(t *rapid.T) *checkpoint {
	var f frontier
	for i := range rapid.IntRange(0, 70).Draw(t, "size") {
		f.add(tlog.RecordHash([]byte{byte(i)}), nil)
	}
	c := &checkpoint{origin: "cloister/0123456789abcdef", size: f.size, root: f.root()}
	if rapid.Bool().Draw(t, "local") {
		c.local = &resume{frontier: f, at: position{
			segment: rapid.Int64Range(0, f.size).Draw(t, "segment"),
			offset:  rapid.Int64Range(0, 1<<40).Draw(t, "offset"),
		}}
	}
	return c
}

func TestCheckpointsComeBackAsTheyWereSigned(t *testing.T) {
	id := testIdentity(t)
	rapid.Check(t, func(t *rapid.T) {
		c := drawCheckpoint(t)
		signed := must1(id.sign(c))(t)
		got := must1(openCheckpoint(signed, id.verifier))(t)
		if !reflect.DeepEqual(got, c) {
			t.Fatalf("signed %+v, opened %+v", c, got)
		}
	})
}

func TestAChangedCheckpointDoesNotOpen(t *testing.T) {
	id := testIdentity(t)
	rapid.Check(t, func(t *rapid.T) {
		signed := must1(id.sign(drawCheckpoint(t)))(t)
		text := len(signed) - 100 // the signature's base64 has bits that mean nothing
		signed[rapid.IntRange(0, text).Draw(t, "byte")] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
		if c, err := openCheckpoint(signed, id.verifier); err == nil {
			t.Fatalf("opened as %+v", c)
		}
	})
}

func TestCheckpointsAreStrict(t *testing.T) {
	hash := encodeHash(tlog.RecordHash([]byte("x")))
	for text, want := range map[string]string{
		"":                                         "three lines",
		"o\n1\n":                                   "three lines",
		"\n1\n" + hash + "\n":                      "three lines",
		"o\n-1\n" + hash + "\n":                    "size",
		"o\n01\n" + hash + "\n":                    "size",
		"o\n99999999999999999999\n" + hash:         "size",
		"o\n1\nAAAA\n":                             "root hash",
		"o\n1\n" + hash + "\nat 0\n":               "offset",
		"o\n1\n" + hash + "\nat x 0\n":             "segment",
		"o\n1\n" + hash + "\nat 0 9\n":             "edge",
		"o\n1\n" + hash + "\nat 2 9\nedge " + hash: "edge",
		"o\n1\n" + hash + "\nat 0 9\nedge x\n":     "edge",
	} {
		if _, err := parseCheckpoint(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q gives %v, and should speak of %q", text, err, want)
		}
	}
	if c, err := parseCheckpoint("o\n1\n" + hash + "\nanother's extension\n"); err != nil || c.local != nil {
		t.Errorf("an unknown extension line: %+v, %v", c, err)
	}
}

func FuzzParseCheckpoint(f *testing.F) {
	hash := encodeHash(tlog.RecordHash([]byte("x")))
	f.Add("cloister/n\n1\n" + hash + "\n")
	f.Add("cloister/n\n1\n" + hash + "\nat 0 90\nedge " + hash + "\n")
	f.Add("cloister/n\n0\n" + hash + "\nat 0 0\nx\n")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := parseCheckpoint(text)
		if err != nil {
			return
		}
		again, err := parseCheckpoint(c.text())
		if err != nil || !reflect.DeepEqual(again, c) {
			t.Fatalf("%+v is written as %q, which reads as %+v, %v", c, c.text(), again, err)
		}
	})
}

func FuzzOpenCheckpoint(f *testing.F) {
	id := testIdentity(f)
	signed := must1(id.sign(&checkpoint{origin: id.Name()}))(f)
	f.Add(signed)
	f.Add([]byte(id.Name() + "\n0\n\n\n— x AAAAAAA=\n"))
	f.Fuzz(func(t *testing.T, note []byte) {
		if c, err := openCheckpoint(note, id.verifier); err == nil && c.size != 0 {
			t.Fatalf("a checkpoint that was never signed: %+v", c)
		}
	})
}
