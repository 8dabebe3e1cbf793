package lab

import (
	"bufio"
	"net"
	"os/exec"
	"time"
)

// FirstRequest starts the function's binary as any program is, and returns how
// long it took until its first request of the Runtime API arrived.
func FirstRequest(tools Tools) (time.Duration, error) {
	return FirstRequestOf([]string{tools.Bootstrap()}, "_HANDLER=bootstrap")
}

// FirstRequestOf is FirstRequest of any program with that environment.
func FirstRequestOf(argv []string, environment ...string) (time.Duration, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer func() { _ = listener.Close() }()
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Env = append([]string{"AWS_LAMBDA_RUNTIME_API=" + listener.Addr().String()}, environment...)
	began := time.Now()
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }()
	if err := listener.(*net.TCPListener).SetDeadline(began.Add(10 * time.Second)); err != nil {
		return 0, err
	}
	conn, err := listener.Accept()
	if err != nil {
		return 0, err
	}
	defer func() { _ = conn.Close() }()
	_, err = bufio.NewReader(conn).ReadString('\n')
	return time.Since(began), err
}
