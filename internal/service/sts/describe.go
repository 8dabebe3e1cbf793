package sts

import (
	"errors"
	"strings"

	"cloister/internal/door"
	"cloister/internal/store"
)

// Describe adds to a need what the role that its resource is says, for
// explanations: its trust policy, without which nobody assumes it, and its tags.
func (s *Service) Describe(r store.Reader, need *door.Need) error {
	if !strings.Contains(need.Resource, ":role/") {
		return nil
	}
	need.ResourcePolicyRequired = true
	role, err := s.roles.Role(r, need.Resource)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	trust(need, role)
	return nil
}
