package kms

import (
	"context"
	"crypto/subtle"
	"encoding/binary"
	"encoding/hex"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"cloister/internal/seal"
)

// A ciphertext of a symmetric key is
//
//	format (1 byte) ‖ kind of id (1) ‖ key id (16) ‖ account (6) ‖ material id (32)
//	‖ tag of these (16) ‖ nonce (24) ‖ ciphertext ‖ tag (16)
//
// The first tag is a MAC under a key of the node: what was not made here, or
// was changed, names no key at all, so that nobody learns about keys by asking
// to decrypt. The rest is XAES-256-GCM under the material, with everything
// before the nonce and the encryption context as additional data.
const (
	formatCiphertext = 1
	namedSize        = 1 + 1 + 16 + 6 + 32
	headSize         = namedSize + headTagSize
	headTagSize      = 16

	plainID = 0
	multiID = 1
)

// head is what a ciphertext says before it is opened.
type head struct {
	account, keyID, version string
	bytes                   []byte
}

const headPurpose = "kms ciphertext"

// appendHead writes the head of a ciphertext of k.
func (s *Service) appendHead(dst []byte, k *keyRow, version string) ([]byte, error) {
	kind, hexID := byte(plainID), strings.ReplaceAll(k.ID, "-", "")
	if after, ok := strings.CutPrefix(k.ID, multiPrefix); ok {
		kind, hexID = multiID, after
	}
	account, err := strconv.ParseUint(k.Account, 10, 48)
	if err != nil {
		return nil, err
	}
	at := len(dst)
	dst = append(dst, formatCiphertext, kind)
	if dst, err = hex.AppendDecode(dst, []byte(hexID)); err != nil {
		return nil, err
	}
	dst = append(dst, binary.BigEndian.AppendUint64(nil, account)[2:]...)
	if dst, err = hex.AppendDecode(dst, []byte(version)); err != nil {
		return nil, err
	}
	tag := s.seals.MAC(headPurpose, dst[at:])
	return append(dst, tag[:headTagSize]...), nil
}

// parseHead reads the head of a ciphertext; false for what no symmetric key of
// this node made.
func (s *Service) parseHead(blob []byte) (h head, ok bool) {
	if len(blob) < headSize+seal.AEADOverhead || blob[0] != formatCiphertext {
		return h, false
	}
	tag := s.seals.MAC(headPurpose, blob[:namedSize])
	if subtle.ConstantTimeCompare(tag[:headTagSize], blob[namedSize:headSize]) != 1 {
		return h, false
	}
	h.bytes = blob[:headSize]
	h.keyID = uuid.UUID(blob[2:18]).String()
	if blob[1] == multiID {
		h.keyID = multiPrefix + hex.EncodeToString(blob[2:18])
	}
	var account [8]byte
	copy(account[2:], blob[18:24])
	h.account = strconv.FormatUint(binary.BigEndian.Uint64(account[:]), 10)
	h.account = strings.Repeat("0", 12-len(h.account)) + h.account
	h.version = hex.EncodeToString(blob[24:namedSize])
	return h, true
}

// encrypt makes a ciphertext under the key's material in use.
func (s *Service) encrypt(ctx context.Context, k *key, plaintext []byte, encryptionContext map[string]string) ([]byte, error) {
	m, err := s.material(ctx, k, k.current())
	if err != nil {
		return nil, unavailable(k, err)
	}
	out := make([]byte, 0, headSize+seal.AEADOverhead+len(plaintext))
	if out, err = s.appendHead(out, k.keyRow, k.current()); err != nil {
		return nil, err
	}
	return m.aead.Seal(out, plaintext, additional(out, encryptionContext)), nil
}

// decrypt opens a ciphertext of k. All that is wrong with it is one error, and
// costs an opening.
func (s *Service) decrypt(ctx context.Context, k *key, h head, blob []byte, encryptionContext map[string]string) ([]byte, error) {
	aead := nothing
	m, err := s.material(ctx, k, h.version)
	switch {
	case err == nil && m.aead != nil:
		aead = m.aead
	case err != nil && !gone(err):
		return nil, unavailable(k, err)
	}
	return s.tryOpening(aead, h.bytes, blob, encryptionContext)
}

// tryOpening is the work that every ciphertext costs, whatever is wrong with it.
func (s *Service) tryOpening(aead *seal.AEAD, head, blob []byte, encryptionContext map[string]string) ([]byte, error) {
	s.openings.Add(1)
	plaintext, err := aead.Open(nil, blob[min(headSize, len(blob)):], additional(head, encryptionContext))
	if err != nil {
		return nil, badCiphertext()
	}
	return plaintext, nil
}

// refuse is badCiphertext for one that names no key, after the work that one
// that names a key costs: its time says nothing of how far a forgery got.
func (s *Service) refuse(from *source) error {
	_, err := s.tryOpening(nothing, from.blob[:min(headSize, len(from.blob))], from.blob, from.context)
	return err
}

// nothing opens nothing that was ever made.
var nothing = seal.NewAEAD(randomBytes(seal.AEADKeySize))

func additional(head []byte, encryptionContext map[string]string) []byte {
	return appendContext(append(make([]byte, 0, 256), head...), encryptionContext)
}
