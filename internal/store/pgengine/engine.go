// Package pgengine is the storage engine in a PostgreSQL database, shared by
// several nodes.
package pgengine

import (
	"context"

	"cloister/internal/store"
)

// Open connects to the database at url and makes its tables if need be.
func Open(ctx context.Context, url string) (store.Engine, error) { panic("skeleton") }
