package cognitoidp

import (
	"sync"
	"time"
)

const (
	// freeGuesses is how many wrong passwords cost nothing
	// (https://docs.aws.amazon.com/cognito/latest/developerguide/authentication.html).
	freeGuesses = 5
	firstWait   = time.Second
	longestWait = 15 * time.Minute
	// manyGuesses is how many wrong ones from all addresses together make those
	// wait that never got one right.
	manyGuesses = 100
	// limiterKept bounds how many places are remembered.
	limiterKept = 50_000
	forgottenIn = 24 * time.Hour
)

// limiter slows down whoever guesses. It counts for a user and an address
// together, so that nobody keeps a user out who comes from elsewhere, and for a
// user from all addresses, which counts for those only that never were the
// user's. It is kept in memory: a node that starts anew begins anew. It is safe
// for concurrent use.
type limiter struct {
	mu    sync.Mutex
	wrong map[string]*failures
	known map[string]time.Time // user and address of whom something was right
}

type failures struct {
	count int
	last  time.Time
	until time.Time
}

func newLimiter() *limiter {
	return &limiter{wrong: map[string]*failures{}, known: map[string]time.Time{}}
}

// may tells whether a guess may be looked at now, and counts it as a wrong one
// until right says otherwise: many at once are no way around.
func (l *limiter) may(who, address string, now time.Time) bool {
	return l.mayFrom(who, address, now, false)
}

// knows tells whether something of a user was right from an address.
func (l *limiter) knows(who, address string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, known := l.known[who+"\x00"+address]
	return known
}

// mayFrom is may for an address that is known to be the user's from elsewhere.
func (l *limiter) mayFrom(who, address string, now time.Time, trusted bool) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.forget(now)
	here, all := who+"\x00"+address, who
	if f := l.wrong[here]; f != nil && now.Before(f.until) {
		return false
	}
	_, known := l.known[here]
	known = known || trusted
	if f := l.wrong[all]; !known && f != nil && now.Before(f.until) {
		return false
	}
	l.add(here, now, freeGuesses)
	if !known {
		l.add(all, now, manyGuesses)
	}
	return true
}

// add needs mu.
func (l *limiter) add(key string, now time.Time, free int) {
	f := l.wrong[key]
	if f == nil || now.Sub(f.last) > forgottenIn {
		f = &failures{}
		l.wrong[key] = f
	}
	f.count, f.last = f.count+1, now
	if over := f.count - free; over >= 0 {
		f.until = now.Add(min(firstWait<<min(over, 20), longestWait))
	}
}

// right takes back what may counted: it was no guess.
func (l *limiter) right(who, address string, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	here := who + "\x00" + address
	delete(l.wrong, here)
	if _, known := l.known[here]; !known {
		if f := l.wrong[who]; f != nil {
			if f.count--; f.count < manyGuesses {
				f.until = time.Time{}
			}
		}
	}
	l.known[here] = now
}

// forget drops what is old when there is much, and everything when that is not
// enough. It needs mu.
func (l *limiter) forget(now time.Time) {
	if len(l.wrong) < limiterKept && len(l.known) < limiterKept {
		return
	}
	for _, span := range []time.Duration{forgottenIn, longestWait, 0} {
		for key, f := range l.wrong {
			if now.Sub(f.last) >= span {
				delete(l.wrong, key)
			}
		}
		for key, at := range l.known {
			if now.Sub(at) >= 30*span {
				delete(l.known, key)
			}
		}
		if len(l.wrong) < limiterKept && len(l.known) < limiterKept {
			return
		}
	}
}
