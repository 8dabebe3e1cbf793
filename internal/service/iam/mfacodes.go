package iam

import (
	"errors"
	"sync"
	"time"

	"cloister/internal/door/session"
	"cloister/internal/store"
)

// CheckCode implements session.Codes.
func (s *Service) CheckCode(r store.Reader, c *session.Code) error {
	_, _, err := s.check(r, c)
	return err
}

// UseCode implements session.Codes. That the code was used is in the caller's
// transaction, so of two calls with one code the second finds it used, also on
// another node and after a crash.
func (s *Service) UseCode(tx *store.Tx, c *session.Code) error {
	d, step, err := s.check(tx, c)
	if err != nil {
		return err
	}
	d.Used = step
	return putDevice(tx, d)
}

func (s *Service) check(r store.Reader, c *session.Code) (d *mfaDevice, step int64, err error) {
	d, err = mfaDevices.Get(r, store.K(c.Account, c.Serial))
	if errors.Is(err, store.ErrNotFound) || err == nil && d.Holder != c.Holder {
		return nil, 0, session.ErrNoDevice
	}
	if err != nil {
		return nil, 0, err
	}
	ok, wait := s.guesses.try(c.Account+" "+c.Holder, c.Time, func() (ok bool) {
		step, ok = d.matchCode(c.Code, c.Time)
		return ok
	})
	switch {
	case wait > 0:
		return nil, 0, &session.TooManyCodes{Wait: wait}
	case !ok || step <= d.Used:
		return nil, 0, session.ErrWrongCode
	}
	s.guesses.forgive(c.Account + " " + c.Holder)
	return d, step, nil
}

const (
	freeGuesses = 5 // wrong codes that cost nothing
	firstWait   = 30 * time.Second
	longestWait = 15 * time.Minute
	// guessesKept bounds how many holders are remembered whose last wrong code
	// is older than a day.
	guessesKept = 10_000
)

// guesses holds back who tries codes: after a few wrong ones none of a holder's
// is looked at for a while, which doubles with each. Only the holder's own
// credentials can present codes of their devices, so nobody else can bring it
// about. It is kept in memory: a node that starts anew begins anew.
type guesses struct {
	mu    sync.Mutex
	wrong map[string]*wrongCodes // by holder
}

type wrongCodes struct {
	count int
	last  time.Time
	until time.Time // nothing is looked at before
}

// try has right look at a code, if that may be at now, and says how it went, or
// how long to wait. Tries of all holders come one after the other, so that many
// at once are no way around.
func (g *guesses) try(holder string, now time.Time, right func() bool) (ok bool, wait time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	w := g.wrong[holder]
	if w != nil && now.Before(w.until) {
		return false, w.until.Sub(now)
	}
	if right() {
		return true, 0
	}
	g.add(holder, now)
	return false, 0
}

// forgive forgets the wrong codes of a holder, of whom a code came that counts:
// one that was right and is used already proves nothing.
func (g *guesses) forgive(holder string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.wrong, holder)
}

// add needs mu.
func (g *guesses) add(holder string, now time.Time) {
	if g.wrong == nil {
		g.wrong = map[string]*wrongCodes{}
	}
	w := g.wrong[holder]
	if w == nil {
		g.forget(now)
		w = &wrongCodes{}
		g.wrong[holder] = w
	}
	w.count, w.last = w.count+1, now
	if over := w.count - freeGuesses; over >= 0 {
		w.until = now.Add(min(firstWait<<min(over, 10), longestWait))
	}
}

// forget needs mu.
func (g *guesses) forget(now time.Time) {
	if len(g.wrong) < guessesKept {
		return
	}
	for holder, w := range g.wrong {
		if now.Sub(w.last) > 24*time.Hour {
			delete(g.wrong, holder)
		}
	}
}
