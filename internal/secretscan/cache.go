package secretscan

import (
	"bytes"
	"context"
	"crypto/sha256"
	"sync"
)

// cached is how many files' results are remembered: a package that is uploaded
// again has mostly the files it had before.
const cached = 1 << 15

var fileCache = &resultCache{results: map[[32]byte]result{}}

// resultCache remembers what was found in files, by the hash of path and
// content. It holds no content and is safe for concurrent use.
type resultCache struct {
	mu      sync.Mutex
	results map[[32]byte]result
}

type result struct {
	found  []Finding
	binary bool
}

// findings scans a file unless that was done before. The result is shared: read
// only. The error is that ctx ended before.
func (c *resultCache) findings(ctx context.Context, s *ruleSet, path string, content []byte) (found []Finding, binary bool, err error) {
	hash := sha256.New()
	hash.Write([]byte(path))
	hash.Write([]byte{0})
	hash.Write(content)
	key := [32]byte(hash.Sum(nil))
	c.mu.Lock()
	known, ok := c.results[key]
	c.mu.Unlock()
	if ok {
		return known.found, known.binary, nil
	}
	known.binary = isBinary(content)
	if known.binary {
		known.found = s.byPath(path)
	} else {
		if known.found, err = s.file(ctx, path, string(content), (*ruleSet).fragment); err != nil {
			return nil, false, err
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.results) >= cached {
		clear(c.results)
	}
	c.results[key] = known
	return known.found, known.binary, nil
}

// isBinary is what Git takes for it: a NUL near the beginning.
func isBinary(content []byte) bool {
	return bytes.IndexByte(content[:min(len(content), 8000)], 0) >= 0
}
