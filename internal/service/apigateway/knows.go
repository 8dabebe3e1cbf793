package apigateway

import (
	"context"

	"cloister/internal/gate"
)

// Knows implements gate.Knower.
func (s *Service) Knows(ctx context.Context, t gate.Target) bool {
	known, err := s.memory.get(ctx, t.Name)
	return err == nil && known != nil
}

// Knows implements gate.Knower.
func (f domainFront) Knows(ctx context.Context, t gate.Target) bool {
	if !domainName.MatchString(t.Host) {
		return false
	}
	d, err := f.s.memory.domain(ctx, t.Host)
	return err == nil && d != nil
}
