package node

import "cloister/internal/seal"

// MoveRootKey gives a stopped node a new root key, in another custody. When it
// fails the directory opens with the custody it had, or with the new one: then
// the error came after the change was made.
func MoveRootKey(dir string, from, to seal.Custody) (seal.Status, error) {
	if _, err := ReadRootCredential(dir); err != nil {
		return seal.Status{}, err
	}
	lock, err := lockDir(dir)
	if err != nil {
		return seal.Status{}, err
	}
	defer func() { _ = lock.Close() }()
	keys, err := seal.Open(seal.RootOptions{Dir: dir, Custody: from, Create: true})
	if err != nil {
		return seal.Status{}, err
	}
	err = keys.Rotate(to)
	return keys.Status(), err
}
