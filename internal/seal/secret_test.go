package seal

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/fxamacker/cbor/v2"
)

// Every way that Go code commonly turns a value into text.
func TestSecretNeverPrints(t *testing.T) {
	const text = "hunter2hunter2"
	s := NewSecret([]byte(text))
	holder := struct {
		Name  string
		Key   Secret
		Other *Secret
	}{"x", s, &s}
	var shown []string
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t", "%08b"} {
		shown = append(shown, fmt.Sprintf(verb, s), fmt.Sprintf(verb, &s), fmt.Sprintf(verb, []Secret{s}))
		shown = append(shown, fmt.Sprintf(verb, holder), fmt.Sprintf(verb, map[string]Secret{"k": s}))
	}
	asJSON, err1 := json.Marshal(holder)
	asXML, err2 := xml.Marshal(xmlHolder{s})
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("m", "key", s, "holder", holder)
	slog.New(slog.NewJSONHandler(&log, nil)).Info("m", "key", s, "holder", holder)
	shown = append(shown, string(asJSON), string(asXML), log.String(), fmt.Errorf("with %v", s).Error(), s.String(), s.GoString())
	for _, out := range shown {
		for _, leak := range []string{text, fmt.Sprintf("%x", text), fmt.Sprintf("%X", text), fmt.Sprint([]byte(text))} {
			if strings.Contains(out, leak) {
				t.Errorf("leaked in %q", out)
			}
		}
	}
	if string(asJSON) != `{"Name":"x","Key":"[secret]","Other":"[secret]"}` {
		t.Errorf("JSON is %s", asJSON)
	}
}

type xmlHolder struct{ Key Secret }

func TestSecretKeepsItsBytes(t *testing.T) {
	source := []byte("abc")
	s := NewSecret(source)
	source[0] = 'X'
	if string(s.Reveal()) != "abc" {
		t.Errorf("revealed %q", s.Reveal())
	}
	encoded, _ := s.MarshalBinary()
	var back Secret
	if err := back.UnmarshalBinary(encoded); err != nil || !back.Equal(s) {
		t.Errorf("came back as %q, %v", back.Reveal(), err)
	}
	for other, want := range map[string]bool{"abc": true, "abd": false, "ab": false, "": false} {
		if got := s.Equal(NewSecret([]byte(other))); got != want {
			t.Errorf("equal to %q: %v", other, got)
		}
	}
	if !(Secret{}).Empty() || s.Empty() {
		t.Error("only the zero secret is empty")
	}
}

// The store's encoding is CBOR, and what it encodes it seals.
func TestSecretSurvivesCBOR(t *testing.T) {
	type record struct{ Key Secret }
	encoded, err := cbor.Marshal(record{NewSecret([]byte("abc"))})
	if err != nil {
		t.Fatal(err)
	}
	var back record
	if err := cbor.Unmarshal(encoded, &back); err != nil || string(back.Key.Reveal()) != "abc" {
		t.Errorf("came back as %q, %v", back.Key.Reveal(), err)
	}
}
