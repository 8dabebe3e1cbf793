package lambda

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/lambda"
	"cloister/internal/door"
	"cloister/internal/door/doortest"
)

var rewrite = flag.Bool("rewrite", false, "write what the scripts answer into testdata")

// TestScripts runs the calls of each file in testdata in order, each script on
// an account of its own. A step is
//
//	WHO Operation {input as JSON} => Member Member
//	answer as JSON, or the HTTP status and the error
//
// and an empty line. Only the members named are shown; without =>, all. WHO is
// root, other (the root of another account), service=NAME,ARN,ACCOUNT, or the
// name of a user, whose policy a step "policy NAME {…}" sets. "ZIP:words" is a
// package, (x*100) is 100 letters x, and numbered ids can be given back: <id-1>.
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
	s := &script{h: newHarness(t), t: t, users: map[string]*door.Principal{}, ids: map[string]string{}, shown: map[string]string{}}
	var out []string
	for i, step := range strings.Split(strings.TrimSpace(string(text)), "\n\n") {
		got := s.step(strings.TrimSpace(step))
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
	h     *harness
	t     *testing.T
	users map[string]*door.Principal
	ids   map[string]string // as shown, by id
	shown map[string]string // the reverse
}

// step runs one step and returns it with the answer that it got.
func (s *script) step(step string) string {
	var kept []string
	lines := strings.Split(step, "\n")
	for len(lines) > 0 && strings.HasPrefix(lines[0], "#") {
		kept, lines = append(kept, lines[0]), lines[1:]
	}
	if len(lines) == 0 {
		return step
	}
	kept = append(kept, lines[0])
	command, members, _ := strings.Cut(lines[0], " => ")
	parts := strings.SplitN(command, " ", 3)
	if len(parts) < 3 {
		s.t.Fatalf("not a step: %s", command)
	}
	if parts[0] == "policy" {
		s.users[parts[1]] = s.h.User(parts[1], parts[2])
		return strings.Join(kept, "\n")
	}
	return strings.Join(append(kept, s.answer(parts, strings.Fields(members))), "\n")
}

func (s *script) answer(parts, members []string) string {
	c, ok := callers[parts[1]]
	if !ok {
		s.t.Fatalf("no operation %s", parts[1])
	}
	out, err := c.call(s.h, s.who(parts[0]), s.restore(parts[2]))
	var wire *awsapi.Error
	switch {
	case errors.As(err, &wire):
		return s.show(onWire(c.op, wire))
	case err != nil:
		s.t.Fatalf("%v: %v", parts, err)
	}
	return s.show(s.compact(out, members))
}

// onWire is an error as a client sees it: status, code and message.
func onWire(op *awsapi.Operation, e *awsapi.Error) string {
	w := httptest.NewRecorder()
	m := &awsapi.Match{Service: &api.Service, Operation: op, Protocol: api.Service.Protocols[0]}
	m.EncodeError(w, "id", e)
	return fmt.Sprintf("%d %s: %s", w.Code, w.Header().Get("X-Amzn-ErrorType"), e.Message)
}

func (s *script) who(name string) *door.Principal {
	switch {
	case name == "root":
		return s.h.Root()
	case name == "other":
		return s.h.other()
	case strings.HasPrefix(name, "service="):
		p := strings.Split(strings.TrimPrefix(name, "service="), ",")
		return door.ServicePrincipal(p[0], p[1], p[2])
	}
	if s.users[name] == nil {
		s.t.Fatalf("user %s has no policy", name)
	}
	return s.users[name]
}

var (
	repeated   = regexp.MustCompile(`\((.)\*(\d+)\)`)
	zipPattern = regexp.MustCompile(`ZIP:([a-z0-9]+)`)
	idPattern  = regexp.MustCompile(`\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b`)
	shaPattern = regexp.MustCompile(`[A-Za-z0-9+/]{43}=`)
	timeText   = regexp.MustCompile(`"20\d\d-\d\d-\d\dT[0-9:.]+(Z|\+0000)"`)
	shownID    = regexp.MustCompile(`<(id|sha)-[0-9a-z]+>`)
)

// restore makes an input of what a script shows.
func (s *script) restore(text string) string {
	text = repeated.ReplaceAllStringFunc(text, func(m string) string {
		var n int
		parts := repeated.FindStringSubmatch(m)
		_, _ = fmt.Sscan(parts[2], &n)
		return strings.Repeat(parts[1], n)
	})
	text = shownID.ReplaceAllStringFunc(text, func(name string) string { return s.shown[name] })
	return zipPattern.ReplaceAllStringFunc(text, func(m string) string {
		words := strings.TrimPrefix(m, "ZIP:")
		s.name(digest(zipOf(words)), "<sha-"+words+">")
		return base64.StdEncoding.EncodeToString(zipOf(words))
	})
}

func (s *script) name(id, shown string) string {
	s.ids[id], s.shown[shown] = shown, id
	return shown
}

// show replaces what differs between runs.
func (s *script) show(text string) string {
	text = timeText.ReplaceAllString(text, `"<time>"`)
	text = shaPattern.ReplaceAllStringFunc(text, func(sha string) string { return or(orNil(s.ids[sha]), sha) })
	return idPattern.ReplaceAllStringFunc(text, func(id string) string {
		if s.ids[id] == "" {
			return s.name(id, fmt.Sprintf("<id-%d>", len(s.ids)+1))
		}
		return s.ids[id]
	})
}

func orNil(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

// compact leaves absent members, and those that were not asked for, out.
func (s *script) compact(text string, members []string) string {
	var v any
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		s.t.Fatal(err)
	}
	v = doortest.Present(v)
	if len(members) > 0 {
		some := map[string]any{}
		for _, m := range members {
			if value, ok := v.(map[string]any)[m]; ok {
				some[m] = value
			}
		}
		v = some
	}
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		s.t.Fatal(err)
	}
	return strings.TrimSpace(out.String())
}

func TestEveryOperationIsRegisteredAndScripted(t *testing.T) {
	h := newHarness(t)
	registered := map[string]bool{}
	for _, op := range h.Door.Operations() {
		registered[op.Operation.Name] = true
	}
	for _, op := range api.Service.Operations {
		scripted := callers[op.Name].call != nil || op.Name == "InvokeWithResponseStream"
		if !registered[op.Name] || !scripted {
			t.Errorf("%s is in the manifest and not registered, or not in callers", op.Name)
		}
	}
}
