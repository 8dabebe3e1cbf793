package audit

import (
	"math/bits"
	"slices"

	"golang.org/x/mod/sumdb/tlog"
)

// frontier is the right edge of a Merkle tree (RFC 6962): the roots of the
// complete subtrees that its leaves fall into, largest first. It is all that is
// needed to add leaves and to know the root, in O(log n) memory.
type frontier struct {
	size int64
	edge []tlog.Hash // one for each bit set in size
}

// add appends a leaf. done, when not nil, is told of each node that the leaf
// completes, with its level (0 for the leaf) and number within the level.
func (f *frontier) add(leaf tlog.Hash, done func(level int, n int64, h tlog.Hash)) {
	h, n := leaf, f.size
	for level := 0; ; level++ {
		if done != nil {
			done(level, n, h)
		}
		if n&1 == 0 {
			break
		}
		last := len(f.edge) - 1
		h = tlog.NodeHash(f.edge[last], h)
		f.edge = f.edge[:last]
		n >>= 1
	}
	f.edge = append(f.edge, h)
	f.size++
}

// root is the hash of the whole tree.
func (f *frontier) root() tlog.Hash {
	if len(f.edge) == 0 {
		h, _ := tlog.TreeHash(0, nil) // the empty tree asks for no hashes
		return h
	}
	h := f.edge[len(f.edge)-1]
	for i := len(f.edge) - 2; i >= 0; i-- {
		h = tlog.NodeHash(f.edge[i], h)
	}
	return h
}

// clone is a copy that shares nothing.
func (f *frontier) clone() frontier {
	return frontier{f.size, slices.Clone(f.edge)}
}

// fits says whether the edge has as many hashes as its size asks for.
func (f *frontier) fits() bool {
	return f.size >= 0 && len(f.edge) == bits.OnesCount64(uint64(f.size))
}

// differs returns the records [from, to) under the first subtree in which two
// frontiers of equal size differ; ok is false when they do not.
func (f *frontier) differs(g *frontier) (from, to int64, ok bool) {
	for i, rest := 0, f.size; rest > 0; i++ {
		width := int64(1) << (bits.Len64(uint64(rest)) - 1)
		if f.edge[i] != g.edge[i] {
			return from, from + width, true
		}
		from, rest = from+width, rest-width
	}
	return 0, 0, false
}
