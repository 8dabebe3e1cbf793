// Package lab sets up what the benchmarks measure: nodes with users, policies
// and functions in them, and the peers beside.
//
// Everything it starts ends with the benchmark: each process is told to end
// when its parent does, and Stop waits for it.
package lab
