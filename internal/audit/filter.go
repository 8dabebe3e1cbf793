package audit

import (
	"iter"
	"time"
)

// Filter selects records. A zero field selects every record.
type Filter struct {
	RequestID   string
	Principal   string // an ARN, an access key id or a principal id
	EventSource string
	EventName   string
	Outcome     Outcome
	Since       time.Time // inclusive
	Until       time.Time // exclusive
}

// Match says whether the filter selects rec.
func (f *Filter) Match(rec *Record) bool {
	return is(f.RequestID, rec.RequestID) &&
		is(f.EventSource, rec.EventSource) &&
		is(f.EventName, rec.EventName) &&
		is(f.Outcome, rec.Outcome) &&
		f.matchPrincipal(&rec.Principal) &&
		(f.Since.IsZero() || !rec.Time.Before(f.Since)) &&
		(f.Until.IsZero() || rec.Time.Before(f.Until))
}

func (f *Filter) matchPrincipal(p *Principal) bool {
	return is(f.Principal, p.ARN) || is(f.Principal, p.RoleARN) || is(f.Principal, p.AccessKeyID) || is(f.Principal, p.ID)
}

func is[S ~string](want, got S) bool { return want == "" || want == got }

// Select yields the entries that the filter selects, and errors.
func (f *Filter) Select(entries iter.Seq2[Entry, error]) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		for e, err := range entries {
			if (err != nil || f.Match(&e.Record)) && !yield(e, err) {
				return
			}
		}
	}
}
