package main

import (
	"fmt"
	"time"

	"cloister/bench/decision"
	"cloister/bench/report"
)

// compared is how many requests the engines must agree on.
const compared = 3000

// decide measures one decision of the policy engine.
func decide(b *bench) (*report.Section, error) {
	requests := decision.Requests(compared)
	engines, err := decision.Engines(decision.NewSet(10, 5), requests)
	if err != nil {
		return nil, err
	}
	allowed, err := decision.Agree(engines, requests)
	if err != nil {
		return nil, err
	}
	s := &report.Section{
		Title: "One decision",
		Method: fmt.Sprintf("10 policies of 5 statements, half of them with conditions on a tag, an address range and TLS. The same set was written for each engine (Cedar with `when` clauses, Rego with a rule for each action, which OPA indexes), "+
			"policies and requests were prepared ahead, and the three gave the same answer to each of %d requests, %d of them allowed, before they were timed. The worst case is a request that only the last statement allows; the mix is all of them.", compared, allowed),
	}
	worst, mix := b.decisions(engines, 1), b.decisions(engines, compared)
	s.Rows = append(s.Rows,
		report.Row{What: "worst case", Ours: &worst[0].time, Target: &report.Target{AtMost: 2000, Unit: "ns"}},
		report.Row{What: "allocations, worst case", Ours: &worst[0].allocations, Target: &report.Target{AtMost: 0}})
	for i, e := range engines[1:] {
		s.Rows = append(s.Rows,
			report.Row{What: "worst case", Ours: &worst[0].time, Beside: e.Name, Peer: &worst[i+1].time, Paired: true},
			report.Row{What: "mix", Ours: &mix[0].time, Beside: e.Name, Peer: &mix[i+1].time, Paired: true},
			report.Row{What: "allocations, mix", Ours: &mix[0].allocations, Beside: e.Name, Peer: &mix[i+1].allocations})
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
