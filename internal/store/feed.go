package store

import (
	"fmt"
	"reflect"
	"sync"
)

var typeOfAnyMap = reflect.TypeFor[map[string]any]()

// Change tells a subscriber of one row that a transaction put or deleted.
type Change struct {
	Table   string
	Key     Key
	Seq     uint64 // the transaction's number: unique, the same for all its changes
	Deleted bool
}

// change is a Change as the feed carries it.
type change struct {
	_       struct{} `cbor:",toarray"`
	Table   string
	Key     []byte
	Deleted bool
}

// feedTable is what events are sealed for. No table has this name: Define
// refuses it.
const feedTable = "*feed"

// subscribers are called for changes, by table.
type subscribers struct {
	mu sync.RWMutex
	by map[string][]func(Change)
}

func (s *subscribers) add(table string, fn func(Change)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.by == nil {
		s.by = map[string][]func(Change){}
	}
	s.by[table] = append(s.by[table], fn)
}

func (s *subscribers) of(table string) []func(Change) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.by[table]
}

// emit makes the transaction's changes its event.
func (tx *Tx) emit() error {
	if len(tx.changes) == 0 {
		return nil
	}
	plain, err := encoding.Marshal(tx.changes)
	if err != nil {
		return fmt.Errorf("encoding the change feed: %w", err)
	}
	return tx.engine.Emit(tx.db.keys.Seal(feedTable, nil, plain))
}

// deliver calls the subscribers of all changes in an event. An event that
// does not open is an error for good: what it would have revoked is unknown.
func (db *DB) deliver(e Event) error {
	plain, err := db.keys.Open(feedTable, nil, e.Payload)
	if err != nil {
		return fmt.Errorf("%w: change feed: %w", ErrCorrupt, err)
	}
	var changes []change
	if err := decoding.Unmarshal(plain, &changes); err != nil {
		return fmt.Errorf("%w: change feed: %w", ErrCorrupt, err)
	}
	for _, c := range changes {
		if err := db.tell(c, e.Seq); err != nil {
			return err
		}
	}
	return nil
}

func (db *DB) tell(c change, seq uint64) error {
	told := db.subscribers.of(c.Table)
	if len(told) == 0 {
		return nil
	}
	key, err := ParseKey(c.Key)
	if err != nil {
		return fmt.Errorf("%w: change feed: %w", ErrCorrupt, err)
	}
	for _, fn := range told {
		fn(Change{Table: c.Table, Key: key, Seq: seq, Deleted: c.Deleted})
	}
	return nil
}
