// Command cloister is the whole platform in one binary: the node, and the
// commands that talk to one.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	_ "cloister/internal/cell/child" // cells are this binary, re-executed
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := newRoot().ExecuteContext(ctx)
	if err == nil {
		return
	}
	var quiet *exitError
	if errors.As(err, &quiet) {
		os.Exit(quiet.code)
	}
	fmt.Fprintf(os.Stderr, "cloister: %v\n", err)
	os.Exit(exitCode(err))
}

// Exit codes: 0 done, 1 it failed, 2 the command was not understood, 3 what was
// checked is not as it should be.
const (
	exitFailed  = 1
	exitUsage   = 2
	exitFinding = 3
)

// exitError ends the process with a code when all has been said already.
type exitError struct{ code int }

func (e *exitError) Error() string { return fmt.Sprintf("exit %d", e.code) }

// usageError marks a command line that was not understood.
type usageError struct{ error }

func exitCode(err error) int {
	var usage usageError
	if errors.As(err, &usage) {
		return exitUsage
	}
	return exitFailed
}
