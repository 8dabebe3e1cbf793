package organizations

import (
	"errors"

	"cloister/internal/door"
	"cloister/internal/store"
)

// orgOf is the organisation of an account, or errNotInUse.
func orgOf(r store.Reader, id string) (*organization, error) {
	a, err := accounts.Get(r, store.K(id))
	if errors.Is(err, store.ErrNotFound) {
		return nil, errNotInUse
	}
	if err != nil {
		return nil, err
	}
	if a.Org == "" {
		return nil, errNotInUse
	}
	return organizations.Get(r, store.K(a.Org))
}

// managed is the organisation that the caller's account manages. Nearly every
// operation can be called from the management account only.
func managed(c *door.Call, r store.Reader) (*organization, error) {
	o, err := orgOf(r, c.Account)
	if err == nil && o.Management != c.Account {
		return nil, errNotManagement
	}
	return o, err
}
