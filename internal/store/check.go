package store

import (
	"bytes"
	"context"
	"fmt"
	"strings"
)

// Check reads everything there is in one snapshot and returns the first thing
// that is not as the store wrote it: a row or entry that does not open, a row
// under another key than its own, an index or expiry entry that its row does
// not have, or the other way round. Tests end with it.
func (db *DB) Check(ctx context.Context) error {
	if err := db.engine.Check(ctx); err != nil {
		return fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	return db.View(ctx, func(r Reader) error {
		s := r.snapshot()
		for p, err := range s.scan(everything) {
			if err == nil {
				err = s.check(p)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

func (s *Snapshot) check(p Pair) error {
	switch p.Key[0] {
	case spaceRow:
		return s.checkRow(p)
	case spaceIndex:
		return s.checkEntry(p)
	case spaceExpiry:
		return s.checkExpiry(p)
	case spaceMeta:
		return nil // Open has looked at it
	}
	return fmt.Errorf("%w: key that the store does not make", ErrCorrupt)
}

// checkRow looks from a row to its key and its entries.
func (s *Snapshot) checkRow(e Pair) error {
	p, err := placeOf(e.Key)
	if err != nil {
		return err
	}
	r, err := s.db.openRow(p.table, e.Key, e.Value)
	if err != nil {
		return err
	}
	if err := s.db.checkKey(p, r); err != nil {
		return err
	}
	for _, entry := range r.Entries {
		if err := s.pointsTo(p, p.entryKey(entry)); err != nil {
			return err
		}
	}
	if r.Expires != 0 {
		return s.pointsTo(p, p.expiryKey(r.Expires))
	}
	return nil
}

// checkEntry looks from an index entry to the row that has it.
func (s *Snapshot) checkEntry(e Pair) error {
	p, err := placeOf(e.Key)
	if err != nil {
		return err
	}
	entry := p.components
	if p.components, err = s.db.openEntry(p.table, e.Key, e.Value); err != nil {
		return err
	}
	r, err := s.row(p.table, p.rowKey())
	if err == nil && (r == nil || !containsBytes(r.Entries, entry)) {
		err = fmt.Errorf("%w: %s has an index entry that no row has", ErrCorrupt, p.table)
	}
	return err
}

// checkExpiry looks from an expiry entry to the row that has it.
func (s *Snapshot) checkExpiry(e Pair) error {
	p, err := s.db.openExpiry(e)
	if err != nil {
		return err
	}
	r, err := s.row(p.table, p.rowKey())
	if err == nil && (r == nil || !bytes.Equal(e.Key, p.expiryKey(r.Expires))) {
		err = fmt.Errorf("%w: %s has an expiry entry that no row has", ErrCorrupt, p.table)
	}
	return err
}

func (s *Snapshot) pointsTo(p place, entryKey []byte) error {
	components, err := s.entry(p.table, entryKey)
	if err == nil && !bytes.Equal(components, p.components) {
		err = fmt.Errorf("%w: a row of %s lacks an index or expiry entry", ErrCorrupt, p.table)
	}
	return err
}

// checkKey compares the key inside a row with where the row lies. Which
// components are clear is seen there: a clear one stands for itself, a hash
// must be that of the component inside.
func (db *DB) checkKey(p place, r *row) error {
	key, err := ParseKey(r.Key)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	hashes := tuple{purpose: "store key " + p.table}
	rest := p.components
	for i, c := range key {
		want, _ := appendComponent(nil, c)
		if len(rest) > 0 && rest[0] == codeHash {
			want = hashes.hash(db.keys, i, want)
		}
		if !bytes.HasPrefix(rest, want) {
			return fmt.Errorf("%w: a row of %s lies under another key", ErrCorrupt, p.table)
		}
		rest = rest[len(want):]
	}
	if len(rest) > 0 {
		return fmt.Errorf("%w: a row of %s lies under a longer key", ErrCorrupt, p.table)
	}
	return nil
}

// placeOf splits the engine key of a row or an index entry.
func placeOf(key []byte) (place, error) {
	table, rest, err := parseComponent(append([]byte(nil), key[1:]...))
	name, ok := table.(string)
	if err != nil || !ok || strings.HasPrefix(name, "*") {
		return place{}, fmt.Errorf("%w: key without a table", ErrCorrupt)
	}
	return place{name, rest}, nil
}
