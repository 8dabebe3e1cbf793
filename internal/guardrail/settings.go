package guardrail

import (
	"errors"
	"slices"
	"time"

	"cloister/internal/store"
)

// Mode says what a rule does in an account.
type Mode string

// The modes. Enforce is the one of every rule that nobody set.
const (
	Enforce Mode = "enforce"
	Warn    Mode = "warn"
	Off     Mode = "off"
)

// Valid tells whether m is one of the modes.
func (m Mode) Valid() bool { return m == Enforce || m == Warn || m == Off }

// Setting is what an account has set for a rule.
type Setting struct {
	Mode    Mode
	Exempt  []string // sorted ARNs of resources that a rule lets pass, where it has exemptions
	Changed time.Time
	By      string // ARN of who changed it
}

var settings = store.Define[Setting]("guardrail.setting") // account, rule's identifier

// Of is the setting of a rule in an account.
func Of(r store.Reader, account, id string) (*Setting, error) {
	s, err := settings.Get(r, store.K(account, id))
	if errors.Is(err, store.ErrNotFound) {
		return &Setting{Mode: Enforce}, nil
	}
	return s, err
}

// Set keeps a setting; the rule must exist.
func Set(tx *store.Tx, account, id string, s *Setting) error {
	slices.Sort(s.Exempt)
	s.Exempt = slices.Compact(s.Exempt)
	return settings.Put(tx, store.K(account, id), s)
}

// exempts tells whether a resource is among the exemptions.
func (s *Setting) exempts(arn string) bool { return slices.Contains(s.Exempt, arn) }
