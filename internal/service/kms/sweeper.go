package kms

import (
	"context"
	"time"
)

// sweep does what is due at the time now.
func (s *Service) sweep(ctx context.Context, now time.Time) error { return nil }
