package store

import (
	"bytes"
	"fmt"

	"cloister/internal/seal"
)

// entries appends the index entries of value v in row p to list. In a unique
// index it makes sure that no other row has them.
func (i *indexDefinition) entries(list [][]byte, tx *Tx, p place, v any) ([][]byte, error) {
	for _, key := range i.keys(v) {
		e, err := i.prefix(tx.db.keys, key)
		if err != nil {
			return nil, err
		}
		if i.unique {
			err = tx.claim(p, e)
		} else {
			e = append(e, p.components...)
		}
		if err != nil {
			return nil, fmt.Errorf("index %s of %s: %w", i.name, p.table, err)
		}
		if !containsBytes(list, e) {
			list = append(list, e)
		}
	}
	return list, nil
}

// prefix begins the entries of all keys that begin with key.
func (i *indexDefinition) prefix(keys *seal.Keyring, key Key) ([]byte, error) {
	return i.key.appendTo(appendEscaped([]byte{codeString}, i.name), keys, key)
}

// claim gives ErrExists when the unique entry is another row's. A row that
// has expired holds nothing any more and is removed.
func (tx *Tx) claim(p place, entry []byte) error {
	holder, err := tx.entry(p.table, p.entryKey(entry))
	if err != nil || holder == nil || bytes.Equal(holder, p.components) {
		return err
	}
	other := place{p.table, holder}
	r, err := tx.row(p.table, other.rowKey())
	if err != nil {
		return err
	}
	if r == nil {
		return fmt.Errorf("%w: entry without a row", ErrCorrupt)
	}
	if !r.expired(tx.now) {
		return ErrExists
	}
	return tx.erase(other, r)
}

// keyOf is the key of value v that made the entry of row p.
func (i *indexDefinition) keyOf(keys *seal.Keyring, p place, v any, entry []byte) (Key, error) {
	for _, key := range i.keys(v) {
		e, err := i.prefix(keys, key)
		if err != nil {
			return nil, err
		}
		if !i.unique {
			e = append(e, p.components...)
		}
		if bytes.Equal(e, entry) {
			return key, nil
		}
	}
	return nil, fmt.Errorf("%w: index %s of %s does not agree with its row; put the rows anew", ErrCorrupt, i.name, p.table)
}
