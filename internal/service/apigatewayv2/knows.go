package apigatewayv2

import (
	"context"

	"cloister/internal/gate"
)

// Knows implements gate.Knower.
func (s *Service) Knows(ctx context.Context, t gate.Target) bool {
	a, err := s.memory.get(ctx, t.Name)
	return err == nil && a != nil
}

// Knows implements gate.Knower. A name that only a wildcard covers is not known:
// clients could have certificates asked for without end.
func (d *Domains) Knows(ctx context.Context, t gate.Target) bool {
	all, err := d.s.memory.mapped(ctx)
	if err != nil {
		return false
	}
	_, exact := all[t.Host]
	return exact
}
