package audit

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"strings"

	"golang.org/x/mod/sumdb/note"

	"cloister/internal/seal"
)

// originPrefix and the node's id are the origin of its log, and the name of its key.
const originPrefix = "cloister/"

// identity signs checkpoints. Its key follows from the root key, so it exists
// only where that is open; it implements note.Signer.
type identity struct {
	node     string
	key      ed25519.PrivateKey
	verifier note.Verifier
	public   string // the verifier key, as verifier.pub holds it
}

// newIdentity is the identity of a node under the root key.
func newIdentity(node string, keys *seal.Keyring) (*identity, error) {
	key := ed25519.NewKeyFromSeed(keys.Derive("audit-checkpoint", ed25519.SeedSize))
	public, err := note.NewEd25519VerifierKey(originPrefix+node, key.Public().(ed25519.PublicKey))
	if err != nil {
		return nil, fmt.Errorf("audit: key for checkpoints: %w", err)
	}
	verifier, err := note.NewVerifier(public)
	if err != nil {
		return nil, fmt.Errorf("audit: key for checkpoints of node %q: %w", node, err)
	}
	return &identity{node, key, verifier, public}, nil
}

// newNodeID is a random name for a node.
func newNodeID() string {
	var b [8]byte
	rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

func (id *identity) Name() string    { return id.verifier.Name() }
func (id *identity) KeyHash() uint32 { return id.verifier.KeyHash() }
func (id *identity) Sign(msg []byte) ([]byte, error) {
	return ed25519.Sign(id.key, msg), nil
}

// sign makes the signed note of a checkpoint.
func (id *identity) sign(c *checkpoint) ([]byte, error) {
	return note.Sign(&note.Note{Text: c.text()}, id)
}

// nodeOf is the node's id in the name of a verifier.
func nodeOf(v note.Verifier) (string, error) {
	node, ok := strings.CutPrefix(v.Name(), originPrefix)
	if !ok || node == "" {
		return "", fmt.Errorf("%s names %.80q, which is no cloister node", verifierFile, v.Name())
	}
	return node, nil
}
