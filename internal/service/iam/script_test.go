package iam

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	api "cloister/internal/awsapi/iam"

	"cloister/internal/awsapi"
	"cloister/internal/door"
	"cloister/internal/door/doortest"
)

var rewrite = flag.Bool("rewrite", false, "write what the scripts answer into testdata")

// TestScripts runs the calls of each file in testdata in order, each script on
// an account of its own. A step is
//
//	WHO Operation {input as JSON}
//	answer as JSON, or the error
//
// and an empty line. WHO is root or the name of a user. Ids and times in answers
// are numbered and can be given back: <AKIA-1>. <code phone -1> is the code that
// the MFA device phone showed one step ago.
func TestScripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) { runScript(t, file) })
	}
}

func runScript(t *testing.T, file string) {
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	s := &script{h: newHarness(t), names: map[string]string{}, values: map[string]string{}, seen: map[string]int{}}
	var out strings.Builder
	for i, step := range strings.Split(strings.TrimSpace(string(text)), "\n\n") {
		got := s.step(t, step)
		if got != strings.TrimSpace(step) && !*rewrite {
			t.Errorf("step %d:\n%s\nanswers\n%s", i+1, step, got)
		}
		if i > 0 {
			out.WriteString("\n\n")
		}
		out.WriteString(got)
	}
	out.WriteString("\n")
	if *rewrite {
		if err := os.WriteFile(file, []byte(out.String()), 0o644); err != nil {
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
	command := rest[0]
	parts := strings.SplitN(command, " ", 3)
	if len(parts) < 3 {
		t.Fatalf("not a step: %s", command)
	}
	call, ok := callers[parts[1]]
	if !ok {
		t.Fatalf("no operation %s", parts[1])
	}
	out, err := call(s.h, s.who(parts[0]), s.codes(s.restore(doortest.Expand(parts[2]))))
	var wire *awsapi.Error
	switch {
	case errors.As(err, &wire):
		out = s.show(wire.Error())
	case err != nil:
		t.Fatalf("%s: %v", command, err)
	default:
		out = s.show(doortest.Compact(t, out))
	}
	return strings.Join(append(comments, command, out), "\n")
}

func (s *script) who(name string) *door.Principal {
	if name == "root" {
		return s.h.root()
	}
	return s.h.user(name)
}

var (
	idPattern   = regexp.MustCompile(`\b(AIDA|AROA|AGPA|AIPA|ANPA|AKIA)[A-Z2-7]{16,17}\b`)
	timePattern = regexp.MustCompile(`"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ"`)
	secret      = regexp.MustCompile(`"SecretAccessKey":"[A-Za-z0-9+/]{40}"`)
	// Blobs are base64 in JSON: of 64 characters of base32, and of a PNG.
	seedPattern    = regexp.MustCompile(`"Base32StringSeed":"[A-Za-z0-9+/]{86}=="`)
	picturePattern = regexp.MustCompile(`"QRCodePNG":"iVBORw0KGgo[A-Za-z0-9+/=]*"`)
	taskPattern    = regexp.MustCompile(`task/aws-service-role/[^" ]*/[0-9a-f]{8}-[0-9a-f-]{27}`)
	shownID        = regexp.MustCompile(`<[A-Z]{4}-\d+>`)
)

// show replaces what differs between runs.
func (s *script) show(text string) string {
	text = secret.ReplaceAllString(text, `"SecretAccessKey":"<40 characters>"`)
	text = seedPattern.ReplaceAllString(text, `"Base32StringSeed":"<seed>"`)
	text = picturePattern.ReplaceAllString(text, `"QRCodePNG":"<picture>"`)
	text = taskPattern.ReplaceAllStringFunc(text, func(id string) string {
		s.values["<TASK-1>"] = id
		return "<TASK-1>"
	})
	text = timePattern.ReplaceAllString(text, `"<time>"`)
	return idPattern.ReplaceAllStringFunc(text, func(id string) string {
		if s.names[id] == "" {
			s.seen[id[:4]]++
			s.names[id] = fmt.Sprintf("<%s-%d>", id[:4], s.seen[id[:4]])
			s.values[s.names[id]] = id
		}
		return s.names[id]
	})
}

// restore is the inverse of show for ids.
func (s *script) restore(text string) string {
	return shownID.ReplaceAllStringFunc(text, func(name string) string { return s.values[name] })
}

var shownCode = regexp.MustCompile(`<code (\S+) (-?\d+)>`)

func (s *script) codes(text string) string {
	return shownCode.ReplaceAllStringFunc(text, func(m string) string {
		parts := shownCode.FindStringSubmatch(m)
		off, _ := strconv.ParseInt(parts[2], 10, 64)
		return s.h.code(parts[1], off)
	})
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
