package seal

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"
)

// home is where a keyring came from.
type home struct {
	mu      sync.Mutex // one rotation at a time, and guards what follows
	dir     string
	custody Custody
	made    time.Time // the root key
	ring    *ring
	owner   bool     // only this process may change the directory
	cut     bool     // a rotation failed after it had begun to change root.json
	read    [32]byte // for a reader: digest of the keyring file when it was last read
}

// Status says what the keys are, and no key.
type Status struct {
	Custody     string
	RootKeyMade time.Time
	Generations []Generation // of data keys, oldest first; the last seals what is new
}

// Generation is one data key. What was sealed under it needs it for good.
type Generation struct {
	ID   uint32
	Made time.Time
}

// Status says what the keys are.
func (k *Keyring) Status() Status {
	k.home.mu.Lock()
	defer k.home.mu.Unlock()
	s := Status{Custody: k.home.custody.Name(), RootKeyMade: k.home.made}
	for _, g := range k.home.ring.Generations {
		s.Generations = append(s.Generations, Generation{g.ID, g.Created})
	}
	return s
}

// Rotate replaces the root key and begins a generation of data keys, while the
// keyring is in use. The new root key is kept by the same custody, or by to
// unless that is nil. From then on the old root key opens nothing that is in
// the directory; older values stay sealed under their generation's key.
//
// Only the process that opened the directory with Create may call it. When it
// fails the keyring in memory is as before, and the directory opens with the
// old root key or the new one, whichever root.json gives.
func (k *Keyring) Rotate(to Custody) error {
	h := k.home
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.cut {
		return errors.New("the last rotation was cut off: start the node again, which finishes it, and then rotate")
	}
	if to == nil {
		to = h.custody
	}
	next, err := h.ring.next()
	if err != nil {
		return err
	}
	root, doc, err := makeRoot(to)
	if err != nil {
		return err
	}
	// As in createRoot: whichever of the two root keys a crash leaves, one of
	// the two keyrings belongs to it.
	if err := writeDurably(provisionalRingFile(h.dir), next.seal(root)); err != nil {
		return err
	}
	h.cut = true
	if err := doc.write(h.dir); err != nil {
		return err
	}
	if err := renameDurably(provisionalRingFile(h.dir), ringFile(h.dir)); err != nil {
		return err
	}
	h.cut = false
	h.custody, h.made, h.ring = to, doc.Made, next
	k.data.Store(newDataKeys(next))
	return nil
}

// maxGenerations bounds the keyring. A rotation every day comes here in 27 years.
const maxGenerations = 10_000

// next is the ring with one more generation.
func (r *ring) next() (*ring, error) {
	if len(r.Generations) >= maxGenerations {
		return nil, fmt.Errorf("the keyring has %d generations, which is its limit: what is sealed stays readable, and only a new node begins again", maxGenerations)
	}
	next := &ring{Stable: r.Stable, Generations: append([]generation(nil), r.Generations...)}
	last := r.Generations[len(r.Generations)-1]
	next.Generations = append(next.Generations, generation{ID: last.ID + 1, Key: randomKey(), Created: time.Now().UTC()})
	return next, nil
}

// generation is the data key of a generation.
func (k *Keyring) generation(id uint32) (*dataKey, bool) {
	key, ok := k.data.Load().byID[id]
	if !ok && k.readAgain() {
		key, ok = k.data.Load().byID[id]
	}
	return key, ok
}

// readAgain follows a rotation by the process that owns the directory. It says
// whether there was one; a keyring that cannot be read is as if there was none.
func (k *Keyring) readAgain() bool {
	h := k.home
	if h.owner {
		return false
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	now := digestOf(ringFile(h.dir))
	if now == h.read {
		return false
	}
	h.read = now
	root, made, err := loadRoot(h.dir, h.custody)
	if err != nil {
		return false
	}
	r, err := loadRing(h.dir, root, false)
	if err != nil {
		return false
	}
	h.made, h.ring = made.Made, r
	k.data.Store(newDataKeys(r))
	return true
}

// digestOf tells one keyring from another. Times do not: two rotations can come
// within one tick of the clock.
func digestOf(path string) [32]byte {
	content, _ := os.ReadFile(path) // one that cannot be read is like an empty one
	return sha256.Sum256(content)
}
