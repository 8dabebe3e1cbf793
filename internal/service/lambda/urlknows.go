package lambda

import (
	"context"

	httpgate "cloister/internal/gate"
	"cloister/internal/store"
)

// Knows implements gate.Knower.
func (s urlFront) Knows(ctx context.Context, t httpgate.Target) (known bool) {
	err := s.db.View(ctx, func(r store.Reader) error {
		for _, err := range urls.ScanIndex(r, "id", store.K(t.Name), nil) {
			known = err == nil
			return err
		}
		return nil
	})
	return known && err == nil
}
