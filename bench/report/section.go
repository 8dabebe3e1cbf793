package report

import (
	"fmt"
	"math"
	"strings"
)

// Section is one part of the benchmark.
type Section struct {
	Title  string
	Method string // how it was measured, in Markdown
	Rows   []Row
	Notes  []string // what turned up
	Busy   float64  // share of the processors that others used just before, 0 to 1
}

// Note adds what turned up.
func (s *Section) Note(format string, args ...any) {
	s.Notes = append(s.Notes, fmt.Sprintf(format, args...))
}

// Row is one figure, what was measured beside it, and the target.
type Row struct {
	What   string
	Ours   *Figure
	Beside string // the name of Peer
	Peer   *Figure
	Paired bool // the samples were taken in turns: the ratio is the median of each round's
	Target *Target
}

// Target is what a figure, or its ratio to its peer, is held to.
type Target struct {
	OfRatio         bool
	AtMost, AtLeast float64 // one of them
	Unit            string
}

func (t *Target) String() string {
	word, bound := "at most", t.AtMost
	if t.AtLeast > 0 {
		word, bound = "at least", t.AtLeast
	}
	if t.OfRatio {
		return fmt.Sprintf("%s %s ×", word, number(bound))
	}
	return strings.TrimSpace(fmt.Sprintf("%s %s %s", word, number(bound), t.Unit))
}

// Ratio is how many times its peer a row's figure is, NaN without a peer.
func (r *Row) Ratio() float64 {
	if r.Peer == nil {
		return math.NaN()
	}
	if r.Paired {
		return r.Ours.ratios(r.Peer).Median()
	}
	return r.Ours.ratio(r.Peer)
}

// Verdict says whether the target was met; it is empty without one.
func (r *Row) Verdict() string {
	if r.Target == nil {
		return ""
	}
	value := r.Ours.Median()
	if r.Target.OfRatio {
		value = r.Ratio()
	}
	switch t := r.Target; {
	case math.IsNaN(value):
		return "**not measured**"
	case t.AtLeast > 0 && value >= t.AtLeast, t.AtLeast == 0 && value <= t.AtMost:
		return "met"
	}
	return "**missed**"
}

func (r *Row) ratioText() string {
	ratio := r.Ratio()
	switch {
	case r.Peer == nil:
		return ""
	case math.IsNaN(ratio):
		return "not measured"
	case r.Paired && len(r.Ours.Samples) > 1:
		f := r.Ours.ratios(r.Peer)
		f.Unit = "×"
		return f.String()
	}
	return number(ratio) + " ×"
}
