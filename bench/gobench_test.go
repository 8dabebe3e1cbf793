package main

import (
	"maps"
	"slices"
	"testing"
)

func TestParse(t *testing.T) {
	r := results{}
	r.parse("goos: linux\nBenchmarkUpdate/16_writers-2   \t  100\t 5000 ns/op\t 2000 updates/s\nBenchmarkUpdate/16_writers-2 90 6000 ns/op\nBenchmarkAppend/write 7 1.5 ns/op\nPASS\n")
	want := results{
		{"Update/16_writers", "ns/op"}: {5000, 6000}, {"Update/16_writers", "updates/s"}: {2000}, {"Append/write", "ns/op"}: {1.5},
	}
	if !maps.EqualFunc(r, want, slices.Equal) {
		t.Errorf("%v", r)
	}
	if got := r.figure("Gone", "ns/op", "ns").String(); got != "not measured" {
		t.Errorf("a benchmark that is gone is %q", got)
	}
}
