package cognitoidentity

import (
	"errors"
	"fmt"

	"cloister/internal/store"
)

// Check verifies that the service's tables fit together: every identity is of a
// pool that exists, and is found by each of its logins.
func (s *Service) Check(r store.Reader) error {
	var bad []error
	for item, err := range identities.Scan(r, nil, nil) {
		if err != nil {
			return err
		}
		i := item.Value
		if _, err := pools.Get(r, store.K(i.Pool)); err != nil {
			bad = append(bad, fmt.Errorf("identity %s: its pool: %w", i.ID, err))
		}
		for _, l := range i.Logins {
			if found, err := byLogin(r, i.Pool, l); err != nil || found.ID != i.ID {
				bad = append(bad, fmt.Errorf("identity %s is not found by its login at %s: %w", i.ID, l.Provider, err))
			}
		}
		if i.Closed && len(i.Logins) > 0 {
			bad = append(bad, fmt.Errorf("identity %s is closed and has logins", i.ID))
		}
	}
	return errors.Join(bad...)
}
