package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/rogpeppe/go-internal/testscript"
)

type worldKey struct{}

// world is what the commands of one script share.
type world struct {
	work  string
	node  *process
	args  []string // of the last node start
	users map[string]aws.Credentials
	root  string // the data directory
}

func newWorld(env *testscript.Env) *world {
	w := &world{work: env.WorkDir, root: filepath.Join(env.WorkDir, "data"), users: map[string]aws.Credentials{}}
	env.Defer(func() {
		if w.node != nil {
			_ = w.node.cmd.Process.Signal(syscall.SIGTERM)
			w.node.wait(10 * time.Second)
		}
		// A node that was killed leaves its code mounted, for its next start.
		_ = syscall.Unmount(filepath.Join(w.root, "code"), syscall.MNT_DETACH)
	})
	return w
}

func worldOf(ts *testscript.TestScript) *world { return ts.Value(worldKey{}).(*world) }

// process is a running node.
type process struct {
	cmd  *exec.Cmd
	done chan struct{}
	err  error
}

// wait waits for the end, or makes one.
func (p *process) wait(limit time.Duration) bool {
	select {
	case <-p.done:
		return true
	case <-time.After(limit):
		_ = p.cmd.Process.Kill()
		<-p.done
		return false
	}
}

// nodeCommand is `node start [flags]`, `node stop`, `node kill`, `node restart`
// and `node signal` (SIGTERM without waiting). The node's output is in
// node.stdout and node.stderr.
func nodeCommand(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) == 0 || neg {
		ts.Fatalf("usage: node start|stop|kill|restart|signal|wait")
	}
	w := worldOf(ts)
	switch args[0] {
	case "start":
		w.args = args[1:]
		ts.Check(w.start(ts))
	case "stop":
		ts.Check(w.stop())
	case "restart":
		ts.Check(w.stop())
		ts.Check(w.start(ts))
	case "kill":
		ts.Check(w.node.cmd.Process.Kill())
		w.node.wait(10 * time.Second)
		w.node = nil
	case "signal":
		ts.Check(w.node.cmd.Process.Signal(syscall.SIGTERM))
	case "wait":
		ts.Check(w.ended())
	default:
		ts.Fatalf("unknown: node %s", args[0])
	}
}

func (w *world) stop() error {
	if err := w.node.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	return w.ended()
}

func (w *world) ended() error {
	p := w.node
	w.node = nil
	if !p.wait(30 * time.Second) {
		return fmt.Errorf("the node did not stop within 30 s of SIGTERM")
	}
	if p.err != nil {
		text, _ := os.ReadFile(filepath.Join(w.work, "node.stderr"))
		return fmt.Errorf("the node ended: %w\n%s", p.err, text[max(0, len(text)-4000):])
	}
	return nil
}

// start starts a node and points the script's environment to it.
func (w *world) start(ts *testscript.TestScript) error {
	args := append([]string{"up", "--data", w.root, "--listen", "127.0.0.1:0"}, w.args...)
	stdout, err := os.Create(filepath.Join(w.work, "node.stdout"))
	if err != nil {
		return err
	}
	stderr, err := os.OpenFile(filepath.Join(w.work, "node.stderr"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	cmd := exec.Command(binary, args...)
	cmd.Stdout, cmd.Stderr = stdout, stderr
	cmd.Env = nodeEnv(ts)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		return err
	}
	w.node = &process{cmd: cmd, done: make(chan struct{})}
	go func(p *process) { p.err = p.cmd.Wait(); close(p.done) }(w.node)
	return w.ready(ts, stdout.Name())
}

// nodeEnv is an environment without credentials, but for the root's own.
func nodeEnv(ts *testscript.TestScript) []string {
	env := []string{"PATH=" + os.Getenv("PATH"), "HOME=" + ts.Getenv("HOME")}
	for _, name := range []string{"CLOISTER_ROOT_ACCESS_KEY_ID", "CLOISTER_ROOT_SECRET_ACCESS_KEY"} {
		if value := ts.Getenv(name); value != "" {
			env = append(env, name+"="+value)
		}
	}
	return env
}

// ready waits for the node's one line.
func (w *world) ready(ts *testscript.TestScript, stdout string) error {
	for range 600 {
		if text, err := os.ReadFile(stdout); err == nil && strings.HasSuffix(string(text), "\n") {
			return w.environment(ts)
		}
		select {
		case <-w.node.done:
			text, _ := os.ReadFile(filepath.Join(w.work, "node.stderr"))
			return fmt.Errorf("the node ended: %v\n%s", w.node.err, text)
		case <-time.After(50 * time.Millisecond):
		}
	}
	return fmt.Errorf("the node is not ready after 30 s")
}

// environment sets what `cloister env` prints.
func (w *world) environment(ts *testscript.TestScript) error {
	text, err := exec.Command(binary, "env", "--json", "--data", w.root).Output()
	if err != nil {
		return fmt.Errorf("cloister env: %w", err)
	}
	var variables map[string]string
	if err := json.Unmarshal(text, &variables); err != nil {
		return err
	}
	for name, value := range variables {
		ts.Setenv(name, value)
	}
	w.users["root"] = aws.Credentials{AccessKeyID: variables["AWS_ACCESS_KEY_ID"], SecretAccessKey: variables["AWS_SECRET_ACCESS_KEY"]}
	return nil
}
