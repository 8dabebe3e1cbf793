package invoke

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cloister/internal/cell"
)

// bootedFleet is a fleet of its own host whose cells were all booted ahead: a
// start waits for one, and fails the test when it was given another.
func bootedFleet(t *testing.T, runtime string, files map[string]string) *realTest {
	t.Helper()
	realFleet(t) // skips where there are no cells
	h, err := cell.NewHost(cell.HostOptions{Ahead: 1, Booted: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	})
	b := &bootedOnly{t: t, host: h}
	f := realFleet(t, func(o *Options) { o.Sandboxes = b })
	_, _ = f.Invoke(t.Context(), f.function(runtime, "first.h", files), request("{}"))
	b.strict = true
	return f
}

type bootedOnly struct {
	t      *testing.T
	host   *cell.Host
	strict bool
}

func (b *bootedOnly) Start(ctx context.Context, spec cell.Spec) (Sandbox, error) {
	if !b.strict {
		return FromHost(b.host).Start(ctx, spec)
	}
	for i := 0; b.host.Waiting() == 0; i++ {
		if i == 3000 {
			return nil, errors.New("nothing was booted ahead")
		}
		time.Sleep(5 * time.Millisecond)
	}
	box, err := FromHost(b.host).Start(ctx, spec)
	if err == nil && !box.(*cell.Cell).BootedAhead() {
		b.t.Error("it was not booted ahead")
	}
	return box, err
}

// runBooted is runCases in cells that were booted ahead: every outcome and every
// line of the log is the same. What changes the start is left out.
func runBooted(t *testing.T, runtime string, cases []realCase) {
	t.Helper()
	bootedFleet(t, runtime, map[string]string{"first.py": "def h(e, c): pass", "first.js": "exports.h = async () => {}"}).run(t, runtime, cases)
}

// What the function brings is what it gets, whatever was loaded before it came.
func TestPythonWithTheSDKBootedAhead(t *testing.T) {
	runtime := pythonRuntime(t)
	if !sdk(t, runtime) {
		t.Skip("this machine has no boto3 for ", runtime, ": apt-get install python3-boto3")
	}
	larger := func(f *Function) { f.MemoryMB, f.Timeout = 512, 30*time.Second }
	loaded := "import sys\nbefore = 'botocore.session' in sys.modules\n"
	f := bootedFleet(t, runtime, map[string]string{"first.py": "import boto3\ndef h(e, c): pass"})
	f.run(t, runtime, []realCase{
		{name: "a client", files: py(loaded + "import boto3\ndef h(e, c): return [before, boto3.client('s3').meta.endpoint_url]"),
			want: `\[true, "http://127.0.0.1:4566"\]`, change: larger},
		{name: "a boto3 of its own", files: map[string]string{"m.py": loaded + "import boto3\ndef h(e, c): return [before, boto3.mine]", "boto3/__init__.py": "mine = 'own'"},
			want: `\[false, "own"\]`, change: larger},
		{name: "a dependency of its own", files: map[string]string{"m.py": loaded + "import jmespath\ndef h(e, c):\n    import sys\n    return [before, jmespath.mine, sys.argv]\nif 0:\n    import boto3", "jmespath.py": "mine = 'own'"},
			want: `\[false, "own", \["/var/runtime/bootstrap.py"\]\]`, change: larger},
		{name: "its log", files: py("import boto3, logging\ndef h(e, c): logging.warning('warned')"), want: "null", log: "\\[WARNING\\]\t[\\dT:.-]+Z\tID\twarned\n", change: larger},
		{name: "its log in JSON", files: py("import logging, boto3\ndef h(e, c): logging.warning('warned')"), want: "null", log: `"level": "WARNING", "message": "warned"`,
			change: func(f *Function) { larger(f); f.LogFormat = "JSON" }},
	})
}

// No two cells begin with the same randomness, and none knows of another's work.
func TestBootedAheadIsNobodysBefore(t *testing.T) {
	runtime := pythonRuntime(t)
	f := bootedFleet(t, runtime, map[string]string{"first.py": "def h(e, c): pass"})
	source := `
import os, random, uuid
def h(e, c):
    return [random.random(), str(uuid.uuid4()), hash("x"), id(h), os.getcwd(), os.environ.get("MINE"), os.listdir("/tmp"), os.listdir("/var/task")]
`
	seen := map[string]bool{}
	for _, mine := range []string{"one", "two"} {
		fn := f.function(runtime, "m.h", map[string]string{"m.py": source, mine: ""})
		fn.Env = map[string]string{"MINE": mine}
		got := outcome(f.Invoke(t.Context(), fn, request("{}")))
		if !strings.HasSuffix(got, `"/var/task", "`+mine+`", [], ["m.py", "`+mine+`"]]`) && !strings.HasSuffix(got, `"/var/task", "`+mine+`", [], ["`+mine+`", "m.py"]]`) {
			t.Error(got)
		}
		for i, part := range strings.Split(got, ", ")[:4] {
			if seen[part] {
				t.Errorf("part %d is the same in both: %s", i, part)
			}
			seen[part] = true
		}
	}
}

// Who sets what an interpreter reads at its start, gets a start.
func TestWhatIsSeenAtTheStart(t *testing.T) {
	waiting := map[string]string{"LANG": "en_US.UTF-8", "PATH": "/bin", "NODE_PATH": "/opt"}
	for _, c := range []struct {
		env  []string
		want bool
	}{
		{[]string{"LANG=en_US.UTF-8", "NODE_PATH=/opt", "PATH=/x", "MINE=1", "TZ=Europe/Berlin"}, true},
		{[]string{"LANG=C", "NODE_PATH=/opt"}, false},
		{[]string{"LANG=en_US.UTF-8"}, false},
		{[]string{"LANG=en_US.UTF-8", "NODE_PATH=/opt", "PYTHONHASHSEED=0"}, false},
		{[]string{"LANG=en_US.UTF-8", "NODE_PATH=/opt", "NODE_OPTIONS=--inspect"}, false},
		{[]string{"LANG=en_US.UTF-8", "NODE_PATH=/opt", "LD_PRELOAD=/var/task/x.so"}, false},
	} {
		if got := sameStart(waiting, c.env); got != c.want {
			t.Errorf("%q: %v", c.env, got)
		}
	}
}

func TestImportsSDK(t *testing.T) {
	dir := t.TempDir()
	secret := filepath.Join(t.TempDir(), "other.py")
	for file, text := range map[string]string{
		filepath.Join(dir, "a.py"): "import json, boto3\n", filepath.Join(dir, "b.py"): "def h():\n    from botocore.config import Config\n",
		filepath.Join(dir, "c.py"): "# import boto3\nimport boto3x\n", secret: "import boto3\n",
	} {
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(secret, filepath.Join(dir, "link.py")); err != nil {
		t.Fatal(err)
	}
	for handler, want := range map[string]bool{"a.h": true, "b.h": true, "c.h": false, "link.h": false, "../a.h": false, "none.h": false, "a": false, "": false} {
		if got := importsSDK(dir, handler); got != want {
			t.Errorf("%q: %v", handler, got)
		}
	}
}
