package store

import (
	"slices"
	"time"
)

// Tx is a transaction: a [Reader] that sees its own changes, and the way to
// make them.
type Tx struct {
	*Snapshot
	engine   EngineTx
	changes  []change
	at       map[string]int // in changes, by table and key
	deferred []func()
}

// Defer has fn run in this process once the transaction has committed and
// subscribers have seen it, before Update returns. Nothing runs when it does
// not commit, or when the process ends first: what must happen is in a row.
func (tx *Tx) Defer(fn func()) { tx.deferred = append(tx.deferred, fn) }

// place is where a row and all that belongs to it lies.
type place struct {
	table      string
	components []byte // of the row's key, as the engine has them
}

func (p place) rowKey() []byte {
	return join(spacePrefix(spaceRow, p.table), p.components)
}

func (p place) entryKey(entry []byte) []byte {
	return join(spacePrefix(spaceIndex, p.table), entry)
}

func (p place) expiryKey(micros int64) []byte {
	key, _ := appendComponent([]byte{spaceExpiry}, time.UnixMicro(micros))
	key, _ = appendComponent(key, p.table)
	return append(key, p.components...)
}

// write puts r in place of old, which may be nil, and of its index entries.
func (tx *Tx) write(p place, old, r *row) error {
	if old == nil {
		old = new(row)
	}
	if err := tx.moveEntries(p, old.Entries, r.Entries); err != nil {
		return err
	}
	if err := tx.moveExpiry(p, old.Expires, r.Expires); err != nil {
		return err
	}
	key := p.rowKey()
	sealed, err := tx.db.sealRow(p.table, key, r)
	if err != nil {
		return err
	}
	tx.changed(p.table, r.Key, false)
	return tx.engine.Set(key, sealed)
}

// erase removes the row and all that points to it.
func (tx *Tx) erase(p place, old *row) error {
	if err := tx.moveEntries(p, old.Entries, nil); err != nil {
		return err
	}
	if err := tx.moveExpiry(p, old.Expires, 0); err != nil {
		return err
	}
	tx.changed(p.table, old.Key, true)
	return tx.engine.Delete(p.rowKey())
}

func (tx *Tx) moveEntries(p place, old, now [][]byte) error {
	for _, e := range old {
		if !containsBytes(now, e) {
			if err := tx.engine.Delete(p.entryKey(e)); err != nil {
				return err
			}
		}
	}
	for _, e := range now {
		if !containsBytes(old, e) {
			if err := tx.point(p, p.entryKey(e)); err != nil {
				return err
			}
		}
	}
	return nil
}

func (tx *Tx) moveExpiry(p place, old, now int64) error {
	if old == now {
		return nil
	}
	if old != 0 {
		if err := tx.engine.Delete(p.expiryKey(old)); err != nil {
			return err
		}
	}
	if now == 0 {
		return nil
	}
	return tx.point(p, p.expiryKey(now))
}

// point stores an entry that points to the row.
func (tx *Tx) point(p place, key []byte) error {
	return tx.engine.Set(key, tx.db.keys.Seal(p.table, key, p.components))
}

// changed notes a change for the feed, the last one for each row.
func (tx *Tx) changed(table string, key []byte, deleted bool) {
	c := change{Table: table, Key: key, Deleted: deleted}
	id := table + "\x00" + string(key)
	if i, ok := tx.at[id]; ok {
		tx.changes[i] = c
		return
	}
	if tx.at == nil {
		tx.at = map[string]int{}
	}
	tx.at[id] = len(tx.changes)
	tx.changes = append(tx.changes, c)
}

func containsBytes(list [][]byte, b []byte) bool {
	return slices.ContainsFunc(list, func(e []byte) bool { return string(e) == string(b) })
}
