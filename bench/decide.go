package main

import (
	"fmt"
	"time"

	"cloister/bench/decision"
	"cloister/bench/report"
)

const (
	compared = 3000 // requests that the engines must agree on
	mixed    = 256  // of them, those that are timed: as real ones, fresh in the cache
)

// decide measures one decision of the policy engine.
func decide(b *bench) (*report.Section, error) { return b.decide("One decision", 10, 5, 2000) }

// decideMany measures one on as many policies as a principal may have.
func decideMany(b *bench) (*report.Section, error) {
	return b.decide("One decision on twenty policies", 20, 10, 5000)
}

// decide compares the engines on a set of policies of statements; ours is held
// to nanoseconds.
func (b *bench) decide(title string, policies, statements int, nanoseconds float64) (*report.Section, error) {
	requests := decision.Requests(compared)
	engines, err := decision.Engines(decision.NewSet(policies, statements), requests)
	if err != nil {
		return nil, err
	}
	allowed, err := decision.Agree(engines, requests)
	if err != nil {
		return nil, err
	}
	s := &report.Section{
		Title: title,
		Method: fmt.Sprintf("%d policies of %d statements, half of them with conditions on a tag, an address range and TLS. The same set was written for each engine (a Cedar policy and a Rego rule for each action of a statement, which is what is fastest in both), "+
			"policies and requests were prepared ahead, and the three gave the same answer to each of %d requests, %d of them allowed, before they were timed. One request is allowed only by the last statement of all; the mix is %d of those requests.", policies, statements, compared, allowed, mixed),
	}
	last, mix := b.decisions(engines, 1), b.decisions(engines, mixed)
	target, none := &report.Target{AtMost: nanoseconds, Unit: "ns"}, &report.Target{AtMost: 0}
	s.Rows = append(s.Rows,
		report.Row{What: "allowed last", Ours: &last[0].time, Target: target},
		report.Row{What: "mix", Ours: &mix[0].time, Target: target},
		report.Row{What: "allocations, mix", Ours: &mix[0].allocations, Target: none})
	for i, e := range engines[1:] {
		s.Rows = append(s.Rows,
			report.Row{What: "allowed last", Ours: &last[0].time, Beside: e.Name, Peer: &last[i+1].time, Paired: true},
			report.Row{What: "mix", Ours: &mix[0].time, Beside: e.Name, Peer: &mix[i+1].time, Paired: true},
			report.Row{What: "allocations, mix", Ours: &mix[0].allocations, Beside: e.Name, Peer: &mix[i+1].allocations})
		s.Note("%s takes %.0f times as long for the mix.", e.Name, mix[i+1].time.Median()/mix[0].time.Median())
	}
	return s, nil
}

// costs are what decisions of one engine took.
type costs struct{ time, allocations report.Figure }

// decisions measures the engines in turns on the first n requests.
func (b *bench) decisions(engines []decision.Engine, n int) []costs {
	all := make([]costs, len(engines))
	length := 250 * time.Millisecond
	if b.quick {
		length = 50 * time.Millisecond
	}
	for range b.rounds {
		for i, e := range engines {
			cost := decision.Measure(e, n, length)
			all[i].time.Unit = "ns"
			all[i].time.Add(cost.Nanoseconds)
			all[i].allocations.Add(cost.Allocations)
		}
	}
	return all
}
