// Command profile runs a node in its own process under load and writes a CPU
// profile of it, to see what a warm call is made of. The load generator is in
// the profile, too: pprof's -ignore=bench/load leaves it out.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"runtime/pprof"
	"strings"
	"time"

	"cloister/bench/lab"
	"cloister/bench/load"
	"cloister/internal/node"
)

func main() {
	call := flag.String("call", "invoke", "what is called: invoke, identity or function")
	clients := flag.Int("clients", 16, "how many clients call at once")
	length := flag.Duration("for", 5*time.Second, "how long")
	out := flag.String("out", "cpu.pprof", "where the profile goes")
	bootstrap := flag.String("bootstrap", "bin/bench/bootstrap", "the function's binary, as scripts/bench builds it")
	flag.Parse()
	if err := run(*call, *clients, *length, *out, *bootstrap); err != nil {
		fmt.Fprintln(os.Stderr, "profile:", err)
		os.Exit(1)
	}
}

func run(call string, clients int, length time.Duration, out, bootstrap string) (err error) {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "cloister-profile-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	n, err := node.Start(ctx, node.Config{Dir: dir, Listen: "127.0.0.1:0", Plaintext: true, Getenv: lab.RootEnvironment})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, n.Stop()) }()
	target, err := prepare(strings.TrimPrefix(n.URL(), "http://"), call, bootstrap)
	if err != nil {
		return err
	}
	if _, err := target.Run(ctx, clients, time.Second); err != nil { // cells start, caches fill
		return err
	}
	return profile(ctx, target, clients, length, out)
}

func profile(ctx context.Context, target *load.Target, clients int, length time.Duration, out string) error {
	file, err := os.Create(out)
	if err != nil {
		return err
	}
	if err := pprof.StartCPUProfile(file); err != nil {
		return errors.Join(err, file.Close())
	}
	round, err := target.Run(ctx, clients, length)
	pprof.StopCPUProfile()
	if err == nil {
		fmt.Printf("%.0f requests/s, p50 %.0f µs, p99 %.0f µs\n", round.PerSecond(), round.Percentile(50), round.Percentile(99))
	}
	return errors.Join(err, file.Close())
}

// prepare sets up the node at address and returns the call to profile.
func prepare(address, call, bootstrap string) (*load.Target, error) {
	root := lab.Root(address)
	defer root.Close()
	if err := root.LoggingRole(); err != nil {
		return nil, err
	}
	user, err := root.User()
	if err != nil {
		return nil, err
	}
	binary, err := os.ReadFile(bootstrap)
	if err != nil {
		return nil, err
	}
	zip, err := lab.Package("bootstrap", binary, "")
	if err != nil {
		return nil, err
	}
	if err := root.Function(lab.FunctionName, zip); err != nil {
		return nil, err
	}
	target, ok := lab.Calls(address, user)[call]
	if !ok {
		return nil, fmt.Errorf("there is no call %q: choose invoke, identity or function", call)
	}
	return target, nil
}
