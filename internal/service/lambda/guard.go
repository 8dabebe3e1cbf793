package lambda

import (
	"cloister/internal/door"
	"cloister/internal/guardrail"
	"cloister/internal/store"
)

// guardFunction asks the guardrails about a function as it is about to be.
func (s *Service) guardFunction(c *door.Call, tx *store.Tx, f ref, v *version) error {
	subject := &guardrail.Subject{Account: f.Account, Resource: f.functionARN(), Time: c.Time}
	if err := s.guard.Runtime(tx, subject, v.Runtime); err != nil {
		return err
	}
	return s.guard.FunctionRole(tx, subject, v.Role)
}
