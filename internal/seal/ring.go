package seal

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// ring is the content of the keyring file:
//
//	format (1 byte) ‖ nonce (24) ‖ ciphertext ‖ tag (16)
//
// under XAES-256-GCM with a subkey of the root key. Its fields are plain bytes
// because they are encoded; it lives only while the file is read or written.
type ring struct {
	Stable      []byte       `json:"stable"`
	Generations []generation `json:"generations"` // oldest first
}

type generation struct {
	ID      uint32    `json:"id"`
	Key     []byte    `json:"key"`
	Created time.Time `json:"created"`
}

const formatRing = 3

var ringAAD = []byte("cloister keyring")

func ringFile(dir string) string            { return filepath.Join(dir, "keyring") }
func provisionalRingFile(dir string) string { return filepath.Join(dir, "keyring.new") }

func newRing() *ring {
	return &ring{
		Stable:      randomKey(),
		Generations: []generation{{ID: 1, Key: randomKey(), Created: time.Now().UTC()}},
	}
}

func (r *ring) seal(root Secret) []byte {
	plaintext, err := json.Marshal(r)
	if err != nil {
		panic(err) // bytes, integers and a time always encode
	}
	out := make([]byte, 1+nonceSize)
	out[0] = formatRing
	_, _ = rand.Read(out[1:]) // never fails
	return ringAEAD(root).seal(out, out[1:], plaintext, ringAAD)
}

func openRing(root Secret, sealed []byte) (*ring, error) {
	const head = 1 + nonceSize
	if len(sealed) < head || sealed[0] != formatRing {
		return nil, ErrTampered
	}
	plaintext, err := ringAEAD(root).open(nil, sealed[1:head], sealed[head:], ringAAD)
	if err != nil {
		return nil, ErrTampered
	}
	r := new(ring)
	if err := json.Unmarshal(plaintext, r); err != nil {
		return nil, fmt.Errorf("decode the keyring: %w", err)
	}
	return r, r.validate()
}

func (r *ring) validate() error {
	if len(r.Stable) != keySize || len(r.Generations) == 0 {
		return errors.New("the keyring lacks keys")
	}
	for _, g := range r.Generations {
		if len(g.Key) != keySize {
			return fmt.Errorf("generation %d of the keyring has no key", g.ID)
		}
	}
	return nil
}

func ringAEAD(root Secret) *xaes { return newXAES(subkey(root.Reveal(), "keyring", keySize)) }

// loadRing reads the keyring that root opens. A change of the root key that was
// cut off left two, of which one belongs to the root key that is there:
// createRoot and Rotate explain the order. The one process that may write the
// directory finishes such a change.
func loadRing(dir string, root Secret, finish bool) (*ring, error) {
	r, err := readRing(ringFile(dir), root)
	if err == nil {
		return r, nil
	}
	provisional, failed := readRing(provisionalRingFile(dir), root)
	switch {
	case failed == nil && finish:
		return provisional, renameDurably(provisionalRingFile(dir), ringFile(dir))
	case failed == nil:
		return provisional, nil
	case !errors.Is(err, fs.ErrNotExist):
		return nil, err
	case !errors.Is(failed, fs.ErrNotExist):
		return nil, failed
	}
	return nil, fmt.Errorf("%s is missing: restore it from a backup, without it nothing that is stored can be read", ringFile(dir))
}

func readRing(path string, root Secret) (*ring, error) {
	sealed, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the keyring: %w", err)
	}
	r, err := openRing(root, sealed)
	if err != nil {
		return nil, fmt.Errorf("%s does not belong to the root key beside it: restore both from the same backup (%w)", path, err)
	}
	return r, nil
}
