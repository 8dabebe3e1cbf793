package session

import (
	"errors"
	"fmt"
	"time"

	"cloister/internal/store"
)

// Code is a one-time code of an MFA device, as a caller presents it.
type Code struct {
	// Account and Holder are whose device it has to be: the unique id of a
	// user or, of the root user, the account.
	Account, Holder string
	Serial          string // of the device
	Code            string
	Time            time.Time // of the call
}

// Codes knows MFA devices: the part of IAM that STS asks about the codes that
// its callers present.
type Codes interface {
	// CheckCode tells whether a code counts: nil, ErrNoDevice, ErrWrongCode or
	// a *TooManyCodes. A wrong one is counted against its holder.
	CheckCode(r store.Reader, c *Code) error
	// UseCode is CheckCode for a code that is accepted: with the transaction it
	// is used, and counts no more.
	UseCode(tx *store.Tx, c *Code) error
}

var (
	// ErrNoDevice is for a serial number that is of no device of the holder's.
	ErrNoDevice = errors.New("the holder has no such MFA device")
	// ErrWrongCode is for a code that is not the device's now, or was used.
	ErrWrongCode = errors.New("the code is not the device's, or was used already")
)

// TooManyCodes is for a holder of whom too many wrong codes came: none is looked
// at until Wait is over.
type TooManyCodes struct{ Wait time.Duration }

func (e *TooManyCodes) Error() string {
	return fmt.Sprintf("too many wrong codes: wait %s", e.Wait)
}
