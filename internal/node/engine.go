package node

import (
	"context"
	"fmt"
	"path/filepath"

	"cloister/internal/store"
	"cloister/internal/store/pebbleengine"
	"cloister/internal/store/pgengine"
)

// openEngine opens the storage engine that the configuration names.
func (n *Node) openEngine(ctx context.Context) (store.Engine, error) {
	if n.config.Store != "" {
		engine, err := pgengine.Open(ctx, n.config.Store)
		if err != nil {
			return nil, fmt.Errorf("open the store in PostgreSQL: %w", err)
		}
		return engine, nil
	}
	engine, err := pebbleengine.Open(filepath.Join(n.config.Dir, "store"), n.keys)
	if err != nil {
		return nil, fmt.Errorf("open the store: %w", err)
	}
	return engine, nil
}
