package invoke

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"cloister/internal/cell"
	"cloister/internal/redact"
	"cloister/internal/service/lambda/codepkg"
	"cloister/internal/service/lambda/runtimes"
)

// scripted is a sandbox in memory whose program is a Go function: it makes the
// fleet's state machine run on synctest's clock.
type scripted struct {
	program func(r *program)

	mu      sync.Mutex
	started []*scriptedBox
	refuse  error // of Start
}

func (s *scripted) Start(_ context.Context, spec cell.Spec) (Sandbox, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.refuse != nil {
		return nil, s.refuse
	}
	b := &scriptedBox{spec: spec, api: newPipeListener(), platform: newPipeListener(), done: make(chan struct{}), killed: make(chan struct{})}
	s.started = append(s.started, b)
	r := &program{box: b, n: len(s.started), out: spec.Stdout}
	go func() {
		defer close(b.done)
		defer b.api.Close()
		defer b.platform.Close()
		defer r.closeConn()
		b.exit = r.runUntilExit(s.program)
	}()
	return b, nil
}

func (s *scripted) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.started)
}

type scriptedBox struct {
	spec          cell.Spec
	api, platform *pipeListener
	done, killed  chan struct{}
	kill          sync.Once
	exit          cell.Exit
}

func (b *scriptedBox) Listener(i int) net.Listener { return []net.Listener{b.api, b.platform}[i] }
func (b *scriptedBox) Done() <-chan struct{}       { return b.done }
func (b *scriptedBox) PeakMemory() int64           { return 30<<20 + 1 }
func (b *scriptedBox) Exit() cell.Exit {
	exit := b.exit
	exit.PeakMemory = b.PeakMemory()
	return exit
}
func (b *scriptedBox) Kill() {
	b.kill.Do(func() { close(b.killed); _ = b.api.Close() })
}

// program is the view of a runtime that a test writes.
type program struct {
	box  *scriptedBox
	n    int // the how-manieth cell it is, from 1
	out  io.Writer
	conn net.Conn
	r    *bufio.Reader
}

type exitNow struct{ cell.Exit }

func (r *program) runUntilExit(main func(*program)) (e cell.Exit) {
	defer func() {
		switch p := recover().(type) {
		case nil:
		case exitNow:
			e = p.Exit
		default:
			panic(p)
		}
	}()
	main(r)
	return cell.Exit{}
}

func (r *program) exit(code int) { panic(exitNow{cell.Exit{Code: code}}) }

func (r *program) killedBy(sig syscall.Signal, oom bool) {
	panic(exitNow{cell.Exit{Code: -1, Signal: int(sig), OOMKilled: oom}})
}

func (r *program) closeConn() {
	if r.conn != nil {
		_ = r.conn.Close()
	}
}

// sleep ends the program when the cell is killed.
func (r *program) sleep(d time.Duration) {
	select {
	case <-time.After(d):
	case <-r.box.killed:
		r.killedBy(syscall.SIGKILL, false)
	}
}

func (r *program) print(s string) { _, _ = io.WriteString(r.out, s) }

// do sends a request and reads the answer; it ends the program when the cell
// is killed.
func (r *program) do(raw string) (status int, h http.Header, body string) {
	if r.conn == nil {
		c, err := r.box.api.dial()
		if err != nil {
			r.killedBy(syscall.SIGKILL, false)
		}
		r.conn, r.r = c, bufio.NewReader(c)
	}
	conn := r.conn
	stop := make(chan struct{})
	defer close(stop)
	go func() {
		select {
		case <-r.box.killed:
			_ = conn.Close()
		case <-stop:
		}
	}()
	go io.WriteString(conn, raw) //nolint:errcheck // a pipe's reader may refuse before it has read everything
	resp, err := http.ReadResponse(r.r, nil)
	if err != nil {
		_ = conn.Close()
		r.conn = nil
		select {
		case <-r.box.killed:
			r.killedBy(syscall.SIGKILL, false)
		default:
		}
		return 0, nil, err.Error()
	}
	b, _ := io.ReadAll(resp.Body)
	if resp.Close {
		_ = conn.Close()
		r.conn = nil
	}
	return resp.StatusCode, resp.Header, string(b)
}

func (r *program) next() (id, payload string) {
	status, h, body := r.do("GET " + pathNext + " HTTP/1.1\r\nHost: x\r\n\r\n")
	if status == 0 { // the connection is closed when the cell is killed
		<-r.box.killed
		r.killedBy(syscall.SIGKILL, false)
	}
	if status != 200 {
		panic(fmt.Sprintf("next: %d %s", status, body))
	}
	return h.Get("Lambda-Runtime-Aws-Request-Id"), body
}

func (r *program) post(path, body string, headers ...string) (int, string) {
	status, _, answer := r.do(fmt.Sprintf("POST %s HTTP/1.1\r\nHost: x\r\n%sContent-Length: %d\r\n\r\n%s",
		path, strings.Join(append(headers, ""), "\r\n"), len(body), body))
	return status, answer
}

func (r *program) respond(id, body string) (int, string) {
	return r.post(pathInvocation+id+"/response", body)
}

// echo answers every invocation with what it was given.
func echo(r *program) {
	for {
		id, payload := r.next()
		r.respond(id, payload)
	}
}

// pipeListener accepts net.Pipe connections.
type pipeListener struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func newPipeListener() *pipeListener {
	return &pipeListener{conns: make(chan net.Conn), closed: make(chan struct{})}
}

func (l *pipeListener) dial() (net.Conn, error) {
	a, b := net.Pipe()
	select {
	case l.conns <- a:
		return b, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error   { l.once.Do(func() { close(l.closed) }); return nil }
func (l *pipeListener) Addr() net.Addr { return &net.TCPAddr{} }

// memoryOutput is an output without a pipe, which synctest's clock would wait
// for.
func memoryOutput(emit func(LogEvent), secrets *redact.Secrets) (*output, io.WriteCloser, error) {
	o := &output{emit: emit, secrets: secrets, fd: -1, done: make(chan struct{})}
	close(o.done)
	return o, outputWriter{o}, nil
}

type outputWriter struct{ o *output }

func (w outputWriter) Write(p []byte) (int, error) {
	w.o.mu.Lock()
	defer w.o.mu.Unlock()
	w.o.lines(time.Now(), p)
	return len(p), nil
}

func (w outputWriter) Close() error { return nil }

// memoryLogs is a LogSink that a test reads.
type memoryLogs struct {
	mu      sync.Mutex
	batches []LogBatch
}

func (m *memoryLogs) PutLogs(_ context.Context, b []LogBatch) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.batches = append(m.batches, b...)
	return nil
}

func (m *memoryLogs) text() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	var b strings.Builder
	for _, batch := range m.batches {
		for _, e := range batch.Events {
			b.WriteString(e.Message)
		}
	}
	return b.String()
}

// testFleet is a fleet over a sandbox, with a package that is there.
type testFleet struct {
	*Fleet
	boxes *scripted
	logs  *memoryLogs
	fn    *Function
}

func newTestFleet(t *testing.T, program func(*program), change ...func(*Options)) *testFleet {
	t.Helper()
	boxes, logs := &scripted{program: program}, &memoryLogs{}
	o := Options{
		Sandboxes: boxes, Runtimes: detected(t), Code: testCode(t), OpenCode: openBootstrap,
		Credentials: func(context.Context, *Function) (Credentials, error) {
			return Credentials{AccessKeyID: "ASIA", SecretAccessKey: "s", SessionToken: "t"}, nil
		},
		Logs: logs,
	}
	for _, c := range change {
		c(&o)
	}
	f := New(o)
	f.newOutput = memoryOutput
	return &testFleet{Fleet: f, boxes: boxes, logs: logs, fn: testFunction()}
}

func (f *testFleet) shutdown(t *testing.T) {
	t.Helper()
	if err := f.Shutdown(context.Background()); err != nil {
		t.Error(err)
	}
	if s := f.Stats(); s != (Stats{}) {
		t.Errorf("after the shutdown there is still %+v", s)
	}
}

func testFunction() *Function {
	return &Function{
		ARN: "arn:aws:lambda:us-east-1:123456789012:function:f", Account: "123456789012", Region: "us-east-1",
		Name: "f", Version: Latest, Revision: "1", Runtime: "provided.al2023", Handler: "h", MemoryMB: 128,
		Timeout: 3 * time.Second, RoleARN: "arn:aws:iam::123456789012:role/r", CodeID: "boot", Reserved: Unreserved,
	}
}

// Set-ups that are shared by the tests of a run, since they never change.
var (
	detectOnce  sync.Once
	detectedSet *runtimes.Set
	scratch     string
)

func setUp(t testing.TB) {
	t.Helper()
	detectOnce.Do(func() {
		var err error
		if detectedSet, err = runtimes.Detect(runtimes.Options{SupportDir: scratch + "/support"}); err != nil {
			t.Fatal(err)
		}
	})
}

func detected(t testing.TB) *runtimes.Set { t.Helper(); setUp(t); return detectedSet }

// testCode is a cache of the test's own: its channels belong to its bubble.
func testCode(t testing.TB) *codepkg.Cache {
	t.Helper()
	c, err := codepkg.OpenCache(t.TempDir(), codepkg.CacheOptions{AllowDisk: true})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// openBootstrap has one package, "boot", with a bootstrap that is never run.
func openBootstrap(_ context.Context, id string) (codepkg.Archive, error) {
	if id != "boot" {
		return nil, errors.New("no such package: " + id)
	}
	return zipOf(map[string]string{"bootstrap": "#!"}), nil
}

var requests struct {
	sync.Mutex
	n int
}

func request(payload string) *Request {
	requests.Lock()
	defer requests.Unlock()
	requests.n++
	return &Request{RequestID: fmt.Sprintf("00000000-0000-4000-8000-%012d", requests.n), Payload: []byte(payload)}
}
