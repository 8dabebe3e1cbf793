package audit

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"golang.org/x/mod/sumdb/tlog"
	"pgregory.net/rapid"
)

func TestEntriesComeBackAsTheyWereWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		records := rapid.SliceOf(rapid.SliceOfN(rapid.Byte(), 1, 300)).Draw(t, "records")
		var file []byte
		for i, sealed := range records {
			file = appendEntry(file, int64(i), tlog.RecordHash(sealed), sealed)
		}
		r, e := bytes.NewReader(file), rawEntry{}
		for i, sealed := range records {
			must0(t, readEntry(r, &e))
			if !e.fits(int64(i)) || !bytes.Equal(e.sealed, sealed) {
				t.Fatalf("entry %d came back as %+v", i, e)
			}
		}
		if err := readEntry(r, &e); err != io.EOF {
			t.Fatalf("after the last entry: %v", err)
		}
	})
}

func TestACutEntryIsTorn(t *testing.T) {
	whole := appendEntry(nil, 7, tlog.RecordHash([]byte("sealed")), []byte("sealed"))
	for n := 1; n < len(whole); n++ {
		var e rawEntry
		if err := readEntry(bytes.NewReader(whole[:n]), &e); !errors.Is(err, errShort) {
			t.Errorf("%d of %d bytes: %v", n, len(whole), err)
		}
	}
}

func FuzzReadEntry(f *testing.F) {
	f.Add(appendEntry(nil, 7, tlog.RecordHash([]byte("sealed")), []byte("sealed")))
	f.Add(bytes.Repeat([]byte{0xff}, entryHeader))
	f.Add(make([]byte, 100))
	f.Fuzz(func(t *testing.T, file []byte) {
		var e rawEntry
		r := bytes.NewReader(file)
		if readEntry(r, &e) != nil {
			return
		}
		used := file[:len(file)-r.Len()]
		if again := appendEntry(nil, e.index, e.leaf, e.sealed); !bytes.Equal(again, used) {
			t.Fatalf("%x was read as an entry that is written %x", used, again)
		}
	})
}
