// Package pebbleengine is the embedded storage engine: one directory, one
// process, one writer at a time.
package pebbleengine

import (
	"cloister/internal/seal"
	"cloister/internal/store"
)

// Open opens the engine in dir, which it makes if need be.
func Open(dir string, keys *seal.Keyring) (store.Engine, error) { panic("skeleton") }
