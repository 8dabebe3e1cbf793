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
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer func() { _ = listener.Close() }()
	cmd := exec.Command(tools.Bootstrap())
	cmd.Env = []string{"AWS_LAMBDA_RUNTIME_API=" + listener.Addr().String(), "_HANDLER=bootstrap"}
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
