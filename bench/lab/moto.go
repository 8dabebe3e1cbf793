package lab

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os/exec"
	"syscall"
	"time"
)

// ErrNoMoto means that moto's server is not installed.
var ErrNoMoto = errors.New("moto_server is not on PATH: pip install 'moto[server]' adds it")

// Moto starts moto's server on a free port.
func Moto(ctx context.Context) (*Process, error) {
	path, err := exec.LookPath("moto_server")
	if err != nil {
		return nil, ErrNoMoto
	}
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	host, port, _ := net.SplitHostPort(address)
	cmd := exec.CommandContext(ctx, path, "-H", host, "-p", port)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	cmd.Stderr = &tail{}
	return listening(cmd, address)
}

// listening starts a server and waits until it listens.
func listening(cmd *exec.Cmd, address string) (*Process, error) {
	input, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &Process{Address: address, cmd: cmd, input: input, done: make(chan error, 1)}
	go func() { p.done <- cmd.Wait() }()
	for range 300 {
		if conn, err := net.DialTimeout("tcp", address, time.Second); err == nil {
			return p, conn.Close()
		}
		time.Sleep(100 * time.Millisecond)
	}
	return nil, errors.Join(fmt.Errorf("%s did not listen on %s within 30 s%s", cmd.Path, address, cmd.Stderr), p.Stop())
}

func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}
