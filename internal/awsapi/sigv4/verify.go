package sigv4

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"sync"
	"time"

	"cloister/internal/awsapi"
)

// maxSkew is how far a client's clock may be off, either way.
const maxSkew = 5 * time.Minute

// Verify decides whether the holder of key signed the request and whether it
// is still good at now. Its errors are AWS's. A nil result says nothing about
// the session token, which the caller has checked, nor about a body that was
// not given to HashBody: read that through Body.
func (s *Signature) Verify(key SigningKey, now time.Time) *awsapi.Error {
	if err := s.Plausible(now); err != nil {
		return err
	}
	if s.NeedsBody() || s.body == bodyDiffers {
		return mismatch()
	}
	if s.matches(key, true) || (s.tokenMayBeUnsigned() && s.matches(key, false)) {
		return nil
	}
	return mismatch()
}

// Plausible is the part of Verify that takes neither the key nor the body: the
// request is of this time, every header of AWS's is signed, the body is covered
// as it must be, and the signature has a signature's form. A caller that reads
// bodies asks it before.
func (s *Signature) Plausible(now time.Time) *awsapi.Error {
	if err := s.checkTime(now); err != nil {
		return err
	}
	if name := s.unsignedAmz(); name != "" {
		return forbidden(codeMismatch, "There were headers present in the request which were not signed: "+clip(name))
	}
	if !isHash(s.signature) || (s.unsigned() && !s.AllowUnsignedPayload) {
		return mismatch()
	}
	return nil
}

// tokenMayBeUnsigned: clients of some services, IoT among them, add the session
// token to a presigned query after signing it
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-authentication-methods.html).
func (s *Signature) tokenMayBeUnsigned() bool { return s.Presigned && s.SessionToken != "" }

var buffers = sync.Pool{New: func() any { b := make([]byte, 0, 2048); return &b }}

// matches compares the signature with that of the request as it arrived, in
// constant time.
func (s *Signature) matches(key SigningKey, tokenSigned bool) bool {
	buf := buffers.Get().(*[]byte)
	defer buffers.Put(buf)
	canonical, ok := s.appendCanonical((*buf)[:0], tokenSigned)
	*buf = canonical
	if !ok {
		return false
	}
	hash := sha256.Sum256(canonical)
	want := key.sign(hash[:], algorithm, s.stamp, s.scope)
	return subtle.ConstantTimeCompare(want[:], []byte(s.signature)) == 1
}

// sign returns the hex signature of a string to sign: the given lines, then
// the last one, in hex.
func (k *SigningKey) sign(last []byte, lines ...string) (signature [64]byte) {
	text := make([]byte, 0, 512)
	for _, line := range lines {
		text = append(append(text, line...), '\n')
	}
	text = hex.AppendEncode(text, last)
	mac := hmac.New(sha256.New, k[:])
	mac.Write(text)
	hex.Encode(signature[:], mac.Sum(text[:0]))
	return signature
}

// checkTime says what AWS says of a wrong clock.
func (s *Signature) checkTime(now time.Time) *awsapi.Error {
	life := maxSkew
	if s.Expires > 0 {
		life = s.Expires
	}
	oldest, newest := now.Add(-life), now.Add(maxSkew)
	var message string
	switch {
	case s.Time.Before(oldest.Truncate(time.Second)):
		message = fmt.Sprintf("Signature expired: %s is now earlier than %s (%s - %s.)", s.stamp, stampOf(oldest), stampOf(now), minutes(life))
	case s.Time.After(newest):
		message = fmt.Sprintf("Signature not yet current: %s is still later than %s (%s + %s.)", s.stamp, stampOf(newest), stampOf(now), minutes(maxSkew))
	default:
		return nil
	}
	return forbidden(codeSkewed, message)
}

func stampOf(t time.Time) string { return t.UTC().Format(stampLayout) }

func minutes(d time.Duration) string {
	if d%time.Minute != 0 {
		return fmt.Sprintf("%d sec", d/time.Second)
	}
	return fmt.Sprintf("%d min", d/time.Minute)
}
