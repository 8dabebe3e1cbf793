package audit

import (
	"testing"

	"golang.org/x/mod/sumdb/tlog"
	"pgregory.net/rapid"
)

// storedTree is the reference: all hashes of a tree, kept by tlog.
type storedTree []tlog.Hash

func (s storedTree) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	var hashes []tlog.Hash
	for _, i := range indexes {
		hashes = append(hashes, s[i])
	}
	return hashes, nil
}

func TestFrontierIsTheRightEdgeOfTheTree(t *testing.T) {
	var stored storedTree
	var f frontier
	for n := int64(0); n < 300; n++ {
		want := must1(tlog.TreeHash(n, stored))(t)
		if got := f.root(); got != want || f.size != n || !f.fits() {
			t.Fatalf("root of %d leaves: %v, tlog says %v", n, got, want)
		}
		leaf := tlog.RecordHash([]byte{byte(n), byte(n >> 8)})
		stored = append(stored, must1(tlog.StoredHashesForRecordHash(n, leaf, stored))(t)...)
		f.add(leaf, func(level int, k int64, h tlog.Hash) {
			if stored[tlog.StoredHashIndex(level, k)] != h {
				t.Fatalf("node %d of level %d differs from tlog's", k, level)
			}
		})
	}
}

func TestFrontiersSayWhereTheyDiffer(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		size := rapid.IntRange(1, 200).Draw(t, "size")
		changed := rapid.IntRange(0, size-1).Draw(t, "changed")
		var f, g frontier
		for i := range size {
			leaf := tlog.RecordHash([]byte{byte(i)})
			f.add(leaf, nil)
			if i == changed {
				leaf[0] ^= 1
			}
			g.add(leaf, nil)
		}
		from, to, ok := f.differs(&g)
		if !ok || int64(changed) < from || int64(changed) >= to {
			t.Fatalf("leaf %d changed, and the difference is said to be in [%d, %d)", changed, from, to)
		}
		if _, _, ok := f.differs(&f); ok {
			t.Fatal("a frontier differs from itself")
		}
	})
}
