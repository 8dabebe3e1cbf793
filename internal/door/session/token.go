package session

import (
	"bytes"
	"compress/flate"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/fxamacker/cbor/v2"

	"cloister/internal/seal"
)

// table binds sealed sessions apart from everything else that is sealed.
const table = "*session"

// maxToken bounds what Token gives and Open looks at, so that a token always
// fits in a header.
const maxToken = 12 << 10

// ErrInvalid is for a token that was not made here for that access key id, or
// was changed since.
var ErrInvalid = errors.New("not a session token of this platform")

// ErrTooLarge is for a session whose token would not fit in a request.
var ErrTooLarge = errors.New("the session's tags and policies are too large for a token")

// Token seals s. Its error is ErrTooLarge.
func Token(keys *seal.Keyring, s *Session) (string, error) {
	packed, err := pack(s)
	if err != nil {
		return "", err
	}
	sealed := keys.Seal(table, []byte(s.AccessKeyID), packed)
	if base64.StdEncoding.EncodedLen(len(sealed)) > maxToken {
		return "", ErrTooLarge
	}
	return base64.StdEncoding.EncodeToString(sealed), nil
}

// Open opens a token that was presented with an access key id. Its error wraps
// ErrInvalid. Whether the session is over is the caller's to check.
func Open(keys *seal.Keyring, accessKeyID, token string) (*Session, error) {
	// The decoder would skip line ends: a token has one form only.
	if len(token) > maxToken || strings.ContainsAny(token, "\r\n") {
		return nil, ErrInvalid
	}
	sealed, err := base64.StdEncoding.Strict().DecodeString(token)
	if err != nil {
		return nil, ErrInvalid
	}
	packed, err := keys.Open(table, []byte(accessKeyID), sealed)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	return unpack(packed)
}

// pack encodes s, compressed: session policies are JSON.
func pack(s *Session) ([]byte, error) {
	var buf bytes.Buffer
	w, err := flate.NewWriter(&buf, flate.BestCompression)
	if err != nil {
		return nil, err
	}
	if err := encoding.NewEncoder(w).Encode(s); err != nil {
		return nil, fmt.Errorf("encode a session: %w", err)
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return buf.Bytes(), nil
}

// unpack is the inverse of pack, for what was sealed by Token only.
func unpack(packed []byte) (*Session, error) {
	plain, err := io.ReadAll(flate.NewReader(bytes.NewReader(packed)))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	s := new(Session)
	if err := cbor.Unmarshal(plain, s); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	return s, nil
}

// PackedSize is how many bytes the parts of s take that its caller chose: what
// AWS counts as the packed size of policies and tags.
func PackedSize(s *Session) (int, error) {
	chosen, err := pack(&Session{Tags: s.Tags, TransitiveTags: s.TransitiveTags, Policy: s.Policy, PolicyARNs: s.PolicyARNs})
	if err != nil {
		return 0, err
	}
	nothing, err := pack(&Session{})
	return max(len(chosen)-len(nothing), 0), err
}

var encoding = func() cbor.EncMode {
	mode, err := cbor.EncOptions{Sort: cbor.SortCoreDeterministic, Time: cbor.TimeUnix}.EncMode()
	if err != nil {
		panic(err) // the options are constants
	}
	return mode
}()
