package reason

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"cloister/internal/seal"
)

func keyring(t testing.TB) *seal.Keyring {
	t.Helper()
	keys, err := seal.Open(seal.RootOptions{Dir: t.TempDir(), Create: true})
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

var example = Message{
	PrincipalID: "AIDAX", PrincipalName: "alice", PrincipalARN: "arn:aws:iam::123456789012:user/alice",
	Action: "iam:ListUsers", Resource: "arn:aws:iam::123456789012:user/",
	Conditions: map[string][]string{"aws:sourceip": {"192.0.2.1"}, "aws:calledvia": {"a", "b"}},
	Statement: json.RawMessage(`{"Sid":"No","Effect":"Deny","NotAction":"s3:*","Resource":["*"],"Principal":{"AWS":["1","2"]},
		"Condition":{"Bool":{"aws:SecureTransport":false},"StringLike":{"aws:UserAgent":["x*","y"]}}}`),
}

const exampleText = `{"allowed":false,"explicitDeny":true,"matchedStatements":{"items":[{"statementId":"No","effect":"DENY","principals":{"items":[{"value":"1"},{"value":"2"}]},` +
	`"principalGroups":{"items":[]},"actions":{"items":[{"value":"not s3:*"}]},"resources":{"items":[{"value":"*"}]},"conditions":{"items":[` +
	`{"key":"Bool aws:SecureTransport","values":{"items":[{"value":"false"}]}},{"key":"StringLike aws:UserAgent","values":{"items":[{"value":"x*"},{"value":"y"}]}}]}}]},` +
	`"failures":{"items":[]},"context":{"principal":{"id":"AIDAX","name":"alice","arn":"arn:aws:iam::123456789012:user/alice"},"action":"iam:ListUsers",` +
	`"resource":"arn:aws:iam::123456789012:user/","conditions":{"items":[{"key":"aws:calledvia","values":{"items":[{"value":"a"},{"value":"b"}]}},` +
	`{"key":"aws:sourceip","values":{"items":[{"value":"192.0.2.1"}]}}]}}}`

func TestMessage(t *testing.T) {
	keys := keyring(t)
	encoded, err := Encode(keys, "123456789012", example)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(encoded, base64.RawURLEncoding.EncodeToString([]byte("alice"))) {
		t.Error("the message is legible")
	}
	if got, err := Decode(keys, "123456789012", encoded); err != nil || got != exampleText {
		t.Errorf("%v\n%s", err, got)
	}
	implicit := example
	implicit.Statement = nil
	encoded, err = Encode(keys, "123456789012", implicit)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := Decode(keys, "123456789012", encoded); err != nil || !strings.HasPrefix(got, `{"allowed":false,"explicitDeny":false,"matchedStatements":{"items":[]},`) {
		t.Errorf("%v\n%s", err, got)
	}
}

// Only the very message, for the very account, by this root key, opens.
func TestChangedMessageDoesNotOpen(t *testing.T) {
	keys := keyring(t)
	encoded, err := Encode(keys, "123456789012", example)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Decode(keys, "999999999999", encoded); !errors.Is(err, ErrInvalid) {
		t.Errorf("opens for another account: %v", err)
	}
	if _, err := Decode(keyring(t), "123456789012", encoded); !errors.Is(err, ErrInvalid) {
		t.Errorf("opens by another root key: %v", err)
	}
	other := base64.RawURLEncoding.EncodeToString(keys.Seal("*session", []byte("123456789012"), []byte(exampleText)))
	if _, err := Decode(keys, "123456789012", other); !errors.Is(err, ErrInvalid) {
		t.Errorf("what was sealed for something else opens: %v", err)
	}
	rapid.Check(t, func(t *rapid.T) {
		changed := []byte(encoded)
		at := rapid.IntRange(0, len(changed)-1).Draw(t, "at")
		changed[at] ^= byte(rapid.IntRange(1, 255).Draw(t, "xor"))
		if _, err := Decode(keys, "123456789012", string(changed)); !errors.Is(err, ErrInvalid) {
			t.Fatalf("a changed message opens: %v", err)
		}
	})
}

// However much there is to say, a message fits in a header.
func TestMessageIsBounded(t *testing.T) {
	keys := keyring(t)
	m := example
	m.Conditions = map[string][]string{"aws:useragent": {strings.Repeat("x", 5000)}}
	for _, statement := range []string{string(example.Statement), `{"Sid":"` + strings.Repeat("x", 5000) + `"}`} {
		m.Statement = json.RawMessage(statement)
		encoded, err := Encode(keys, "1", m)
		if err != nil || len(encoded) > most {
			t.Errorf("%d characters: %v", len(encoded), err)
		}
		if text, err := Decode(keys, "1", encoded); err != nil || !strings.Contains(text, "iam:ListUsers") {
			t.Errorf("%v %s", err, text)
		}
	}
	m.Resource = strings.Repeat("x", 5000)
	if encoded, err := Encode(keys, "1", m); err == nil {
		t.Errorf("a message of %d characters", len(encoded))
	}
}

func FuzzDecode(f *testing.F) {
	keys := keyring(f)
	encoded, err := Encode(keys, "1", example)
	if err != nil {
		f.Fatal(err)
	}
	f.Add("1", encoded)
	f.Add("", "")
	f.Add("1", "AAAA")
	f.Fuzz(func(t *testing.T, account, text string) {
		if _, err := Decode(keys, account, text); err == nil && (account != "1" || text != encoded) {
			t.Error("opens what was never made")
		}
	})
}
