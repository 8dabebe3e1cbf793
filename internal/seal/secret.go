package seal

import (
	"crypto/subtle"
	"fmt"
	"io"
	"log/slog"
)

// redacted is all that a Secret ever prints.
const redacted = "[secret]"

// Secret holds bytes that must not reach a log, an error or a document.
// Every way of printing or of encoding it as text gives "[secret]"; only
// Reveal gives the bytes. Secrets are compared with Equal: the slice inside
// makes == a compile-time error. The zero Secret is empty.
//
// The binary encoding (MarshalBinary, which CBOR uses) does carry the bytes,
// because a sealed value must: the store seals what it encodes.
type Secret struct{ bytes []byte }

// NewSecret takes a copy of b.
func NewSecret(b []byte) Secret { return Secret{append([]byte(nil), b...)} }

// Reveal returns the bytes themselves, not a copy: do not change them.
func (s Secret) Reveal() []byte { return s.bytes }

// Equal compares in a time that depends on the lengths only.
func (s Secret) Equal(t Secret) bool {
	return subtle.ConstantTimeCompare(s.bytes, t.bytes) == 1
}

// Empty reports whether there is nothing in the secret.
func (s Secret) Empty() bool { return len(s.bytes) == 0 }

// String returns "[secret]".
func (s Secret) String() string { return redacted }

// GoString returns "[secret]", so that %#v shows nothing either.
func (s Secret) GoString() string { return redacted }

// Format writes "[secret]" for every verb, %x and %d included.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// LogValue is what package log/slog shows.
func (s Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText returns "[secret]".
func (s Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// MarshalJSON returns "[secret]" as a JSON string.
func (s Secret) MarshalJSON() ([]byte, error) { return []byte(`"` + redacted + `"`), nil }

// MarshalBinary returns a copy of the bytes, for values that are sealed.
func (s Secret) MarshalBinary() ([]byte, error) { return append([]byte{}, s.bytes...), nil }

// UnmarshalBinary is the inverse of MarshalBinary.
func (s *Secret) UnmarshalBinary(b []byte) error {
	s.bytes = append([]byte(nil), b...)
	return nil
}
