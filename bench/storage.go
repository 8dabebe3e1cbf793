package main

import (
	"fmt"
	"os/exec"
	"path/filepath"

	"cloister/bench/report"
)

// storage measures durable updates and audited calls, with the benchmarks of
// the packages themselves.
func storage(b *bench) (*report.Section, error) {
	s := &report.Section{
		Title: "Store and audit",
		Method: "Go benchmarks of `internal/store/pebbleengine` and `internal/audit`, which `make bench` compiles and runs in rounds. An update is a transaction that is on disk when it returns; its floor appends as many bytes to a file and waits for fdatasync, one at a time. " +
			"Append is what an audited read pays; its floor is one write(2) of as many bytes.",
	}
	store, err := b.benchmarks("pebbleengine", "internal/store/pebbleengine", "^(BenchmarkUpdate|BenchmarkFdatasyncFloor)$")
	if err != nil {
		return nil, err
	}
	audit, err := b.benchmarks("audit", "internal/audit", "^BenchmarkAppend$")
	if err != nil {
		return nil, err
	}
	floor, write := store.figure("FdatasyncFloor", "syncs/s", "syncs/s"), audit.figure("Append/write", "ns/op", "ns")
	s.Rows = []report.Row{
		{What: "updates, 1 writer", Ours: store.figure("Update/1_writer", "updates/s", "updates/s"), Beside: "fdatasync", Peer: floor, Paired: true},
		{What: "updates, 16 writers", Ours: store.figure("Update/16_writers", "updates/s", "updates/s"), Beside: "fdatasync", Peer: floor, Paired: true},
		{What: "audit append", Ours: audit.figure("Append/alone", "ns/op", "ns"), Beside: "write(2)", Peer: write, Paired: true},
		{What: "audit append, many at once", Ours: audit.figure("Append/16-appenders", "ns/op", "ns"), Beside: "write(2)", Peer: write, Paired: true},
	}
	return s, nil
}

// results are the samples of each benchmark and unit.
type results map[[2]string][]float64

// figure is empty, "not measured", where the packages have no such benchmark.
func (r results) figure(name, key, unit string) *report.Figure {
	return &report.Figure{Unit: unit, Samples: r[[2]string{name, key}]}
}

// benchmarks runs a compiled test binary's benchmarks once for each round.
func (b *bench) benchmarks(binary, dir, pattern string) (results, error) {
	length := "500ms"
	if b.quick {
		length = "50ms"
	}
	all := results{}
	for range min(b.rounds, 3) {
		once, err := b.benchmarksOnce(binary, dir, pattern, length)
		if err != nil {
			return nil, err
		}
		all.join(once)
	}
	return all, nil
}

// benchmarksOnce runs them one time, for a duration or a number of times ("10x").
func (b *bench) benchmarksOnce(binary, dir, pattern, length string) (results, error) {
	cmd := exec.CommandContext(b.ctx, filepath.Join(b.tools.Dir, binary+".test"), "-test.run=^$", "-test.bench="+pattern, "-test.benchtime="+length)
	cmd.Dir = filepath.Join(b.tools.Root, dir)
	output, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%s: %w: %s", binary, err, output)
	}
	all := results{}
	all.parse(string(output))
	return all, nil
}

func (r results) join(other results) {
	for key, samples := range other {
		r[key] = append(r[key], samples...)
	}
}
