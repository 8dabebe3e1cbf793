package organizations

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/organizations"
	"cloister/internal/door"
	"cloister/internal/door/doortest"
)

var rewrite = flag.Bool("rewrite", false, "write what the scripts answer into testdata")

// TestScripts runs the calls of each file in testdata in order. A step is
//
//	WHO Operation {input as JSON}
//	answer as JSON, or the error with its Reason
//
// and an empty line. WHO is root, the root user of an account that was made
// (<account-1>), or a name that stands in users, with a policy. "settle" makes
// the accounts that wait. Ids and times in answers are numbered and can be given
// back: <ou-1>.
func TestScripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) { runScript(t, file) })
	}
}

// users are the callers that scripts have beside root.
var users = map[string]string{
	"nobody": `{"Statement":{"Effect":"Allow","Action":"s3:*","Resource":"*"}}`,
	"reader": `{"Statement":{"Effect":"Allow","Action":["organizations:Describe*","organizations:List*"],"Resource":"*"}}`,
	"scps":   `{"Statement":{"Effect":"Allow","Action":"organizations:*Policy","Resource":"*","Condition":{"StringEquals":{"organizations:PolicyType":"SERVICE_CONTROL_POLICY"}}}}`,
	"tagger": `{"Statement":{"Effect":"Allow","Action":"organizations:*","Resource":"*","Condition":{"StringEquals":{"aws:RequestTag/stage":"test"}}}}`,
	"tagged": `{"Statement":{"Effect":"Allow","Action":"organizations:*","Resource":"*","Condition":{"StringEquals":{"aws:ResourceTag/stage":"test"}}}}`,
	"places": `{"Statement":{"Effect":"Allow","Action":"organizations:*","Resource":["arn:aws:organizations::123456789012:ou/o-*/ou-*","arn:aws:organizations::123456789012:account/o-*/*"]}}`,
}

func runScript(t *testing.T, file string) {
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	s := &script{h: newHarness(t), names: map[string]string{}, values: map[string]string{}, seen: map[string]int{}}
	var out []string
	for i, step := range strings.Split(strings.TrimSpace(string(text)), "\n\n") {
		got := s.step(t, step)
		if got != strings.TrimSpace(step) && !*rewrite {
			t.Errorf("step %d:\n%s\nanswers\n%s", i+1, step, got)
		}
		out = append(out, got)
	}
	if *rewrite {
		if err := os.WriteFile(file, []byte(strings.Join(out, "\n\n")+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

type script struct {
	h      *harness
	names  map[string]string // of ids, as answers show them
	values map[string]string // of shown names
	seen   map[string]int    // ids by prefix
}

// step runs one step and returns it with the answer that it got.
func (s *script) step(t *testing.T, step string) string {
	t.Helper()
	var comments, rest []string
	for _, line := range strings.Split(strings.TrimSpace(step), "\n") {
		if strings.HasPrefix(line, "#") {
			comments = append(comments, line)
		} else {
			rest = append(rest, line)
		}
	}
	if len(rest) == 0 {
		return strings.Join(comments, "\n")
	}
	if rest[0] == "settle" {
		s.h.settle()
		return strings.Join(append(comments, rest[0]), "\n")
	}
	parts := strings.SplitN(rest[0], " ", 3)
	if len(parts) < 3 || callers[parts[1]] == nil {
		t.Fatalf("not a step: %s", rest[0])
	}
	out, err := callers[parts[1]](s.h, s.who(t, parts[0]), s.restore(doortest.Expand(parts[2])))
	var wire *awsapi.Error
	switch {
	case errors.As(err, &wire):
		out = wire.Error()
		if reason, ok := wire.Members["Reason"]; ok {
			out += fmt.Sprintf(" (%s)", reason)
		}
	case err != nil:
		t.Fatalf("%s: %v", rest[0], err)
	default:
		out = doortest.Compact(t, out)
	}
	return strings.Join(append(comments, rest[0], s.show(out)), "\n")
}

func (s *script) who(t *testing.T, name string) *door.Principal {
	if name == "root" {
		return s.h.Root()
	}
	if account, ok := s.values[name]; ok {
		return root(account)
	}
	document, ok := users[name]
	if !ok {
		t.Fatalf("nobody is called %s", name)
	}
	return s.h.User(name, document)
}

var (
	idPattern   = regexp.MustCompile(`\b(?:o-[a-z0-9]{10}|r-[a-z0-9]{4}|ou-[a-z0-9]{4}-[a-z0-9]{8}|p-[a-z0-9]{8}|car-[a-z0-9]{32}|[0-9]{12})\b`)
	timePattern = regexp.MustCompile(`"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ"`)
	shownID     = regexp.MustCompile(`<[a-z]+-\d+>`)
)

// show replaces what differs between runs.
func (s *script) show(text string) string {
	text = timePattern.ReplaceAllString(text, `"<time>"`)
	return idPattern.ReplaceAllStringFunc(text, func(id string) string {
		if id == "123456789012" || id == "999999999999" {
			return id
		}
		if s.names[id] == "" {
			kind, _, ok := strings.Cut(id, "-")
			if !ok {
				kind = "account"
			}
			s.seen[kind]++
			s.names[id] = fmt.Sprintf("<%s-%d>", kind, s.seen[kind])
			s.values[s.names[id]] = id
		}
		return s.names[id]
	})
}

// restore is the inverse of show for ids.
func (s *script) restore(text string) string {
	return shownID.ReplaceAllStringFunc(text, func(name string) string { return s.values[name] })
}

func TestEveryOperationIsRegistered(t *testing.T) {
	h := newHarness(t)
	registered := map[string]bool{}
	for _, op := range h.Door.Operations() {
		registered[op.Operation.Name] = true
	}
	for _, op := range api.Service.Operations {
		if !registered[op.Name] || callers[op.Name] == nil {
			t.Errorf("%s is in the manifest and not registered, or not in callers", op.Name)
		}
	}
}
