// Package report says what was measured: figures with their spread, ratios to
// what was measured beside them, and whether a target was met.
//
// Nothing in it is known ahead. A target that was missed, or not measured, is
// reported as that.
package report
