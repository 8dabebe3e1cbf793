// Command floor is the least that can run functions over HTTP: a bare net/http
// server that speaks Lambda's Runtime API to bootstraps outside any cell. It
// authenticates, authorises, records and logs nothing.
//
// Its arguments are further variables (NAME=VALUE) for the bootstraps.
//
// It prints "ready HOST:PORT" when all bootstraps wait for work, and stops with
// them when its standard input ends.
package main

import (
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"time"
)

func main() {
	bootstraps := flag.Int("bootstraps", 16, "how many to start")
	binary := flag.String("bootstrap", "", "the function's binary")
	flag.Parse()
	if err := run(*binary, *bootstraps, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "floor:", err)
		os.Exit(1)
	}
}

func run(binary string, bootstraps int, variables []string) error {
	p := newPool()
	inside, err := serve(map[string]http.HandlerFunc{
		"GET /2018-06-01/runtime/invocation/next":           p.next,
		"POST /2018-06-01/runtime/invocation/{id}/response": p.response,
	})
	if err != nil {
		return err
	}
	outside, err := serve(map[string]http.HandlerFunc{"POST /2015-03-31/functions/{name}/invocations": p.invoke})
	if err != nil {
		return err
	}
	for range bootstraps {
		cmd := exec.Command(binary)
		cmd.Env = append([]string{"AWS_LAMBDA_RUNTIME_API=" + inside, "_HANDLER=bootstrap"}, variables...)
		cmd.Stderr = os.Stderr
		if err := cmd.Start(); err != nil {
			return err
		}
		defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }()
	}
	if err := p.await(bootstraps); err != nil {
		return err
	}
	fmt.Println("ready", outside)
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

// serve serves routes on a free port.
func serve(routes map[string]http.HandlerFunc) (address string, err error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	mux := http.NewServeMux()
	for pattern, handler := range routes {
		mux.HandleFunc(pattern, handler)
	}
	go func() { _ = http.Serve(listener, mux) }()
	return listener.Addr().String(), nil
}

// await waits until n bootstraps are idle.
func (p *pool) await(n int) error {
	for range 1000 {
		p.mu.Lock()
		idle := len(p.idle)
		p.mu.Unlock()
		if idle == n {
			return nil
		}
		time.Sleep(10 * time.Millisecond)
	}
	return fmt.Errorf("not all of %d bootstraps asked for work within 10 s", n)
}
