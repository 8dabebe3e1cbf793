package invoke

import (
	"errors"
	"time"

	"cloister/internal/cell"
)

// initGrace is how long a runtime that reported that it cannot initialise may
// go on, to write its last lines.
const initGrace = 500 * time.Millisecond

// initPhase is when a runtime initialises. A function whose initialisation
// fails or takes too long gets a second chance, within the time of its first
// invocation, before that fails.
// docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html
type initPhase string

const (
	phaseInit   initPhase = "init"
	phaseInvoke initPhase = "invoke"
)

// initLimit is how long an initialisation may take.
func (f *Fleet) initLimit(fn *Function, phase initPhase) time.Duration {
	if phase == phaseInit {
		return f.o.InitTimeout
	}
	return fn.Timeout
}

// initFailure is why a cell never became ready.
type initFailure struct {
	posted    *Result // what the runtime said, or nil:
	errorType string
	text      string
	late      bool // it did not become ready in time
}

func (i *initFailure) result(requestID string) *Result {
	if i.posted != nil {
		return i.posted
	}
	return failure(i.errorType, "RequestId: "+requestID+" Error: "+i.text)
}

const errInvalidEntrypoint = "Runtime.InvalidEntrypoint"

func invalidEntrypoint(text string) *initFailure {
	return &initFailure{errorType: errInvalidEntrypoint, text: text}
}

// badEntrypoint tells a package that cannot be executed from a machine that
// cannot run anything.
func badEntrypoint(err error) (*initFailure, error) {
	if exec := (*cell.ExecError)(nil); errors.As(err, &exec) {
		return invalidEntrypoint("fork/exec " + exec.Path + ": " + exec.Err.Error()), nil
	}
	return nil, err
}

// claimInit lets one report that the runtime cannot initialise be read; false:
// it is too late for one, or another is being read. reportInit or unclaimInit
// ends the claim.
func (in *instance) claimInit() bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.state != stateInit || in.failed != nil || in.reporting {
		return false
	}
	in.reporting = true
	return true
}

// unclaimInit is for a report that was broken off.
func (in *instance) unclaimInit() {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.reporting = false
}

// reportInit takes the report that was claimed; false: it has become too late.
func (in *instance) reportInit(res *Result) bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.reporting = false
	if in.state != stateInit || in.failed != nil {
		return false
	}
	in.failed = &initFailure{posted: res, errorType: res.ErrorType}
	time.AfterFunc(initGrace, in.kill)
	return true
}

// initTooLate gives a runtime up that is not ready in time.
func (in *instance) initTooLate() {
	in.mu.Lock()
	if in.state == stateInit {
		if in.failed == nil {
			in.failed = &initFailure{errorType: "Sandbox.Timedout", late: true}
		}
		in.die()
	}
	in.mu.Unlock()
	in.kill()
}

// initFailed is why the cell is not ready; nil: it is, or was.
func (in *instance) initFailed() *initFailure {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.failed
}

// logInit writes the line about an initialisation that failed.
func (in *instance) logInit(i *initFailure, phase initPhase) {
	status := "Status: error\tError Type: " + i.errorType
	if i.late {
		status = "Status: timeout"
	}
	b := appendMillis([]byte("INIT_REPORT Init Duration: "), time.Since(in.born))
	in.out.say(time.Now(), string(b)+" ms\tPhase: "+string(phase)+"\t"+status+"\n")
}

// deservesAnother says whether it makes sense to try again: a package without
// anything to run stays one.
func (in *instance) deservesAnother() bool {
	failed := in.initFailed()
	return failed != nil && failed.errorType != errInvalidEntrypoint
}

// failInit gives a caller the failure of the cell that was started for it.
func (in *instance) failInit(inv *invocation) {
	failed := in.initFailed()
	if failed == nil {
		failed = &initFailure{errorType: "Runtime.ExitError", text: "Runtime exited without providing a reason"}
	}
	inv.started = time.Now()
	in.out.begin(inv.started, inv.startLine(), inv.tail)
	if failed.late {
		in.end(inv, "Status: timeout", inv.timeoutLine(inv.started))
		inv.finish(timedOut(inv.req.RequestID, inv.fn.Timeout), nil)
		return
	}
	in.end(inv, "Status: error\tError Type: "+failed.errorType)
	inv.finish(failed.result(inv.req.RequestID), nil)
}
