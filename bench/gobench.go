package main

import (
	"regexp"
	"strconv"
	"strings"
)

// benchmarkLine is a line of Go's benchmark format
// (https://go.googlesource.com/proposal/+/master/design/14313-benchmark-format.md).
var benchmarkLine = regexp.MustCompile(`^Benchmark(\S+?)(?:-\d+)?\s+\d+\s+(\S.*)$`)

// parse adds what a run printed.
func (r results) parse(output string) {
	for line := range strings.Lines(output) {
		m := benchmarkLine.FindStringSubmatch(strings.TrimSpace(line))
		if m == nil {
			continue
		}
		fields := strings.Fields(m[2])
		for i := 0; i+1 < len(fields); i += 2 {
			if value, err := strconv.ParseFloat(fields[i], 64); err == nil {
				key := [2]string{m[1], fields[i+1]}
				r[key] = append(r[key], value)
			}
		}
	}
}
