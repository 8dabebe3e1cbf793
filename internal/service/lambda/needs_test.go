package lambda

import (
	"context"
	"os"
	"strings"
	"testing"

	"cloister/internal/audit"
)

// TestNeeds calls every operation as testdata/needs/needs.txt says and compares
// what the audit log says was asked for: actions and resources as the Service
// Authorization Reference has them
// (https://docs.aws.amazon.com/service-authorization/latest/reference/list_awslambda.html).
// A step is
//
//	Operation {input as JSON}
//	action resource
//
// with a line for each need, and an empty line.
func TestNeeds(t *testing.T) {
	const file = "testdata/needs/needs.txt"
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	h := newHarness(t)
	s := &script{h: h, t: t, ids: map[string]string{}, shown: map[string]string{}}
	covered := map[string]bool{"InvokeWithResponseStream": true} // resolved as Invoke is
	for _, step := range strings.Split(strings.TrimSpace(string(text)), "\n\n") {
		command, want, _ := strings.Cut(step, "\n")
		name, in, _ := strings.Cut(command, " ")
		covered[name] = true
		from := h.Audit.Size()
		_, _ = callers[name].call(h, h.Root(), s.restore(in))
		if got := needs(t, h.Audit, from, name); got != want {
			t.Errorf("%s\nneeds\n%s\nwant\n%s", command, got, want)
		}
	}
	for name := range callers {
		if !covered[name] {
			t.Errorf("%s is not in %s", name, file)
		}
	}
}

// needs lists what the first call of an operation from a record on asked for.
func needs(t *testing.T, log *audit.Log, from int64, name string) string {
	t.Helper()
	for e, err := range log.Records(context.Background(), from) {
		if err != nil {
			t.Fatal(err)
		}
		if e.EventName == name {
			var lines []string
			for _, n := range e.Needs {
				lines = append(lines, n.Action+" "+n.Resource)
			}
			return strings.Join(lines, "\n")
		}
	}
	return "(no record)"
}
