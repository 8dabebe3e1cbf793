// Command bench measures Cloister beside its peers and a floor, on one machine
// in one run, and writes docs/benchmarks.md.
//
// Nothing in the document is known ahead: what could not be measured and what
// missed its target says so. scripts/bench builds what it needs and runs it.
package main
