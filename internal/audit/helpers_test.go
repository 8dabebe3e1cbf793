package audit

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"cloister/internal/seal"
)

// tester is what *testing.T and *rapid.T have in common.
type tester interface {
	Helper()
	Fatalf(format string, args ...any)
	Errorf(format string, args ...any)
}

// must1 is for calls that have to succeed: must1(f())(t).
func must1[T any](v T, err error) func(t tester) T {
	return func(t tester) T {
		t.Helper()
		if err != nil {
			t.Fatalf("unexpected error: %v", err)
		}
		return v
	}
}

func must0(t tester, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("unexpected error: %v", err)
	}
}

// testKeys is one root key for all tests of the process.
var testKeys = sync.OnceValue(func() *seal.Keyring {
	dir, err := os.MkdirTemp("", "audit-keys")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	return newKeys(dir)
})

func newKeys(dir string) *seal.Keyring {
	keys, err := seal.Open(seal.RootOptions{Dir: dir, Create: true})
	if err != nil {
		panic(err)
	}
	return keys
}

// inTests has a few records fill a segment.
var inTests = tuning{segmentBytes: 2000, syncDelay: usual.syncDelay, checkpointEvery: usual.checkpointEvery}

// broken is inTests on a disk that is not as it should be.
func broken(wrap func(output) output) tuning {
	how := inTests
	how.wrap = wrap
	return how
}

func openLog(t tester, dir string) *Log {
	t.Helper()
	return must1(open(dir, nil, testKeys(), inTests))(t)
}

// call is a plausible record; each n gives another.
func call(n int) *Record {
	return &Record{
		Time:      time.Date(2026, 1, 2, 3, 4, 5, n, time.UTC),
		EventID:   fmt.Sprintf("event-%d", n),
		RequestID: fmt.Sprintf("request-%d", n), EventSource: "lambda.amazonaws.com", EventName: "GetFunction",
		Region: "eu-central-1", Account: "123456789012", SourceIP: "127.0.0.1", UserAgent: "aws-cli/2",
		Principal: Principal{Type: "IAMUser", ID: "AIDAEXAMPLE", ARN: "arn:aws:iam::123456789012:user/ada", Account: "123456789012", AccessKeyID: "AKIAEXAMPLE"},
		Outcome:   Allowed, ReadOnly: true,
		Needs:   []Need{{Action: "lambda:GetFunction", Resource: "arn:aws:lambda:eu-central-1:123456789012:function:f", Allowed: true, Reason: "allowed by an identity-based policy"}},
		Request: []byte(`{"functionName":"f"}`),
	}
}

func appendCalls(t tester, l *Log, from, to int) {
	t.Helper()
	for n := from; n < to; n++ {
		must0(t, l.Append(call(n)))
	}
}

// makeLog leaves a closed log of n records in dir and returns a checkpoint of it.
func makeLog(t tester, dir string, n int) (outside []byte) {
	t.Helper()
	l := openLog(t, dir)
	appendCalls(t, l, 0, n)
	outside = must1(l.Checkpoint(context.Background()))(t)
	must0(t, l.Close())
	return outside
}

// verifyWhole is how every test ends: the log is what was written.
func verifyWhole(t tester, dir string, outside []byte) *Report {
	t.Helper()
	report, err := Verify(context.Background(), VerifyOptions{Dir: dir, Keys: testKeys(), Checkpoint: outside})
	if err != nil {
		t.Fatalf("the log does not verify: %v", err)
	}
	return report
}

// readAll is the records of a log that no process holds.
func readAll(t tester, dir string) (entries []Entry) {
	t.Helper()
	for e, err := range Read(context.Background(), dir, testKeys(), 0, false) {
		must0(t, err)
		entries = append(entries, e)
	}
	return entries
}

// requestIDs counts how often each request is in the log.
func requestIDs(entries []Entry) map[string]int {
	count := map[string]int{}
	for _, e := range entries {
		count[e.RequestID]++
	}
	return count
}

// copyDir is a copy of a log's data directory.
func copyDir(t tester, from, to string) {
	t.Helper()
	must0(t, os.RemoveAll(to))
	must0(t, os.CopyFS(to, os.DirFS(from)))
}

func logFile(dir, name string) string { return filepath.Join(dir, logDir, name) }

// findTampering verifies a log that should not verify.
func findTampering(t tester, opts VerifyOptions) *Report {
	t.Helper()
	report, err := Verify(context.Background(), opts)
	if !errors.Is(err, ErrTampered) {
		t.Fatalf("tampering was not detected: %v", err)
	}
	return report
}
