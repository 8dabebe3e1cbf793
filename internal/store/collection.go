package store

import (
	"fmt"

	"cloister/internal/seal"
)

// Collection is a table of rows of type T, declared with [Define]. It holds
// no data and is safe for concurrent use, also with several stores.
type Collection[T any] struct{ *definition }

// Table is the table's name, for [DB.Subscribe].
func (c *Collection[T]) Table() string { return c.table }

// Get returns the row at key, or [ErrNotFound].
func (c *Collection[T]) Get(r Reader, key Key) (*T, error) {
	s := r.snapshot()
	p, err := c.place(s.db.keys, key)
	if err != nil {
		return nil, err
	}
	found, err := s.row(c.table, p.rowKey())
	if err != nil {
		return nil, err
	}
	if found == nil || found.expired(s.now) {
		return nil, fmt.Errorf("%s: %w", c.table, ErrNotFound)
	}
	return c.value(found)
}

// Put stores v at key, in place of what is there.
func (c *Collection[T]) Put(tx *Tx, key Key, v *T) error {
	_, err := c.put(tx, key, v, false)
	return err
}

// Insert stores v at key, or gives [ErrExists] when there is a row.
func (c *Collection[T]) Insert(tx *Tx, key Key, v *T) error {
	existed, err := c.put(tx, key, v, true)
	if err == nil && existed {
		return fmt.Errorf("%s: %w", c.table, ErrExists)
	}
	return err
}

// Delete removes the row at key, or gives [ErrNotFound].
func (c *Collection[T]) Delete(tx *Tx, key Key) error {
	p, err := c.place(tx.db.keys, key)
	if err != nil {
		return err
	}
	old, err := tx.row(c.table, p.rowKey())
	if err != nil {
		return err
	}
	if old == nil || old.expired(tx.now) {
		return fmt.Errorf("%s: %w", c.table, ErrNotFound)
	}
	return tx.erase(p, old)
}

// put stores v unless fresh is set and there is a row, which it reports.
func (c *Collection[T]) put(tx *Tx, key Key, v *T, fresh bool) (existed bool, err error) {
	p, err := c.place(tx.db.keys, key)
	if err != nil {
		return false, err
	}
	old, err := tx.row(c.table, p.rowKey())
	if err != nil {
		return false, err
	}
	if existed = old != nil && !old.expired(tx.now); existed && fresh {
		return true, nil
	}
	now, err := c.row(tx, p, key, v)
	if err != nil {
		return existed, err
	}
	return existed, tx.write(p, old, now)
}

// row makes the row of v and clears its way in unique indexes.
func (c *Collection[T]) row(tx *Tx, p place, key Key, v *T) (*row, error) {
	r := new(row)
	var err error
	if r.Key, err = key.Bytes(); err != nil {
		return nil, err
	}
	if r.Value, err = encoding.Marshal(v); err != nil {
		return nil, fmt.Errorf("encoding a row of %s: %w", c.table, err)
	}
	if c.expiry != nil {
		r.Expires = expiryMicros(c.expiry(v))
	}
	for _, i := range c.indexes {
		if r.Entries, err = i.entries(r.Entries, tx, p, v); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// value decodes the row's value.
func (c *Collection[T]) value(r *row) (*T, error) {
	v := new(T)
	if err := decoding.Unmarshal(r.Value, v); err != nil {
		return nil, fmt.Errorf("%w: value in %s: %w", ErrCorrupt, c.table, err)
	}
	return v, nil
}

func (d *definition) place(keys *seal.Keyring, key Key) (place, error) {
	components, err := d.key.appendTo(nil, keys, key)
	return place{d.table, components}, err
}
