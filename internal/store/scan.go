package store

import (
	"fmt"
	"iter"
)

// Item is one row of a scan.
type Item[T any] struct {
	Key   Key
	Value *T
	Index Key // the key by which ScanIndex and Lookup found it
}

// Position is the key to give as after to go on behind this item, in the same
// kind of scan. Its Bytes make a page token.
func (i Item[T]) Position() (Key, error) {
	if i.Index == nil {
		return i.Key, nil
	}
	index, err := i.Index.Bytes()
	if err != nil {
		return nil, err
	}
	row, err := i.Key.Bytes()
	return Key{index, row}, err
}

// Scan yields the rows whose keys begin with prefix, and that come after the
// key after unless it is nil. They come in the order of their components that
// are [Clear] and in some fixed order of the others. It ends after an error.
func (c *Collection[T]) Scan(r Reader, prefix, after Key) iter.Seq2[Item[T], error] {
	return c.rows(r, prefix, func(all Range, edge []byte) Range {
		return Range{From: next(edge), To: all.To}
	}, after)
}

// ScanBack yields the rows whose keys begin with prefix from the last to the
// first, and only what comes before the key before unless it is nil.
func (c *Collection[T]) ScanBack(r Reader, prefix, before Key) iter.Seq2[Item[T], error] {
	return c.rows(r, prefix, func(all Range, edge []byte) Range {
		return Range{From: all.From, To: edge, Backward: true}
	}, before)
}

// rows scans the rows under prefix, cut by the function at the edge.
func (c *Collection[T]) rows(r Reader, prefix Key, cut func(all Range, edge []byte) Range, edge Key) iter.Seq2[Item[T], error] {
	return func(yield func(Item[T], error) bool) {
		s := r.snapshot()
		span, err := c.span(s, prefix, cut, edge)
		if err != nil {
			yield(Item[T]{}, err)
			return
		}
		for p, err := range s.scan(span) {
			if err != nil {
				yield(Item[T]{}, err)
				return
			}
			item, ok, err := c.item(s, p)
			if (ok || err != nil) && !yield(item, err) || err != nil {
				return
			}
		}
	}
}

func (c *Collection[T]) span(s *Snapshot, prefix Key, cut func(Range, []byte) Range, edge Key) (Range, error) {
	base := spacePrefix(spaceRow, c.table)
	p, err := c.place(s.db.keys, prefix)
	if err != nil {
		return Range{}, err
	}
	all := prefixRange(join(base, p.components))
	if edge == nil {
		whole := cut(all, nil)
		all.Backward = whole.Backward
		return all, nil
	}
	at, err := c.place(s.db.keys, edge)
	return clip(cut(all, join(base, at.components)), all), err
}

// clip keeps a range within all.
func clip(r, all Range) Range {
	if string(r.From) < string(all.From) {
		r.From = all.From
	}
	if string(r.To) > string(all.To) {
		r.To = all.To
	}
	return r
}

// item opens one scanned row; ok is false when it has expired.
func (c *Collection[T]) item(s *Snapshot, p Pair) (item Item[T], ok bool, err error) {
	found, err := s.db.openRow(c.table, p.Key, p.Value)
	if err != nil || found.expired(s.now) {
		return item, false, err
	}
	if item.Key, err = ParseKey(found.Key); err != nil {
		return item, false, err
	}
	item.Value, err = c.value(found)
	return item, err == nil, err
}

// ScanIndex yields the rows whose keys in the index begin with prefix, in the
// index's order, a row once for each of its keys. after is nil or the
// [Item.Position] of an item, which need not exist any more.
func (c *Collection[T]) ScanIndex(r Reader, index string, prefix, after Key) iter.Seq2[Item[T], error] {
	return func(yield func(Item[T], error) bool) {
		s := r.snapshot()
		i, span, err := c.indexSpan(s, index, prefix, after)
		if err != nil {
			yield(Item[T]{}, err)
			return
		}
		for p, err := range s.scan(span) {
			if err != nil {
				yield(Item[T]{}, err)
				return
			}
			item, ok, err := c.indexed(s, i, p)
			if (ok || err != nil) && !yield(item, err) || err != nil {
				return
			}
		}
	}
}

// Lookup returns the first row that has key in the index, or [ErrNotFound].
func (c *Collection[T]) Lookup(r Reader, index string, key Key) (Item[T], error) {
	for item, err := range c.ScanIndex(r, index, key, nil) {
		return item, err
	}
	return Item[T]{}, fmt.Errorf("%s: %w", c.table, ErrNotFound)
}

func (c *Collection[T]) indexSpan(s *Snapshot, name string, prefix, after Key) (*indexDefinition, Range, error) {
	i := c.indexes[name]
	if i == nil {
		return nil, Range{}, fmt.Errorf("%s has no index %s", c.table, name)
	}
	base := spacePrefix(spaceIndex, c.table)
	from, err := i.prefix(s.db.keys, prefix)
	if err != nil {
		return nil, Range{}, err
	}
	all := prefixRange(join(base, from))
	if after == nil {
		return i, all, nil
	}
	at, err := c.indexPosition(s, i, after)
	return i, clip(Range{From: next(join(base, at)), To: all.To}, all), err
}

// indexPosition is the index entry of an Item's Position.
func (c *Collection[T]) indexPosition(s *Snapshot, i *indexDefinition, position Key) ([]byte, error) {
	if len(position) != 2 {
		return nil, fmt.Errorf("%w: not a position in index %s", errKey, i.name)
	}
	var parts [2]Key
	for n, part := range position {
		b, ok := part.([]byte)
		if !ok {
			return nil, fmt.Errorf("%w: not a position in index %s", errKey, i.name)
		}
		var err error
		if parts[n], err = ParseKey(b); err != nil {
			return nil, err
		}
	}
	entry, err := i.prefix(s.db.keys, parts[0])
	if err != nil || i.unique {
		return entry, err
	}
	p, err := c.place(s.db.keys, parts[1])
	return append(entry, p.components...), err
}

// indexed reads the row of one scanned index entry; ok is false when it has
// expired.
func (c *Collection[T]) indexed(s *Snapshot, i *indexDefinition, e Pair) (item Item[T], ok bool, err error) {
	components, err := s.db.openEntry(c.table, e.Key, e.Value)
	if err != nil {
		return item, false, err
	}
	p := place{c.table, components}
	key := p.rowKey()
	sealed, err := s.get(key)
	if err != nil {
		return item, false, err
	}
	if sealed == nil {
		return item, false, fmt.Errorf("%w: index %s of %s has an entry without a row", ErrCorrupt, i.name, c.table)
	}
	if item, ok, err = c.item(s, Pair{key, sealed}); !ok {
		return item, ok, err
	}
	entry := e.Key[len(spacePrefix(spaceIndex, c.table)):]
	item.Index, err = i.keyOf(s.db.keys, p, item.Value, entry)
	return item, err == nil, err
}
