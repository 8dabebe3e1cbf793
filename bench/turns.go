package main

import (
	"fmt"

	"cloister/bench/load"
	"cloister/bench/report"
)

// turns are rounds against two servers, one after the other.
type turns struct{ ours, theirs []*load.Round }

// turns runs the rounds, after one of each that does not count. Every other
// round begins with the peer, so that neither is always the one that finds the
// machine as the other left it.
func (b *bench) turns(clients int, ours, theirs *load.Target) (*turns, error) {
	t := &turns{}
	for n := range b.rounds + 1 {
		sides := []*load.Target{ours, theirs}
		kept := []*[]*load.Round{&t.ours, &t.theirs}
		if n%2 == 1 {
			sides[0], sides[1], kept[0], kept[1] = sides[1], sides[0], kept[1], kept[0]
		}
		for i, side := range sides {
			round, err := side.Run(b.ctx, clients, b.round)
			if err != nil {
				return nil, fmt.Errorf("%d clients at %s: %w", clients, side.Address, err)
			}
			if n > 0 {
				*kept[i] = append(*kept[i], round)
			}
		}
	}
	return t, nil
}

// measure is what is taken from a round.
type measure struct {
	unit string
	of   func(*load.Round) float64
}

var (
	p50       = measure{"µs", func(r *load.Round) float64 { return r.Percentile(50) }}
	p99       = measure{"µs", func(r *load.Round) float64 { return r.Percentile(99) }}
	perSecond = measure{"requests/s", func(r *load.Round) float64 { return r.PerSecond() }}
)

func (m measure) figure(rounds []*load.Round) *report.Figure {
	f := &report.Figure{Unit: m.unit}
	for _, r := range rounds {
		f.Add(m.of(r))
	}
	return f
}

func (t *turns) row(what, beside string, m measure, target *report.Target) report.Row {
	return report.Row{What: what, Ours: m.figure(t.ours), Beside: beside, Peer: m.figure(t.theirs), Paired: true, Target: target}
}
