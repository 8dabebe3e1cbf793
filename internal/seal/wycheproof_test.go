package seal

import (
	"encoding/hex"
	"encoding/json"
	"io/fs"
	"testing"

	"github.com/c2sp/wycheproof"
)

// Project Wycheproof's vectors for the AES-256-GCM that is under XAES-256-GCM.
func TestWycheproofGCM(t *testing.T) {
	text, err := fs.ReadFile(wycheproof.TestVectors, "aes_gcm_test.json")
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		TestGroups []struct {
			IvSize, KeySize, TagSize int
			Tests                    []struct {
				TcID                               int
				Key, Iv, Aad, Msg, Ct, Tag, Result string
			}
		}
	}
	if err := json.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	raw := func(s string) []byte {
		b, err := hex.DecodeString(s)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	checked := map[string]int{}
	for _, g := range doc.TestGroups {
		if g.KeySize != 256 || g.IvSize != 96 || g.TagSize != 128 {
			continue
		}
		for _, v := range g.Tests {
			got, err := mustGCM(raw(v.Key)).Open(nil, raw(v.Iv), raw(v.Ct+v.Tag), raw(v.Aad))
			if taken := err == nil && hex.EncodeToString(got) == v.Msg; taken != (v.Result == "valid") {
				t.Errorf("%d: %s and taken: %v", v.TcID, v.Result, taken)
			}
			checked[v.Result]++
		}
	}
	if checked["valid"] == 0 || checked["invalid"] == 0 {
		t.Errorf("%v vectors: that tests nothing", checked)
	}
}
