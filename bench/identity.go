package main

import "cloister/bench/report"

const principals = 100_000 // that the figures are given for

// identity measures what many principals take of memory, and comparisons of
// policies.
func identity(b *bench) (*report.Section, error) {
	s := &report.Section{
		Title: "Principals and policies",
		Method: "Go benchmarks of `internal/service/iam` and `policy`. 20,000 users with two managed policies of 5 statements, the same for all, a tag and an access key; then with an inline policy of their own besides: what the heap grows by when each has made a call, times five. " +
			"A comparison (CheckNoNewAccess, `cloister policy compare`) is of a policy of 20 statements, half of them with conditions, with one that is the same or allows one action more.",
	}
	count := "20000x"
	if b.quick {
		count = "2000x"
	}
	people, err := b.benchmarksOnce("iam", "internal/service/iam", "^BenchmarkPrincipals$", count)
	if err != nil {
		return nil, err
	}
	compared, err := b.benchmarks("policy", "policy", "^BenchmarkCompare$")
	if err != nil {
		return nil, err
	}
	most := &report.Target{AtMost: 1000, Unit: "MB"}
	s.Rows = []report.Row{
		{What: "100,000 principals", Ours: people.megabytes("Principals/shared"), Target: most},
		{What: "100,000 principals, each with a policy of its own", Ours: people.megabytes("Principals/own"), Target: most},
		{What: "comparison, no new access", Ours: compared.figure("Compare/no_new_access", "ns/op", "ns")},
		{What: "comparison, new access", Ours: compared.figure("Compare/new_access", "ns/op", "ns")},
	}
	return s, nil
}

// megabytes is what all principals take, of what one does.
func (r results) megabytes(name string) *report.Figure {
	f := &report.Figure{Unit: "MB"}
	for _, one := range r[[2]string{name, "B/principal"}] {
		f.Add(one * principals / 1e6)
	}
	return f
}
