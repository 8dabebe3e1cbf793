package cognitoidp

import (
	"context"

	"cloister/internal/gate"
	"cloister/internal/store"
)

// Knows implements gate.Knower, for names of domains.
func (f *Front) Knows(ctx context.Context, t gate.Target) bool {
	return t.Name != "" && f.s.db.View(ctx, func(r store.Reader) error {
		_, err := domains.Get(r, store.K(t.Name))
		return err
	}) == nil
}
