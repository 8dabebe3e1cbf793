package seal

import (
	"crypto/hmac"
	"crypto/sha256"
	"hash"
	"sync"
)

// macKeys keeps, for each purpose, hashes that have already absorbed its key.
type macKeys struct{ pools sync.Map } // string → *sync.Pool of hash.Hash

// MAC returns the HMAC-SHA256 of data under a key for that purpose only: equal
// data gives equal MACs, and nothing else can be learned without the root key.
// Like Derive's, the key never changes. Purposes are constants of the program,
// never input: a key is kept in memory for each.
func (k *Keyring) MAC(purpose string, data []byte) (sum [32]byte) {
	pool := k.macPool(purpose)
	h := pool.Get().(hash.Hash)
	h.Reset()
	h.Write(data)
	h.Sum(sum[:0])
	pool.Put(h)
	return sum
}

func (k *Keyring) macPool(purpose string) *sync.Pool {
	if pool, ok := k.macs.pools.Load(purpose); ok {
		return pool.(*sync.Pool)
	}
	key := subkey(k.stable, "mac/"+purpose, keySize)
	pool, _ := k.macs.pools.LoadOrStore(purpose, &sync.Pool{
		New: func() any { return hmac.New(sha256.New, key) },
	})
	return pool.(*sync.Pool)
}
