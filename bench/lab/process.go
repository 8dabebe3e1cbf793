package lab

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// Process is a server that was started.
type Process struct {
	Address string        // host:port
	Took    time.Duration // from the start to the line that says it is ready
	cmd     *exec.Cmd
	input   io.Closer
	done    chan error
}

// PID is the process's id.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// await waits for the line "ready ADDRESS" on the standard output of cmd,
// which it starts.
//
// The kernel sends the signal that ends the child when the thread that started
// it ends, so this must be called on the main thread, where main stays.
func await(ctx context.Context, cmd *exec.Cmd) (*Process, error) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	output, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	input, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	cmd.Stderr = &tail{}
	began := time.Now()
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &Process{cmd: cmd, input: input, done: make(chan error, 1)}
	stop := context.AfterFunc(ctx, func() { _ = cmd.Process.Kill() })
	defer stop()
	line, err := bufio.NewReader(output).ReadString('\n')
	p.Took = time.Since(began)
	go func() { p.done <- cmd.Wait() }()
	address, ready := strings.CutPrefix(strings.TrimSpace(line), "ready ")
	if err != nil || !ready {
		return nil, errors.Join(fmt.Errorf("%s did not become ready: %w, it printed %q%s", cmd.Path, err, line, cmd.Stderr), p.Stop())
	}
	p.Address = address[strings.LastIndex(address, "/")+1:]
	return p, nil
}

// stopTime is how long a process may take to end after SIGTERM.
const stopTime = 30 * time.Second

// Stop ends the process and waits for its end.
func (p *Process) Stop() error {
	_ = p.input.Close()
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // gone is what it should be
	select {
	case err := <-p.done:
		var exit *exec.ExitError
		if errors.As(err, &exit) && exit.Sys().(syscall.WaitStatus).Signal() == syscall.SIGTERM {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%s: %w%s", p.cmd.Path, err, p.cmd.Stderr)
		}
		return nil
	case <-time.After(stopTime):
		failed := p.cmd.Process.Kill()
		<-p.done
		return errors.Join(fmt.Errorf("%s still ran %s after SIGTERM%s", p.cmd.Path, stopTime, p.cmd.Stderr), failed)
	}
}

// tail keeps the end of what a process says on its standard error.
type tail struct{ text []byte }

func (t *tail) Write(b []byte) (int, error) {
	t.text = append(t.text, b...)
	t.text = t.text[max(0, len(t.text)-2000):]
	return len(b), nil
}

func (t *tail) String() string {
	if len(t.text) == 0 {
		return ""
	}
	return ":\n" + string(t.text)
}

// Floor starts the bare server beside which invocations are measured, with the
// variables for its bootstraps.
func Floor(ctx context.Context, tools Tools, bootstraps int, variables ...string) (*Process, error) {
	args := append([]string{"-bootstrap", tools.Bootstrap(), "-bootstraps", fmt.Sprint(bootstraps)}, variables...)
	return await(ctx, exec.CommandContext(ctx, tools.Floor(), args...))
}

// Up starts a node on dir with the root credential of this package.
func Up(ctx context.Context, tools Tools, dir string, flags ...string) (*Process, error) {
	cmd := exec.Command(tools.Cloister, append([]string{"up", "--data", dir, "--listen", "127.0.0.1:0"}, flags...)...)
	cmd.Env = append(os.Environ(), rootID+"="+root.KeyID, rootSecret+"="+root.Secret)
	return await(ctx, cmd)
}
