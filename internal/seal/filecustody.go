package seal

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
)

// FileCustody keeps the root key in root.json itself, which only its owner may
// read: whoever has that file and the rest of the directory can read all of it.
type FileCustody struct{}

// rootKeyPrefix names what the value is, for people and for secret scanners.
const rootKeyPrefix = "cloister-root-key-1:"

// Name implements [Custody].
func (FileCustody) Name() string { return "file" }

// Make implements [Custody].
func (FileCustody) Make() (Secret, json.RawMessage, error) {
	root := Secret{randomKey()}
	kept, err := json.Marshal(rootKeyPrefix + base64.StdEncoding.EncodeToString(root.Reveal()))
	return root, kept, err
}

// Root implements [Custody].
func (FileCustody) Root(kept json.RawMessage) (Secret, error) {
	var text string
	if err := json.Unmarshal(kept, &text); err != nil {
		return Secret{}, errNoRootKeyInFile
	}
	encoded, ok := strings.CutPrefix(text, rootKeyPrefix)
	key, err := base64.StdEncoding.Strict().DecodeString(encoded)
	if !ok || err != nil || len(key) != keySize {
		return Secret{}, errNoRootKeyInFile
	}
	return Secret{key}, nil
}

var errNoRootKeyInFile = errors.New("root.json does not hold a root key: restore it from a backup")
