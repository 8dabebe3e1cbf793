package audit

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/fxamacker/cbor/v2"
	"github.com/google/uuid"
)

// Bounds of a record. What is longer is cut, never refused: a call does not
// escape the log by being too long for it.
const (
	maxRecord   = 64 << 10 // encoded
	usualRecord = 4 << 10  // encoded: nearly all are shorter
	maxName     = 256      // codes, names, identifiers
	maxARN      = 2048
	maxMessage  = 4096
	maxBody     = 24 << 10 // Request and Response, each
	maxNeeds    = 64
	maxVia      = 16

	maxContext       = 6 << 10 // of one need, keys and values together
	maxContextKeys   = 48      // decoding takes no more than 64 in a map
	maxContextValues = 16
	maxSessions      = 11 // ten managed policies and one that was passed
)

// stored is a record as it is sealed.
type stored struct {
	Seq    uint64 `cbor:"1,keyasint,omitempty"` // the outbox's, for a staged record
	Record Record `cbor:"2,keyasint"`
}

var decoding = must(cbor.DecOptions{MaxArrayElements: 1024, MaxMapPairs: 64, MaxNestedLevels: 8}.DecMode())

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// encode is the bounded, complete form of rec in CBOR.
func encode(rec *Record, seq uint64) []byte { return encodeIn(nil, rec, seq) }

// encodeIn is encode in the room that b has, if that is enough.
func encodeIn(b []byte, rec *Record, seq uint64) []byte {
	s := stored{Seq: seq, Record: bounded(rec)}
	b = appendStored(b[:0], &s)
	if len(b) > maxRecord {
		s.Record.Request, s.Record.Response = tooLong(rec.Request), tooLong(rec.Response)
		s.Record.Needs, s.Record.SessionPolicies = nil, nil
		b = appendStored(b[:0], &s)
	}
	return b
}

// decode is the inverse of encode.
func decode(b []byte) (*stored, error) {
	var s stored
	if err := decoding.Unmarshal(b, &s); err != nil {
		return nil, fmt.Errorf("audit: decode a record: %w", err)
	}
	return &s, nil
}

// bounded is rec with what was left out filled in, and what is too long cut.
func bounded(rec *Record) Record {
	r := *rec
	if r.Time.IsZero() {
		r.Time = time.Now()
	}
	r.Time = r.Time.UTC().Round(0)
	if r.EventID == "" {
		r.EventID = uuid.NewString()
	}
	for _, s := range []*string{&r.EventID, &r.RequestID, &r.EventSource, &r.EventName, &r.Region, &r.Account, &r.SourceIP, &r.ErrorCode} {
		*s = cutText(*s, maxName)
	}
	r.Outcome = Outcome(cutText(string(r.Outcome), maxName))
	r.UserAgent, r.SourceCell = cutText(r.UserAgent, maxARN), cutText(r.SourceCell, maxARN)
	r.ErrorMessage = cutText(r.ErrorMessage, maxMessage)
	r.Principal = boundedPrincipal(r.Principal)
	r.Needs = boundedNeeds(r.Needs)
	r.Via = boundedVia(r.Via)
	r.SessionPolicies = boundedSessions(r.SessionPolicies)
	r.Request, r.Response = boundedBody(r.Request), boundedBody(r.Response)
	return r
}

func boundedPrincipal(p Principal) Principal {
	for _, s := range []*string{&p.Type, &p.ID, &p.Account, &p.AccessKeyID, &p.Service, &p.EntityID} {
		*s = cutText(*s, maxName)
	}
	p.ARN, p.RoleARN = cutText(p.ARN, maxARN), cutText(p.RoleARN, maxARN)
	return p
}

func boundedNeeds(needs []Need) []Need {
	if len(needs) == 0 {
		return nil
	}
	kept := make([]Need, 0, min(len(needs), maxNeeds))
	for _, n := range needs[:min(len(needs), maxNeeds)] {
		kept = append(kept, Need{
			Action: cutText(n.Action, maxName), Resource: cutText(n.Resource, maxARN),
			Allowed: n.Allowed, Reason: cutText(n.Reason, maxName), Policy: cutText(n.Policy, maxARN),
		})
		last := &kept[len(kept)-1]
		last.Context, last.ContextCut = boundedContext(n.Context)
		last.ContextCut = last.ContextCut || n.ContextCut
	}
	return kept
}

// boundedContext keeps whole keys, in their order, while there is room, and
// says whether any was left out: a value that is cut would explain wrongly.
func boundedContext(context map[string][]string) (kept map[string][]string, cut bool) {
	if len(context) == 0 {
		return nil, false
	}
	kept, room := map[string][]string{}, maxContext
	for _, key := range slices.Sorted(maps.Keys(context)) {
		size := len(key)
		valid := utf8.ValidString(key)
		for _, v := range context[key] {
			size += len(v)
			valid = valid && utf8.ValidString(v)
		}
		if !valid || size > room || len(context[key]) > maxContextValues || len(kept) == maxContextKeys {
			cut = true
			continue
		}
		room -= size
		kept[key] = context[key]
	}
	if len(kept) == 0 {
		kept = nil
	}
	return kept, cut
}

func boundedSessions(all []SessionPolicy) []SessionPolicy {
	var kept []SessionPolicy
	for _, p := range all[:min(len(all), maxSessions)] {
		kept = append(kept, SessionPolicy{Name: cutText(p.Name, maxARN), Text: cutText(p.Text, maxMessage)})
	}
	return kept
}

func boundedVia(via []string) []string {
	var kept []string
	for _, v := range via[:min(len(via), maxVia)] {
		kept = append(kept, cutText(v, maxName))
	}
	return kept
}

// boundedBody is JSON of a sane length: the body, or what is to be known of it.
func boundedBody(body json.RawMessage) json.RawMessage {
	switch {
	case len(body) == 0:
		return nil
	case len(body) > maxBody:
		return tooLong(body)
	case !json.Valid(body):
		return json.RawMessage(`{"notJSON":` + strconv.Itoa(len(body)) + `}`)
	}
	return body
}

func tooLong(body json.RawMessage) json.RawMessage {
	if len(body) == 0 {
		return nil
	}
	return json.RawMessage(`{"truncated":` + strconv.Itoa(len(body)) + `}`)
}

// cutText is s as UTF-8 of at most n bytes.
func cutText(s string, n int) string {
	if utf8.ValidString(s) && len(s) <= n {
		return s
	}
	s = strings.ToValidUTF8(s, "?")
	for end := min(len(s), n); ; end-- {
		if end == len(s) || utf8.RuneStart(s[end]) {
			return s[:end]
		}
	}
}
