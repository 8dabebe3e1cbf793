// Package redact keeps what a program was given in confidence out of what it
// writes. It finds a secret as it is, and in the forms that programs put it in
// without meaning to: escaped for JSON or a URL, in base64 at any place of a
// longer text, in hexadecimal. A program that means to give a secret away can:
// this is against accidents.
package redact

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"math"
	"slices"
	"sync"
)

// Mark stands where a secret was.
const Mark = "[redacted]"

// Withheld stands for a whole text in which secrets cannot be looked for: there
// are too many of them, or it is too much like them.
const Withheld = "[redacted: there were too many secrets to look for]\n"

const (
	// MinLength is the shortest secret that is looked for, in bytes: shorter
	// ones stand in texts by chance.
	MinLength = 8
	// maxForms bounds the memory, at about 100 bytes for each form of a secret.
	maxForms = 50_000
	// maxChecks and digested bound the work for one text, which a program could
	// write so that it nearly matches everywhere.
	maxChecks = 20_000
	digested  = 256
)

// Secrets are what one program was given. The zero value holds none. It is safe
// for concurrent use. It keeps no secret but the first bytes and a digest of each
// of its forms.
type Secrets struct {
	mu      sync.RWMutex
	begins  [math.MaxUint16/64 + 1]uint64 // a bit for each first two bytes
	forms   map[uint64][]form             // by the first eight; longest first
	count   int
	longest int
}

type form struct {
	length int
	digest [sha256.Size]byte
}

// newForm digests the first bytes of a form: what begins like a long one is
// taken for it.
func newForm(text []byte) form { return form{len(text), digest(text, len(text))} }

func digest(text []byte, length int) [sha256.Size]byte {
	return sha256.Sum256(text[:min(length, digested)])
}

// Add has a secret looked for from now on. What is shorter than MinLength is
// left out.
func (s *Secrets) Add(secret []byte) {
	if len(secret) < MinLength {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.full() || s.holds(secret) {
		return
	}
	for _, text := range formsOf(secret) {
		s.add(text)
	}
}

func (s *Secrets) full() bool { return s.count > maxForms }

func (s *Secrets) holds(text []byte) bool {
	return slices.Contains(s.forms[binary.LittleEndian.Uint64(text)], newForm(text))
}

func (s *Secrets) add(text []byte) {
	if len(text) < MinLength || s.full() || s.holds(text) {
		return
	}
	if s.forms == nil {
		s.forms = map[uint64][]form{}
	}
	first, two := binary.LittleEndian.Uint64(text), binary.LittleEndian.Uint16(text)
	s.forms[first] = append(s.forms[first], newForm(text))
	slices.SortFunc(s.forms[first], func(a, b form) int { return b.length - a.length })
	s.begins[two/64] |= 1 << (two % 64)
	s.count++
	s.longest = max(s.longest, len(text))
}

// Longest is the length of the longest form: a secret that begins in a text is
// in it whole when that many bytes follow.
func (s *Secrets) Longest() int {
	if s == nil {
		return 0
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.longest
}

// Redact returns text with a Mark for each secret in it, which is text itself
// when there is none.
func (s *Secrets) Redact(text []byte) []byte {
	if s == nil {
		return text
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.count == 0 {
		return text
	}
	if s.full() {
		return []byte(Withheld)
	}
	var out []byte
	done, checks := 0, 0
	for i := 0; i+MinLength <= len(text); {
		n := s.at(text[i:], &checks)
		if checks > maxChecks {
			return []byte(Withheld)
		}
		if n == 0 {
			i++
			continue
		}
		out = append(append(out, text[done:i]...), Mark...)
		i += n
		done = i
	}
	if out == nil {
		return text
	}
	return append(out, text[done:]...)
}

// at is the length of the secret that text begins with, or 0.
func (s *Secrets) at(text []byte, checks *int) int {
	two := binary.LittleEndian.Uint16(text)
	if s.begins[two/64]&(1<<(two%64)) == 0 {
		return 0
	}
	for _, f := range s.forms[binary.LittleEndian.Uint64(text)] {
		*checks++
		if f.length <= len(text) && digest(text, f.length) == f.digest {
			return f.length
		}
	}
	return 0
}

// lines are the lines of a secret that has several, such as a key in PEM: what
// is logged is cut into lines. A line that every such secret has is none.
func lines(secret []byte) [][]byte {
	all := bytes.FieldsFunc(secret, func(r rune) bool { return r == '\n' || r == '\r' })
	if len(all) < 2 {
		return nil
	}
	return slices.DeleteFunc(all, func(line []byte) bool { return bytes.HasPrefix(line, []byte("-----")) })
}
