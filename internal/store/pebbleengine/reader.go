package pebbleengine

import (
	"bytes"
	"errors"
	"iter"

	"github.com/cockroachdb/pebble/v2"

	"cloister/internal/store"
)

// reader reads a snapshot, or a batch over the newest state.
type reader struct{ pebble.Reader }

func (r reader) Get(key []byte) ([]byte, error) {
	value, closer, err := r.Reader.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return bytes.Clone(value), closer.Close()
}

func (r reader) Scan(span store.Range) iter.Seq2[store.Pair, error] {
	return func(yield func(store.Pair, error) bool) {
		if bytes.Compare(span.From, span.To) >= 0 {
			return
		}
		it, err := r.NewIter(&pebble.IterOptions{LowerBound: span.From, UpperBound: span.To})
		if err != nil {
			yield(store.Pair{}, err)
			return
		}
		first, step := it.First, it.Next
		if span.Backward {
			first, step = it.Last, it.Prev
		}
		stopped := !each(it, first, step, yield)
		if err := it.Close(); err != nil && !stopped {
			yield(store.Pair{}, err)
		}
	}
}

// each yields all pairs and reports whether yield wanted them all.
func each(it *pebble.Iterator, first, step func() bool, yield func(store.Pair, error) bool) bool {
	for ok := first(); ok; ok = step() {
		if !yield(store.Pair{Key: bytes.Clone(it.Key()), Value: bytes.Clone(it.Value())}, nil) {
			return false
		}
	}
	return true
}

// tx is a batch that is read through.
type tx struct {
	reader
	payload []byte
}

func (t *tx) batch() *pebble.Batch { return t.Reader.(*pebble.Batch) }

func (t *tx) Set(key, value []byte) error { return t.batch().Set(key, value, nil) }

func (t *tx) Delete(key []byte) error { return t.batch().Delete(key, nil) }

func (t *tx) Emit(payload []byte) error {
	t.payload = payload
	return nil
}
