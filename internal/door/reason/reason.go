// Package reason makes and opens the encoded authorisation messages that callers
// whom policies denied something get, and that only those may read who may call
// sts:DecodeAuthorizationMessage.
//
// A message is sealed and bound to the account whose caller was denied: nobody
// makes or changes one without the root key, and it opens for that account only.
// It says what AWS's say: who wanted what, the condition keys, and the statement
// that denied
// (https://docs.aws.amazon.com/STS/latest/APIReference/API_DecodeAuthorizationMessage.html).
package reason

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"
	"slices"

	"cloister/internal/seal"
)

// table binds sealed messages apart from everything else that is sealed.
const table = "*denial"

// most bounds an encoded message, so that it fits in a header that every client
// takes.
const most = 4096

// ErrInvalid is for what is no message of this platform for that account.
var ErrInvalid = errors.New("not an authorization message of this account")

// Message is a denial.
type Message struct {
	PrincipalID, PrincipalName, PrincipalARN string
	Action, Resource                         string
	Conditions                               map[string][]string
	Statement                                json.RawMessage // that denied, as its policy has it; nil if none did
}

// Encode seals a message for an account. If it is too long it leaves the values
// of the condition keys out and, if that is not enough, the statement.
func Encode(keys *seal.Keyring, account string, m Message) (string, error) {
	for _, shorten := range []func(){func() {}, func() { m.Conditions = nil }, func() { m.Statement = nil }} {
		shorten()
		text, err := json.Marshal(document(&m))
		if err != nil {
			return "", err
		}
		encoded := base64.RawURLEncoding.EncodeToString(keys.Seal(table, []byte(account), text))
		if len(encoded) <= most {
			return encoded, nil
		}
	}
	return "", errors.New("the names in a denial are too long for a message")
}

// Decode gives the JSON of a message that Encode made for the account. Its error
// is ErrInvalid.
func Decode(keys *seal.Keyring, account, encoded string) (string, error) {
	sealed, err := base64.RawURLEncoding.Strict().DecodeString(encoded)
	if err != nil || base64.RawURLEncoding.EncodeToString(sealed) != encoded {
		return "", ErrInvalid
	}
	text, err := keys.Open(table, []byte(account), sealed)
	if err != nil {
		return "", ErrInvalid
	}
	return string(text), nil
}

// list is how these documents write lists.
type list[T any] struct {
	Items []T `json:"items"`
}

func listOf[T any](items []T) list[T] {
	if items == nil {
		items = []T{}
	}
	return list[T]{items}
}

type value struct {
	Value string `json:"value"`
}

type condition struct {
	Key    string      `json:"key"`
	Values list[value] `json:"values"`
}

type decoded struct {
	Allowed           bool            `json:"allowed"`
	ExplicitDeny      bool            `json:"explicitDeny"`
	MatchedStatements list[statement] `json:"matchedStatements"`
	Failures          list[struct{}]  `json:"failures"`
	Context           struct {
		Principal struct {
			ID   string `json:"id"`
			Name string `json:"name,omitempty"`
			ARN  string `json:"arn"`
		} `json:"principal"`
		Action     string          `json:"action"`
		Resource   string          `json:"resource"`
		Conditions list[condition] `json:"conditions"`
	} `json:"context"`
}

func document(m *Message) *decoded {
	d := &decoded{ExplicitDeny: m.Statement != nil, MatchedStatements: listOf(matched(m.Statement)), Failures: listOf[struct{}](nil)}
	d.Context.Principal.ID, d.Context.Principal.Name, d.Context.Principal.ARN = m.PrincipalID, m.PrincipalName, m.PrincipalARN
	d.Context.Action, d.Context.Resource = m.Action, m.Resource
	d.Context.Conditions = listOf(conditions(m.Conditions))
	return d
}

func conditions(of map[string][]string) (all []condition) {
	for _, key := range slices.Sorted(maps.Keys(of)) {
		all = append(all, condition{key, listOf(values(of[key]))})
	}
	return all
}

func values(texts []string) (all []value) {
	for _, text := range texts {
		all = append(all, value{text})
	}
	return all
}
