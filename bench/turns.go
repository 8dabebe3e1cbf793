package main

import (
	"fmt"
	"time"

	"cloister/bench/lab"
	"cloister/bench/load"
	"cloister/bench/report"
)

// side is one of the servers that are measured in turns.
type side struct {
	target  *load.Target
	process *lab.Process
}

// sample is one round of a side, and the processor time that it took there.
type sample struct {
	*load.Round
	server, functions time.Duration
}

// turns are the samples of each side, ours first.
type turns [][]*sample

// turns runs the rounds, one side after the other, after one of each that does
// not count. Each begins with another side, so that none is always the one that
// finds the machine as the same other left it.
func (b *bench) turns(clients int, sides ...side) (turns, error) {
	t := make(turns, len(sides))
	for n := range b.rounds + 1 {
		for i := range sides {
			at := (n + i) % len(sides)
			s, err := b.sample(clients, sides[at])
			if err != nil {
				return nil, err
			}
			if n > 0 {
				t[at] = append(t[at], s)
			}
		}
	}
	return t, nil
}

// sample runs one round.
func (b *bench) sample(clients int, s side) (*sample, error) {
	server, functions := []int{s.process.PID()}, lab.Descendants(s.process.PID(), "bootstrap")
	before := [2]time.Duration{lab.ProcessorTime(server), lab.ProcessorTime(functions)}
	round, err := s.target.Run(b.ctx, clients, b.round)
	if err != nil {
		return nil, fmt.Errorf("%d clients at %s: %w", clients, s.target.Address, err)
	}
	return &sample{round, lab.ProcessorTime(server) - before[0], lab.ProcessorTime(functions) - before[1]}, nil
}

// measure is what is taken from a round.
type measure struct {
	unit string
	of   func(*sample) float64
}

var (
	p50       = measure{"µs", func(s *sample) float64 { return s.Percentile(50) }}
	p99       = measure{"µs", func(s *sample) float64 { return s.Percentile(99) }}
	perSecond = measure{"requests/s", func(s *sample) float64 { return s.PerSecond() }}

	serverTime   = measure{"µs", func(s *sample) float64 { return s.each(s.server) }}
	functionTime = measure{"µs", func(s *sample) float64 { return s.each(s.functions) }}
)

// each is a request's part of d, in µs.
func (s *sample) each(d time.Duration) float64 {
	return float64(d.Microseconds()) / float64(len(s.Latencies))
}

func (m measure) figure(samples []*sample) *report.Figure {
	f := &report.Figure{Unit: m.unit}
	for _, s := range samples {
		f.Add(m.of(s))
	}
	return f
}

// row is ours beside the side number peer.
func (t turns) row(what string, peer int, beside string, m measure, target *report.Target) report.Row {
	return report.Row{What: what, Ours: m.figure(t[0]), Beside: beside, Peer: m.figure(t[peer]), Paired: true, Target: target}
}
