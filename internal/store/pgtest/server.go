package pgtest

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"
	"time"
)

// server is a running PostgreSQL with its data and socket in dir.
type server struct {
	dir string
	cmd *exec.Cmd
	end chan error
}

var errMissing = errors.New("PostgreSQL's server is not installed: run apt-get install postgresql, which tests need in version 13 or newer")

func newServer() (*server, error) {
	initdb, postgres := find("initdb"), find("postgres")
	if initdb == "" || postgres == "" {
		return nil, errMissing
	}
	dir, err := os.MkdirTemp("", "cloister-pg-")
	if err != nil {
		return nil, err
	}
	s := &server{dir: dir, end: make(chan error, 1)}
	if err := s.start(initdb, postgres); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return s, nil
}

// find looks for a program where Debian's package puts it, newest version
// first, and then in PATH, where there may be a wrapper.
func find(program string) string {
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/" + program)
	if len(found) > 0 {
		return found[len(found)-1]
	}
	path, _ := exec.LookPath(program)
	return path
}

func (s *server) start(initdb, postgres string) error {
	who, err := unprivileged()
	if err != nil {
		return err
	}
	if who.Credential != nil {
		if err := os.Chown(s.dir, int(who.Credential.Uid), int(who.Credential.Gid)); err != nil {
			return err
		}
	}
	data := filepath.Join(s.dir, "data")
	init := s.command(who, initdb, "--pgdata", data, "--username", "cloister", "--auth", "trust", "--no-sync", "--encoding", "UTF8", "--locale", "C")
	if out, err := init.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w: %s", err, out)
	}
	s.cmd = s.command(who, postgres, "-D", data, "-k", s.dir, "-c", "listen_addresses=", "-c", "fsync=off", "-c", "max_connections=200")
	started := make(chan error)
	go s.run(started)
	if err := <-started; err != nil {
		return err
	}
	return s.ready()
}

// run keeps to one thread, because the server is told to stop when the thread
// that started it ends: a test binary that is killed leaves no server behind.
func (s *server) run(started chan<- error) {
	runtime.LockOSThread()
	var log bytes.Buffer
	s.cmd.Stderr = &log
	err := s.cmd.Start()
	started <- err
	if err != nil {
		return
	}
	if err = s.cmd.Wait(); err != nil {
		err = fmt.Errorf("postgres: %w: %s", err, log.Bytes())
	}
	s.end <- err
}

func (s *server) ready() error {
	deadline := time.After(30 * time.Second)
	for s.exec("SELECT 1") != nil {
		select {
		case err := <-s.end:
			return fmt.Errorf("the server ended: %w", err)
		case <-deadline:
			return errors.New("postgres took more than 30 seconds to start")
		case <-time.After(20 * time.Millisecond):
		}
	}
	return nil
}

func (s *server) stop() {
	_ = s.cmd.Process.Signal(syscall.SIGQUIT)
	<-s.end
	_ = os.RemoveAll(s.dir)
}

func (s *server) command(who *syscall.SysProcAttr, name string, args ...string) *exec.Cmd {
	cmd := exec.Command(name, args...)
	cmd.Dir = s.dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C", "TZ=UTC"}
	attributes := *who
	cmd.SysProcAttr = &attributes
	return cmd
}

// unprivileged is how the server is started: PostgreSQL refuses to be root.
func unprivileged() (*syscall.SysProcAttr, error) {
	attributes := &syscall.SysProcAttr{Pdeathsig: syscall.SIGQUIT}
	if os.Geteuid() != 0 {
		return attributes, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		if u, err := user.Lookup(name); err == nil {
			attributes.Credential, err = credential(u)
			return attributes, err
		}
	}
	return nil, errors.New("there is neither a user postgres nor nobody to run PostgreSQL as")
}

func credential(u *user.User) (*syscall.Credential, error) {
	uid, err1 := strconv.ParseUint(u.Uid, 10, 32)
	gid, err2 := strconv.ParseUint(u.Gid, 10, 32)
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, errors.Join(err1, err2)
}
