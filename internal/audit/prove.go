package audit

import (
	"context"
	"fmt"
	"path/filepath"

	"golang.org/x/mod/sumdb/tlog"
)

// ProveConsistency proves that the log in dir/audit at size newer begins with
// its first older records (RFC 6962, 2.1.2). tlog.CheckTree checks the proof
// against the roots of two checkpoints. It reads the log once and needs no key.
func ProveConsistency(ctx context.Context, dir string, older, newer int64) (tlog.TreeProof, error) {
	if older < 1 || older > newer {
		return nil, fmt.Errorf("audit: no proof leads from %d records to %d: ask for 1 <= older <= newer", older, newer)
	}
	return tlog.ProveTree(newer, older, nodesOf(ctx, dir, newer))
}

// ProveRecord proves that the record at index is in the log in dir/audit of that
// size (RFC 6962, 2.1.1), for tlog.CheckRecord.
func ProveRecord(ctx context.Context, dir string, size, index int64) (tlog.RecordProof, error) {
	if index < 0 || index >= size {
		return nil, fmt.Errorf("audit: record %d is not among the first %d", index, size)
	}
	return tlog.ProveRecord(size, index, nodesOf(ctx, dir, size))
}

// nodesOf finds nodes of the tree by reading the log, keeping only those asked for.
func nodesOf(ctx context.Context, dir string, size int64) tlog.HashReaderFunc {
	return func(indexes []int64) ([]tlog.Hash, error) {
		wanted := make(map[int64]tlog.Hash, len(indexes))
		for _, i := range indexes {
			wanted[i] = tlog.Hash{}
		}
		if err := collectNodes(ctx, dir, size, wanted); err != nil {
			return nil, err
		}
		hashes := make([]tlog.Hash, len(indexes))
		for k, i := range indexes {
			hashes[k] = wanted[i]
		}
		return hashes, nil
	}
}

// collectNodes fills in the hashes of the wanted nodes.
func collectNodes(ctx context.Context, dir string, size int64, wanted map[int64]tlog.Hash) error {
	c := cursorAt(filepath.Join(dir, logDir), position{}, 0)
	defer c.close()
	var tree frontier
	for tree.size < size {
		if err := ctx.Err(); err != nil {
			return err
		}
		e, err := c.read()
		if err != nil {
			return readError(tree.size, err)
		}
		tree.add(tlog.RecordHash(e.sealed), func(level int, n int64, h tlog.Hash) {
			i := tlog.StoredHashIndex(level, n)
			if _, ok := wanted[i]; ok {
				wanted[i] = h
			}
		})
	}
	return nil
}
