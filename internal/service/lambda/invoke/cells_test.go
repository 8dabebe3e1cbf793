package invoke

import (
	"bufio"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"cloister/internal/cell"
	"cloister/internal/service/lambda/codepkg"
)

// The tests in this file and its neighbours run real functions in real cells.

var realCells struct {
	once sync.Once
	host *cell.Host
	err  error
}

// realFleet is a fleet over the cells of this machine. Where the machine
// cannot contain anything the test is skipped, saying what is missing, unless
// CLOISTER_REQUIRE_CELLS is set.
func realFleet(t testing.TB, change ...func(*Options)) *realTest {
	t.Helper()
	realCells.once.Do(func() { realCells.host, realCells.err = cell.NewHost(cell.HostOptions{Ahead: 2}) })
	if realCells.err != nil {
		t.Fatal(realCells.err)
	}
	if missing := realCells.host.Probe().Missing(); len(missing) > 0 {
		err := &cell.UnavailableError{Missing: missing}
		if os.Getenv("CLOISTER_REQUIRE_CELLS") != "" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	r := &realTest{packages: map[string]codepkg.Archive{}, logs: &memoryLogs{}}
	o := Options{
		Sandboxes: FromHost(realCells.host), Runtimes: detected(t), Code: memoryCode(t), OpenCode: r.open,
		Credentials: func(context.Context, *Function) (Credentials, error) {
			return Credentials{AccessKeyID: "ASIAEXAMPLE", SecretAccessKey: "secret", SessionToken: "token"}, nil
		},
		Logs: r.logs,
	}
	for _, c := range change {
		c(&o)
	}
	r.Fleet = New(o)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		if err := r.Shutdown(ctx); err != nil {
			t.Error(err)
		}
	})
	return r
}

// memoryCode is a cache as in production: in memory.
func memoryCode(t testing.TB) *codepkg.Cache {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "cloister-test")
	if err != nil {
		t.Skip("no /dev/shm: ", err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	c, err := codepkg.OpenCache(dir, codepkg.CacheOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

type realTest struct {
	*Fleet
	mu       sync.Mutex
	packages map[string]codepkg.Archive
	logs     *memoryLogs
}

func (r *realTest) open(_ context.Context, id string) (codepkg.Archive, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if a := r.packages[id]; a != nil {
		return a, nil
	}
	return nil, errors.New("no such package")
}

// pack adds a package and gives its id.
func (r *realTest) pack(files map[string]string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	sum := sha256.Sum256(fmt.Append(nil, files))
	id := hex.EncodeToString(sum[:])
	r.packages[id] = zipOf(files)
	return id
}

// function is one of the given runtime with the given package.
func (r *realTest) function(runtime, handler string, files map[string]string) *Function {
	fn := testFunction()
	fn.CodeID = r.pack(files)
	fn.Revision = fn.CodeID + handler
	fn.ARN += fn.CodeID[:8]
	fn.Runtime, fn.Handler, fn.MemoryMB, fn.Timeout = runtime, handler, 256, 10*time.Second
	return fn
}

// sharedLog waits for the events of everything until now.
func (r *realTest) log(t *testing.T) string {
	t.Helper()
	time.Sleep(300 * time.Millisecond) // longer than a flush
	return r.logs.text()
}

// pythonRuntime and nodeRuntime are the newest that this machine has.
func pythonRuntime(t *testing.T) string { return newest(t, "python", "python3.") }
func nodeRuntime(t *testing.T) string   { return newest(t, "node", "nodejs") }

func newest(t *testing.T, what, prefix string) string {
	t.Helper()
	name := ""
	for _, n := range detected(t).Names() {
		if strings.HasPrefix(n, prefix) && len(n) >= len(name) {
			name = n
		}
	}
	if name == "" {
		t.Skipf("this machine has no %s interpreter: install it (cloister doctor says how)", what)
	}
	return name
}

// sdk says whether functions can import the AWS SDK.
func sdk(t *testing.T, runtime string) bool {
	t.Helper()
	for _, s := range detected(t).Report() {
		if s.Name == runtime {
			return s.SDK != ""
		}
	}
	return false
}

// realCase is one function, and what its call and its log say.
type realCase struct {
	name    string
	files   map[string]string
	handler string
	event   string
	change  func(*Function)
	want    string // regular expression for the whole of outcome, ID being the request
	log     string // regular expression for a part of the log, or empty
}

func runCases(t *testing.T, runtime string, cases []realCase) {
	t.Helper()
	realFleet(t).run(t, runtime, cases)
}

// run calls each case's function once. Without a handler it is m.h, without an
// event it gets {}.
func (f *realTest) run(t *testing.T, runtime string, cases []realCase) {
	for _, c := range cases {
		c.handler, c.event = cmp.Or(c.handler, "m.h"), cmp.Or(c.event, "{}")
		t.Run(c.name, func(t *testing.T) {
			fn := f.function(runtime, c.handler, c.files)
			if c.change != nil {
				c.change(fn)
			}
			req := request(c.event)
			req.LogTail = true
			res, err := f.Invoke(t.Context(), fn, req)
			got := strings.ReplaceAll(outcome(res, err), req.RequestID, "ID")
			if !regexp.MustCompile(`(?s)^(` + c.want + `)$`).MatchString(got) {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
			if t.Failed() {
				t.Log(f.log(t))
			}
			if err != nil || c.log == "" {
				return
			}
			log := strings.ReplaceAll(f.log(t), req.RequestID, "ID")
			if !regexp.MustCompile(c.log).MatchString(log) {
				t.Errorf("the log lacks %s:\n%s", c.log, log)
			}
		})
	}
}

func TestRealServePlatform(t *testing.T) {
	who := make(chan CellIdentity, 1)
	f := realFleet(t, func(o *Options) {
		o.ServePlatform = func(l net.Listener, id CellIdentity) {
			who <- id
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				_, _ = http.ReadRequest(bufio.NewReader(c))
				_, _ = io.WriteString(c, "HTTP/1.0 200 OK\r\n\r\nhello "+id.AccessKeyID)
				_ = c.Close()
			}
		}
	})
	fn := f.function(pythonRuntime(t), "m.h", map[string]string{"m.py": `
import os, urllib.request
def h(e, c):
    return urllib.request.urlopen(os.environ["AWS_ENDPOINT_URL"] + "/x").read().decode()
`})
	if got := outcome(f.Invoke(t.Context(), fn, request("{}"))); got != `"hello ASIAEXAMPLE"` {
		t.Error(got)
	}
	if id := <-who; id.FunctionARN != fn.ARN || id.Version != Latest || id.RoleARN != fn.RoleARN || id.Account != fn.Account {
		t.Errorf("the connection is said to come from %+v", id)
	}
}

func TestRealBootstraps(t *testing.T) {
	shell := func(body string) map[string]string { return map[string]string{"bootstrap": "#!/bin/sh\n" + body} }
	runCases(t, "provided.al2023", []realCase{
		{name: "no bootstrap", files: map[string]string{"x": ""}, handler: "h", event: "1",
			want: `Unhandled Runtime.InvalidEntrypoint: RequestId: ID Error: Couldn't find valid bootstrap\(s\): \[/var/task/bootstrap /opt/bootstrap\]`},
		{name: "not a program", files: map[string]string{"bootstrap": "\x7fELF?"}, handler: "h", event: "1",
			want: `Unhandled Runtime.InvalidEntrypoint: RequestId: ID Error: fork/exec /var/task/bootstrap: exec format error`},
		{name: "an interpreter that is not there", files: map[string]string{"bootstrap": "#!/bin/cobol\n"}, handler: "h", event: "1",
			want: `Unhandled Runtime.InvalidEntrypoint: RequestId: ID Error: fork/exec /var/task/bootstrap: no such file or directory`},
		{name: "a shell script that ends", files: shell("echo from the script; exit 7\n"), handler: "h", event: "1",
			want: `Unhandled Runtime.ExitError: RequestId: ID Error: Runtime exited with error: exit status 7`, log: "(?m)^from the script$"},
	})
}

func TestRealEnvironmentIsAWSsAndNothingElse(t *testing.T) {
	f := realFleet(t)
	runtime := pythonRuntime(t)
	fn := f.function(runtime, "m.h", map[string]string{"m.py": "import os\ndef h(e, c): return sorted(os.environ.items())\n"})
	fn.Env = map[string]string{"MINE": "1", "AWS_REGION": "not allowed to win", "LANG": "C"}
	got := outcome(f.Invoke(t.Context(), fn, request("{}")))
	for _, want := range []string{
		`["MINE", "1"]`, `["AWS_REGION", "us-east-1"]`, `["LANG", "C"]`, `["_HANDLER", "m.h"]`, `["AWS_EXECUTION_ENV", "AWS_Lambda_` + runtime + `"]`,
		`["AWS_ACCESS_KEY_ID", "ASIAEXAMPLE"]`, `["AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"]`, `["AWS_ENDPOINT_URL", "http://127.0.0.1:4566"]`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("the environment lacks %s", want)
		}
	}
	names := regexp.MustCompile(`\["(\w+)", `).FindAllStringSubmatch(got, -1)
	if len(names) != 25 {
		t.Errorf("it has %d variables:\n%s", len(names), got)
	}
}

func TestRealLayers(t *testing.T) {
	f := realFleet(t)
	fn := f.function(pythonRuntime(t), "m.h", map[string]string{"m.py": `
import lib
def h(e, c): return [lib.name, open("/opt/data").read(), open("/opt/only").read()]
`})
	fn.LayerIDs = []string{
		f.pack(map[string]string{"python/lib.py": "name = 'first'", "data": "first", "only": "here"}),
		f.pack(map[string]string{"python/lib.py": "name = 'second'", "data": "second"}),
	}
	if got := outcome(f.Invoke(t.Context(), fn, request("{}"))); got != `["second", "second", "here"]` {
		t.Error(got)
	}
}
