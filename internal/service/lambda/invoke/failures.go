package invoke

import (
	"encoding/json"
	"fmt"
	"strconv"
	"syscall"
	"time"

	"cloister/internal/cell"
)

// errorBody is the document of an error as AWS gives it.
func errorBody(errorType, message string) []byte {
	doc, _ := json.Marshal(struct {
		Type    string `json:"errorType"`
		Message string `json:"errorMessage"`
	}{errorType, message})
	return doc
}

// failure is a result that the platform words, not the function.
func failure(errorType, message string) *Result {
	return &Result{Payload: errorBody(errorType, message), ContentType: "application/json", FunctionError: Unhandled, ErrorType: errorType}
}

func responseTooLarge() *Result {
	return failure("Function.ResponseSizeTooLarge",
		"Response payload size exceeded maximum allowed payload size ("+strconv.Itoa(MaxResponse)+" bytes).")
}

// errorTooLarge stands for an error whose document was not kept.
func errorTooLarge(header string) *Result {
	return failure(errorTypeOf(header, nil),
		"The document of the error exceeded the maximum size of an error ("+strconv.Itoa(MaxError)+" bytes).")
}

func truncated() *Result {
	return failure("Runtime.TruncatedResponse", "Response truncated")
}

func timedOut(requestID string, after time.Duration) *Result {
	return failure("Sandbox.Timedout", fmt.Sprintf("RequestId: %s Error: %s", requestID, timeoutText(after)))
}

func timeoutText(after time.Duration) string {
	return fmt.Sprintf("Task timed out after %.2f seconds", after.Seconds())
}

// exitText words the end of a runtime as the Runtime Interface Emulator does.
func exitText(e cell.Exit) string {
	switch {
	case e.OOMKilled:
		return "Runtime exited with error: signal: killed"
	case e.Signal != 0:
		return "Runtime exited with error: signal: " + syscall.Signal(e.Signal).String()
	case e.Code != 0:
		return "Runtime exited with error: exit status " + strconv.Itoa(e.Code)
	}
	return "Runtime exited without providing a reason"
}

func exitType(e cell.Exit) string {
	if e.OOMKilled {
		return "Runtime.OutOfMemory"
	}
	return "Runtime.ExitError"
}

func exited(requestID string, e cell.Exit) *Result {
	return failure(exitType(e), "RequestId: "+requestID+" Error: "+exitText(e))
}

// maxErrorType bounds a type that a function chose: it ends in headers and
// log lines.
const maxErrorType = 255

// errorTypeOf finds the type of an error that a runtime posted: in its header,
// else in the document.
func errorTypeOf(header string, doc []byte) string {
	if header == "" {
		var d struct {
			ErrorType string `json:"errorType"`
		}
		if json.Unmarshal(doc, &d) == nil {
			header = d.ErrorType
		}
	}
	if header == "" || len(header) > maxErrorType || !printable(header) {
		return "Runtime.Unknown"
	}
	return header
}

func printable(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}
