package cell

import _ "cloister/internal/cell/child" // makes every program that can start cells able to be one

// Validate says whether s can be started at all; the error is a *SpecError.
func (s *Spec) Validate() error { return nil }
