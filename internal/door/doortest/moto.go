package doortest

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"cloister/internal/awsapi"
)

// Peer compares a service with moto_server, call by call.
type Peer struct {
	Service *awsapi.Service
	// Ours sends a call to the service that is tested.
	Ours func(r *http.Request) (status int, body []byte)
	// Theirs signs a call to moto_server.
	Theirs func(r *http.Request) error
	// Tidy takes out of an answer what no two servers have in common.
	Tidy func(answer map[string]any)
}

// Play sends the calls of a file ("Operation {input}" a line) to both and
// compares the status's class, error code and answer. A line that begins with "!REASON " is
// of a call on which they differ, for the reason that a line "# REASON: …" gives;
// one on which they no longer differ is an error, too. $arn and $next are
// those of the side's own last answer that had them.
func (p *Peer) Play(t *testing.T, path string) {
	moto := Moto(t)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	ours, theirs := &peerSide{send: p.Ours}, &peerSide{send: func(r *http.Request) (int, []byte) {
		r.URL, r.RequestURI, r.Host = moto, "", moto.Host
		return send(t, r, p.Theirs)
	}}
	calls := 0
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		reason := ""
		if line[0] == '!' {
			reason, line, _ = strings.Cut(line[1:], " ")
			if !strings.Contains(string(text), "# "+reason+": ") {
				t.Errorf("the file does not say what %q is", reason)
			}
		}
		calls++
		name, input, _ := strings.Cut(line, " ")
		op := p.Service.Operation(name)
		if op == nil {
			t.Fatalf("there is no operation %s", name)
		}
		a, b := ours.call(p, op, input), theirs.call(p, op, input)
		switch {
		case a != b && reason == "":
			t.Errorf("%s\ngives %s\nmoto  %s", line, a, b)
		case a == b && reason != "":
			t.Errorf("%s\ngives %s, like moto: there is nothing to explain", line, a)
		}
	}
	t.Logf("%d calls", calls)
}

// peerSide is one of two servers, with what its answers said.
type peerSide struct {
	send      func(r *http.Request) (int, []byte)
	arn, next string
}

func (s *peerSide) call(p *Peer, op *awsapi.Operation, input string) string {
	input = strings.NewReplacer("$arn", s.arn, "$next", s.next).Replace(Expand(input))
	status, body := s.send(JSON(op, input))
	answer := map[string]any{}
	_ = json.Unmarshal(body, &answer)
	if arn, ok := answer["ARN"].(string); ok {
		s.arn = arn
	}
	if next, ok := answer["NextToken"].(string); ok {
		if s.next = next; next != "" {
			answer["NextToken"] = "NEXT"
		}
	}
	if status >= 400 {
		code, _ := answer["__type"].(string)
		return fmt.Sprintf("%dxx %s", status/100, code[strings.LastIndexByte(code, '#')+1:])
	}
	p.Tidy(answer)
	tidied, _ := json.Marshal(said(answer))
	return fmt.Sprint(status, " ", string(tidied))
}

// said is an answer without what is empty or no, and without times; in lists of
// strings the order does not count.
func said(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for name, member := range v {
			if member = said(member); member == nil || member == "" || member == false || strings.HasSuffix(name, "Date") {
				delete(v, name)
			} else {
				v[name] = member
			}
		}
		if len(v) == 0 {
			return nil
		}
	case []any:
		for i := range v {
			v[i] = said(v[i])
		}
		slices.SortFunc(v, func(a, b any) int {
			x, _ := a.(string)
			y, _ := b.(string)
			return strings.Compare(x, y)
		})
		if len(v) == 0 {
			return nil
		}
	}
	return v
}

func send(t *testing.T, r *http.Request, sign func(*http.Request) error) (int, []byte) {
	if err := sign(r); err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, body
}

// Moto starts moto_server and gives its address; where it is not installed, the
// test is skipped.
func Moto(t *testing.T) *url.URL {
	t.Helper()
	path, err := exec.LookPath("moto_server")
	if err != nil {
		t.Skip("moto_server is not installed: pip install 'moto[server]' makes this test run")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().(*net.TCPAddr)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path, "-H", "127.0.0.1", "-p", fmt.Sprint(address.Port))
	if err := cmd.Start(); err != nil {
		t.Skip("moto_server does not start here: ", err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	for range 600 {
		if conn, err := net.Dial("tcp", address.String()); err == nil {
			_ = conn.Close()
			return &url.URL{Scheme: "http", Host: address.String(), Path: "/"}
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Skip("moto_server does not start here")
	return nil
}
