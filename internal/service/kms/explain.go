package kms

import (
	"errors"
	"maps"
	"strings"

	"cloister/internal/door"
	"cloister/internal/store"
)

// Describe adds to a need what the key that its resource is says, for
// explanations: its policy, without which nobody uses it, and what describes it.
// A grant that is for a principal is shown with all that it may allow; whether
// the encryption context fits its constraints is not looked at.
func (s *Service) Describe(r store.Reader, need *door.Need) error {
	parts := strings.SplitN(need.Resource, ":", 6)
	if len(parts) < 6 || parts[2] != "kms" || !strings.HasPrefix(parts[5], "key/") {
		return nil
	}
	k, err := loadKey(r, keyID{parts[4], parts[3], strings.TrimPrefix(parts[5], "key/")})
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	need.ResourcePolicy, need.ResourcePolicyRequired = &k.policy, true
	maps.Copy(need.Context, k.context)
	for _, all := range k.grants {
		for _, g := range all {
			need.Grants = append(need.Grants, g.policy())
		}
	}
	return nil
}
