package door

import (
	"net/http"
	"net/netip"
	"sync"
	"time"

	"cloister/internal/awsapi"
)

const (
	// freeGuesses are the wrong signatures in a row that hold nobody back.
	freeGuesses = 10
	// longestPause is what the pause, which doubles from a second on, grows to.
	longestPause = 5 * time.Minute
	// guessesForgotten is when a wrong signature no longer counts.
	guessesForgotten = 15 * time.Minute
	// mostGuessers bounds the memory of each of two generations.
	mostGuessers = 10_000
)

// guesser is who signs wrongly: one key, from one source. Neither the same key
// from elsewhere nor others from the same source are held back with it.
type guesser struct{ keyID, source string }

// tries is what one guesser has done.
type tries struct {
	wrong int
	last  time.Time
	until time.Time // nothing of the guesser is looked at before
}

// guesses holds back who signs wrongly again and again: each try beyond the free
// ones doubles a pause. A program with a wrong secret so costs little, and its
// refusals are few in the audit log. Memory is bounded: who was seen longest ago
// is forgotten first. Safe for concurrent use.
type guesses struct {
	mu         sync.Mutex
	young, old map[guesser]tries
}

func (g *guesses) of(who guesser, now time.Time) tries {
	t, ok := g.young[who]
	if !ok {
		t = g.old[who]
	}
	if now.Sub(t.last) > guessesForgotten {
		return tries{}
	}
	return t
}

// held says whether a guesser has to wait.
func (g *guesses) held(who guesser, now time.Time) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return now.Before(g.of(who, now).until)
}

// wrong counts a wrong signature.
func (g *guesses) wrong(who guesser, now time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	t := g.of(who, now)
	t.wrong, t.last = t.wrong+1, now
	if over := t.wrong - freeGuesses; over >= 0 {
		t.until = now.Add(min(longestPause, time.Second<<min(over, 20)))
	}
	if len(g.young) >= mostGuessers {
		g.old, g.young = g.young, nil
	}
	if g.young == nil {
		g.young = map[guesser]tries{}
	}
	g.young[who] = t
}

// right forgets a guesser who signed well.
func (g *guesses) right(who guesser) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.young, who)
	delete(g.old, who)
}

// guesser is whom wrong signatures of a call count for. There is none on loopback,
// where everybody of the machine has the same address, its administrator too.
func (c *Call) guesser(keyID string) (guesser, bool) {
	at, err := netip.ParseAddr(c.SourceIP)
	if err != nil && c.SourceCell == "" || at.Unmap().IsLoopback() {
		return guesser{}, false
	}
	return guesser{keyID, source(c)}, true
}

// holdBack refuses a call with a key whose signatures were wrong too often from
// where it comes from.
func (d *Door) holdBack(c *Call, keyID string) error {
	who, counts := c.guesser(keyID)
	if !counts || !d.guesses.held(who, c.Time) {
		return nil
	}
	d.refused("signature-guesses")
	return unauthenticated(&awsapi.Error{Code: "ThrottlingException", Message: "Rate exceeded", Status: http.StatusTooManyRequests})
}

// guessed notes whether a signature with a known key was the key's.
func (d *Door) guessed(c *Call, keyID string, wrong bool) {
	who, counts := c.guesser(keyID)
	switch {
	case !counts:
	case wrong:
		d.refused("signature")
		d.guesses.wrong(who, c.Time)
	default:
		d.guesses.right(who)
	}
}

// refused tells whoever counts of a refusal.
func (d *Door) refused(reason string) {
	if d.count != nil {
		d.count(reason)
	}
}
