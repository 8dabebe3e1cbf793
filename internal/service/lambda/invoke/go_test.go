package invoke

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// goFunction is the package of testdata/gofunction, built once.
var goFunction = sync.OnceValues(func() (map[string]string, error) {
	bin := filepath.Join(scratch, "gofunction")
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-tags=lambda.norpc", "-o", bin, "./testdata/gofunction")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, &exec.Error{Name: string(out), Err: err}
	}
	b, err := os.ReadFile(bin)
	return map[string]string{"bootstrap": string(b)}, err
})

func goPackage(t testing.TB) map[string]string {
	t.Helper()
	files, err := goFunction()
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func TestGo(t *testing.T) {
	files := goPackage(t)
	arn := `arn:aws:lambda:us-east-1:123456789012:function:f\w+`
	runCases(t, "provided.al2023", []realCase{
		{name: "an answer", files: files, event: `{"a":1}`, want: `\{"a":1\}`},
		{name: "an error", files: files, event: `"error"`, want: `Unhandled errorString: as asked`},
		{name: "a panic", files: files, event: `"panic"`, want: `Unhandled string: as asked`, log: `Error: Runtime exited with error: exit status 1`},
		{name: "the context", files: files, event: `"context"`, want: `\["` + arn + `","f"\]`},
		{name: "its processors", files: files, event: `"processors"`, want: `1`},
		{name: "a reader", files: files, event: `"stream"`, want: `(?:0123456789)+`},
	})
}

// streamed calls a function as InvokeWithResponseStream does.
func streamed(t *testing.T, f *realTest, fn *Function, event string) (body, contentType string, res *Result) {
	t.Helper()
	var b bytes.Buffer
	req := request(event)
	req.Stream = func(ct string) io.Writer { contentType = ct; return &b }
	res, err := f.Invoke(t.Context(), fn, req)
	if err != nil {
		t.Fatal(err)
	}
	return b.String(), contentType, res
}

func TestStreamingFromGo(t *testing.T) {
	f := realFleet(t)
	fn := f.function("provided.al2023", "h", goPackage(t))
	body, _, res := streamed(t, f, fn, `"stream"`)
	if body != strings.Repeat("0123456789", 10000) || !res.Streamed || res.FunctionError != "" {
		t.Errorf("%d bytes, %+v", len(body), res)
	}
}

func TestStreamingFromNode(t *testing.T) {
	f := realFleet(t)
	fn := f.function(nodeRuntime(t), "m.h", js(`
exports.h = awslambda.streamifyResponse(async (e, s) => {
	if (e === 'early') throw new Error('before the first byte');
	if (e === 'http') s = awslambda.HttpResponseStream.from(s, {statusCode: 201});
	else s.setContentType('text/x-test');
	s.write('one ');
	await new Promise(r => setTimeout(r, 5));
	if (e === 'late') throw new TypeError('in the middle');
	s.write({two: 2});
	s.end();
})`))
	for _, c := range []struct{ event, body, contentType, failure string }{
		{`1`, `one {"two":2}`, "text/x-test", ""},
		{`"http"`, `{"statusCode":201}` + "\x00\x00\x00\x00\x00\x00\x00\x00" + `one {"two":2}`, "application/vnd.awslambda.http-integration-response", ""},
		{`"early"`, "", "", "Unhandled Error: before the first byte"},
		{`"late"`, "one ", "text/x-test", "Unhandled TypeError: in the middle"},
		{`1`, `one {"two":2}`, "text/x-test", ""},
	} {
		body, contentType, res := streamed(t, f, fn, c.event)
		failure := ""
		if res.FunctionError != "" {
			failure = outcome(res, nil)
		}
		if body != c.body || contentType != c.contentType || failure != c.failure {
			t.Errorf("%s: %q of %s, %s", c.event, body, contentType, failure)
		}
	}
}

// BenchmarkWarm is a warm call of a Go function in a real cell, through the
// fleet alone.
func BenchmarkWarm(b *testing.B) {
	f := realFleet(b)
	fn := f.function("provided.al2023", "h", goPackage(b))
	call := func() {
		if got := outcome(f.Invoke(b.Context(), fn, &Request{RequestID: "00000000-0000-4000-8000-000000000000", Payload: []byte("1")})); got != "1" {
			b.Error(got)
		}
	}
	call()
	b.Run("one client", func(b *testing.B) {
		for b.Loop() {
			call()
		}
	})
	b.Run("16 clients", func(b *testing.B) {
		b.SetParallelism(8)
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				call()
			}
		})
	})
}
