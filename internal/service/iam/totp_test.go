package iam

import (
	"bytes"
	"encoding/base32"
	"image/png"
	"testing"
	"time"

	"pgregory.net/rapid"
	"rsc.io/qr"

	"cloister/internal/door/session"
	"cloister/internal/seal"
)

// TestRFC6238 has the values of appendix B for SHA-1, of whose eight digits the
// last six are those of a code of six.
func TestRFC6238(t *testing.T) {
	seed := seal.NewSecret([]byte("12345678901234567890"))
	for at, want := range map[int64]string{
		59: "94287082", 1111111109: "07081804", 1111111111: "14050471",
		1234567890: "89005924", 2000000000: "69279037", 20000000000: "65353130",
	} {
		if got := oneTimeCode(seed, stepAt(time.Unix(at, 0))); got != want[2:] {
			t.Errorf("at %d the code is %s, want %s", at, got, want[2:])
		}
	}
}

// TestPictureIsAQRCode looks at every module of the picture.
func TestPictureIsAQRCode(t *testing.T) {
	d := &mfaDevice{Account: "123456789012", Name: "alice+phone=1", Seed: newSeed()}
	seed := base32.StdEncoding.EncodeToString(d.Seed.Reveal())
	if want := "otpauth://totp/alice+phone=1@123456789012?secret=" + seed; d.address(seed) != want {
		t.Errorf("the address is %s, want %s", d.address(seed), want)
	}
	picture, err := d.picture(seed)
	if err != nil {
		t.Fatal(err)
	}
	shown, err := png.Decode(bytes.NewReader(picture))
	if err != nil {
		t.Fatal(err)
	}
	code, err := qr.Encode(d.address(seed), qr.M)
	if err != nil {
		t.Fatal(err)
	}
	side := shown.Bounds().Dx()
	quiet := (side/code.Scale - code.Size) / 2
	for y := range code.Size {
		for x := range code.Size {
			r, _, _, _ := shown.At((x+quiet)*code.Scale, (y+quiet)*code.Scale).RGBA()
			if (r == 0) != code.Black(x, y) {
				t.Fatalf("the module at %d, %d of %d is wrong", x, y, code.Size)
			}
		}
	}
}

// distinctSeed is a seed whose codes around the tests' time all differ: of six
// digits two are the same now and then, and the tests tell steps by their codes.
func distinctSeed() seal.Secret {
	for {
		seed, seen := newSeed(), map[string]bool{}
		for step := int64(60_000_000 - 100); step < 60_000_000+400; step++ {
			seen[oneTimeCode(seed, step)] = true
		}
		if len(seen) == 500 {
			return seed
		}
	}
}

// TestCodesAgainstAModel: a code counts when it is of a step near the device's
// clock and behind the last one that was used, and is looked at when there is
// nothing to wait for.
func TestCodesAgainstAModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		d := &mfaDevice{Seed: distinctSeed()}
		var g guesses
		now := time.Unix(1_800_000_000, 0)
		wrong, until := 0, now
		for range rapid.IntRange(1, 60).Draw(rt, "calls") {
			now = now.Add(time.Duration(rapid.IntRange(0, 120).Draw(rt, "seconds")) * time.Second)
			off := rapid.Int64Range(-4, 4).Draw(rt, "off")
			code := oneTimeCode(d.Seed, stepAt(now)+off)
			var step int64
			ok, wait := g.try("holder", now, func() (ok bool) { step, ok = d.matchCode(code, now); return ok })
			if must := until.Sub(now); (wait > 0) != (must > 0) || wait > 0 && wait != must {
				rt.Fatalf("waits %v, want %v", wait, must)
			}
			if wait > 0 {
				continue
			}
			if ok != (off >= -codeWindow && off <= codeWindow) {
				rt.Fatalf("a code of %d steps off: %v", off, ok)
			}
			if ok {
				if step != stepAt(now)+off {
					rt.Fatalf("the code of step %d is taken for %d", stepAt(now)+off, step)
				}
				if step > d.Used {
					g.forgive("holder")
					d.Used, wrong = step, 0
				}
				continue
			}
			if wrong++; wrong >= freeGuesses {
				until = now.Add(min(30*time.Second<<(wrong-freeGuesses), 15*time.Minute))
			}
		}
	})
}

// TestPairSetsTheClock: whatever a device's clock shows, within bounds, after
// two codes of it the next one counts, and none that was used does.
func TestPairSetsTheClock(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		d := &mfaDevice{Seed: distinctSeed()}
		now := time.Unix(1_800_000_000+rapid.Int64Range(0, 29).Draw(rt, "second"), 0)
		off := rapid.Int64Range(-30, 30).Draw(rt, "off")
		first := stepAt(now) + off
		step, ok := d.matchPair(oneTimeCode(d.Seed, first), oneTimeCode(d.Seed, first+1), now)
		if ok != (off >= -pairWindow && off <= pairWindow) {
			rt.Fatalf("two codes of %d steps off: %v", off, ok)
		}
		if !ok {
			return
		}
		d.Used, d.Drift = step, driftOf(step, now)
		if _, again := d.matchPair(oneTimeCode(d.Seed, first), oneTimeCode(d.Seed, first+1), now); again {
			rt.Fatal("two codes count twice")
		}
		next := now.Add(stepSeconds * time.Second)
		if got, ok := d.matchCode(oneTimeCode(d.Seed, first+2), next); !ok || got != first+2 {
			rt.Fatalf("after two codes of %d steps off the next one does not count", off)
		}
	})
}

// A code that was right does not count as wrong when it comes again, so that a
// program that tries again locks nobody out.
func TestReplayIsNoGuess(t *testing.T) {
	h := newHarness(t)
	mfaUser(h, "alice")
	c := codeNow(h, "alice", 0)
	h.must(useCode(h, c))
	for range 3 * freeGuesses {
		if err := useCode(h, c); err != session.ErrWrongCode {
			t.Fatalf("a code comes again: %v", err)
		}
	}
	h.must(useCode(h, codeNow(h, "alice", 1)))
}
