package iam

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha1"
	"crypto/subtle"
	"encoding/binary"
	"fmt"
	"time"

	"cloister/internal/seal"
)

// One-time codes of virtual MFA devices: RFC 6238 with HMAC-SHA-1, steps of 30
// seconds and six digits, which is what every authenticator app does.
const (
	stepSeconds = 30
	seedSize    = 40 // bytes; AWS's seeds are 64 characters of base32

	// codeWindow is how many steps before and behind the present one a code may
	// be of (RFC 6238, section 5.2).
	codeWindow = 1
	// pairWindow is how far a device's clock may be off when two codes one after
	// the other are given to find out.
	pairWindow = 20
)

func newSeed() seal.Secret {
	b := make([]byte, seedSize)
	_, _ = rand.Read(b) // never fails
	return seal.NewSecret(b)
}

func stepAt(t time.Time) int64 { return t.Unix() / stepSeconds }

// oneTimeCode is the code of one step (RFC 4226, section 5.3).
func oneTimeCode(seed seal.Secret, step int64) string {
	mac := hmac.New(sha1.New, seed.Reveal())
	_ = binary.Write(mac, binary.BigEndian, step)
	sum := mac.Sum(nil)
	at := sum[len(sum)-1] & 0xf
	return fmt.Sprintf("%06d", binary.BigEndian.Uint32(sum[at:])&0x7fffffff%1_000_000)
}

// isCode compares in a time that tells nothing.
func isCode(seed seal.Secret, step int64, code string) bool {
	return subtle.ConstantTimeCompare([]byte(oneTimeCode(seed, step)), []byte(code)) == 1
}

// matchCode finds the step near the present one, on the device's clock, of
// which the code is. Of two it gives the later one.
func (d *mfaDevice) matchCode(code string, now time.Time) (step int64, ok bool) {
	present := stepAt(now) + d.Drift
	for s := present + codeWindow; s >= present-codeWindow; s-- {
		if isCode(d.Seed, s, code) {
			return s, true
		}
	}
	return 0, false
}

// matchPair finds the two steps, one after the other and both unused, of which
// the codes are, the nearest to the present first, and gives the later one.
func (d *mfaDevice) matchPair(first, second string, now time.Time) (step int64, ok bool) {
	present := stepAt(now)
	for off := range int64(pairWindow + 1) {
		for _, s := range []int64{present - off, present + off} {
			if s > d.Used && isCode(d.Seed, s, first) && isCode(d.Seed, s+1, second) {
				return s + 1, true
			}
		}
	}
	return 0, false
}

// driftOf is by how many steps a device's clock is off that showed the code of
// a step now. One step may be the time that it took to hand the codes in, and
// is within the window anyway.
func driftOf(step int64, now time.Time) int64 {
	switch d := step - stepAt(now); {
	case d > 0:
		return d - 1
	case d < 0:
		return d + 1
	default:
		return 0
	}
}
