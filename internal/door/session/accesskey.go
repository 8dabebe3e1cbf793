package session

import (
	"crypto/rand"
	"encoding/base32"
	"encoding/base64"

	"cloister/internal/seal"
)

// The prefixes of access key ids
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html).
const (
	LongTermPrefix  = "AKIA"
	TemporaryPrefix = "ASIA"
)

// NewAccessKey makes an access key of AWS's form: an id of the prefix and 16
// letters and digits, and a secret of 40 characters with 240 bits of chance.
func NewAccessKey(prefix string) (id string, secret seal.Secret) {
	b := make([]byte, 10+30)
	_, _ = rand.Read(b) // never fails
	id = prefix + base32.StdEncoding.EncodeToString(b[:10])
	return id, seal.NewSecret([]byte(base64.StdEncoding.EncodeToString(b[10:])))
}
