package door

import (
	"errors"

	"cloister/internal/store"
)

// errTwice is a mistake in a handler: one call is one transaction, so that its
// audit leaf says all that it did.
var errTwice = errors.New("door: a call commits once")

// commit runs fn as c's state change. The authorisation is decided again on
// what the transaction sees, and the audit leaf is part of the transaction.
func (d *Door) commit(c *Call, fn func(tx *store.Tx) error) error {
	if c.committed {
		return errTwice
	}
	c.readOnly = false
	err := d.db.Update(c, func(tx *store.Tx) error {
		if err := c.recheck(tx); err != nil {
			return err
		}
		if err := fn(tx); err != nil {
			return err
		}
		return d.audit.Stage(tx, record(c, nil))
	})
	c.committed = err == nil
	if err != nil {
		return err
	}
	return d.written()
}

// written reports whether the audit leaf that was committed with a change could
// be put into its file, too: if not, nothing is answered.
func (d *Door) written() error {
	if err := d.audit.Healthy(); err != nil {
		return unavailable(err)
	}
	return nil
}
