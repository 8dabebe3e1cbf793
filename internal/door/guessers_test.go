package door

import (
	"fmt"
	"testing"
	"time"
)

// Many keys and sources take a bounded memory, and a guess is forgotten in time.
func TestGuessersAreBounded(t *testing.T) {
	var g guesses
	now := time.Unix(1_800_000_000, 0)
	for i := range 5 * mostGuessers {
		g.wrong(guesser{fmt.Sprint(i), "192.0.2.1"}, now)
	}
	if n := len(g.young) + len(g.old); n > 2*mostGuessers {
		t.Errorf("%d are remembered", n)
	}
	who := guesser{"k", "192.0.2.1"}
	for range 100 {
		g.wrong(who, now)
	}
	if !g.held(who, now.Add(longestPause-1)) || g.held(who, now.Add(longestPause)) {
		t.Error("the pause is not the longest")
	}
	later := now.Add(guessesForgotten + 1)
	g.wrong(who, later)
	if g.held(who, later) {
		t.Error("what was long ago counts")
	}
}
