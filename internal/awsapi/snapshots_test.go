package awsapi_test

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"cloister/internal/awsapi"
)

// sdkModules are the clients whose recorded requests and answers the tables
// must agree with.
var sdkModules = map[string]string{
	"iam": "iam", "sts": "sts", "lambda": "lambda", "logs": "cloudwatchlogs", "kms": "kms",
}

func sdkDir(t *testing.T, service string) string {
	t.Helper()
	module := "github.com/aws/aws-sdk-go-v2/service/" + sdkModules[service]
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", module).Output()
	dir := strings.TrimSpace(string(out))
	if err != nil || dir == "" {
		t.Skipf("%s is not in the module cache: run `go mod download`", module)
	}
	return dir
}

// recording is one .snap file: a first line, headers, an empty line, a body.
type recording struct {
	first  string
	header http.Header
	body   []byte
}

func readRecording(t *testing.T, path string) *recording {
	t.Helper()
	raw, err := os.ReadFile(path)
	if os.IsNotExist(err) {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(bytes.NewReader(raw))
	rec := &recording{header: http.Header{}}
	rec.first, _ = lines.ReadString('\n')
	rec.first = strings.TrimSpace(rec.first)
	for {
		line, err := lines.ReadString('\n')
		name, value, ok := strings.Cut(strings.TrimSpace(line), ": ")
		if ok {
			rec.header.Add(name, value)
		}
		if err != nil || !ok && len(rec.header) > 0 {
			break
		}
	}
	rec.body, _ = io.ReadAll(lines)
	return rec
}

// TestRequestsOfTheSDK decodes what the SDK for Go v2 sends when every member
// of an input is set: every member of the table must then be set.
func TestRequestsOfTheSDK(t *testing.T) {
	r := awsapi.NewRouter(generated...)
	for _, s := range generated {
		dir := sdkDir(t, s.Name)
		found := 0
		for _, op := range s.Operations {
			rec := readRecording(t, filepath.Join(dir, "request_snapshot", op.Name+".request.snap"))
			if rec == nil {
				continue
			}
			found++
			t.Run(s.Name+"/"+op.Name, func(t *testing.T) { decodesAll(t, r, op, rec) })
		}
		if found < len(s.Operations)*9/10 {
			t.Errorf("%s: only %d of %d operations have a recorded request", s.Name, found, len(s.Operations))
		}
	}
}

func decodesAll(t *testing.T, r *awsapi.Router, op *awsapi.Operation, rec *recording) {
	method, uri, _ := strings.Cut(rec.first, " ")
	req := httptest.NewRequest(method, uri, bytes.NewReader(rec.body))
	req.Header = rec.header
	m, err := r.Recognise(req, op.Service.SigningName, rec.body)
	if err != nil || m.Operation != op {
		t.Fatalf("recognised as %v: %v", m.Operation, err)
	}
	if op.Input == nil {
		return
	}
	in := awsapi.New(op.Input)
	if err := m.Decode(req, rec.body, in); err != nil {
		t.Fatal(err)
	}
	for _, missing := range awsapi.Missing(op.Input, in) {
		t.Errorf("member %s is not set by %s %s", missing, rec.first, rec.body)
	}
}

// TestAnswersOfTheSDK: the answers that the SDK's own tests read set every
// member of the output's table, and written again they read the same.
func TestAnswersOfTheSDK(t *testing.T) {
	found := 0
	for _, s := range generated {
		dir := sdkDir(t, s.Name)
		for _, op := range s.Operations {
			rec := readRecording(t, filepath.Join(dir, "response_snapshot", op.Name+".response.snap"))
			if rec == nil || op.Output == nil {
				continue
			}
			found++
			t.Run(s.Name+"/"+op.Name, func(t *testing.T) { readsAll(t, op, rec) })
		}
	}
	if found < 35 {
		t.Errorf("only %d recorded answers found", found)
	}
}

func readsAll(t *testing.T, op *awsapi.Operation, rec *recording) {
	status, err := strconv.Atoi(rec.first)
	if err != nil {
		t.Fatal(err)
	}
	p := op.Service.Protocols[0]
	out, again := awsapi.New(op.Output), awsapi.New(op.Output)
	res := &http.Response{StatusCode: status, Header: rec.header, Body: io.NopCloser(bytes.NewReader(rec.body))}
	if err := awsapi.ReadAnswer(op, p, res, out); err != nil {
		t.Fatal(err)
	}
	for _, missing := range awsapi.Missing(op.Output, out) {
		t.Errorf("member %s is not set by %s", missing, rec.body)
	}
	w := httptest.NewRecorder()
	m := &awsapi.Match{Service: op.Service, Operation: op, Protocol: p}
	if err := m.Encode(w, "id", out); err != nil {
		t.Fatal(err)
	}
	if err := awsapi.ReadAnswer(op, p, w.Result(), again); err != nil {
		t.Fatal(err)
	}
	if err := awsapi.Same(op.Output, again, out); err != nil {
		t.Error(err)
	}
}
