package main

import (
	"fmt"
	"io"
	"time"
)

// progress returns a function that tells on a terminal how much of a long work
// is done, from its second second on. It counts bytes.
func progress(w io.Writer, verb, unit string) func(bytes int64) {
	if !isTerminal(w) {
		return nil
	}
	next := time.Now().Add(time.Second)
	return func(bytes int64) {
		if now := time.Now(); now.After(next) {
			next = now.Add(time.Second)
			fmt.Fprintf(w, "%s %d %s\n", verb, bytes>>20, unit)
		}
	}
}
