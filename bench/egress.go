package main

import "cloister/bench/report"

// egress measures what a program in a cell gets of a network through the policy,
// with the benchmark of the package itself.
func egress(b *bench) (*report.Section, error) {
	s := &report.Section{
		Title: "Network of a cell",
		Method: "`BenchmarkNetwork` of `internal/cell`: the same compiled Go program, for a second each time, plain and in a cell, against the same server on this machine's loopback. In the cell every connection is decided on and opened by the node, which copies the bytes. " +
			"A connection is opened and closed, 16 at once; the streams are one connection. Plain loopback is the limit of the machine: a relay opens two connections for each.",
	}
	load, err := b.benchmarksOnce("cell", "internal/cell", "^BenchmarkNetwork$", egressRuns(b.quick))
	if err != nil {
		return nil, err
	}
	for _, row := range []struct {
		what, name, unit string
		atLeast          float64
	}{
		{"connections", "connections", "conns/s", 20000},
		{"sending", "up", "Gbit/s", 3},
		{"receiving", "down", "Gbit/s", 3},
	} {
		name := "Network/load_" + row.name
		s.Rows = append(s.Rows, report.Row{
			What: row.what, Ours: load.figure(name+"/cell", row.unit, row.unit), Target: &report.Target{AtLeast: row.atLeast, Unit: row.unit},
			Beside: "plain loopback", Peer: load.figure(name+"/plain", row.unit, row.unit),
		})
	}
	return s, nil
}

// egressRuns is how often each load runs.
func egressRuns(quick bool) string {
	if quick {
		return "1x"
	}
	return "5x"
}
