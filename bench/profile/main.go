// Command profile runs a node in its own process under load and writes a CPU
// profile of it, to see what a warm call is made of. The load generator is in
// the profile, too: pprof's -ignore=bench/load leaves it out.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"runtime/pprof"
	"slices"
	"strings"
	"time"

	"cloister/bench/lab"
	"cloister/bench/load"
	"cloister/internal/node"
)

func main() {
	call := flag.String("call", "invoke", "what is called: invoke, identity, function, encrypt, decrypt, datakey or secret")
	secure := flag.Bool("tls", false, "over TLS")
	clients := flag.Int("clients", 16, "how many clients call at once")
	length := flag.Duration("for", 5*time.Second, "how long")
	out := flag.String("out", "cpu.pprof", "where the profile goes")
	bootstrap := flag.String("bootstrap", "bin/bench/bootstrap", "the function's binary, as scripts/bench builds it")
	flag.Parse()
	if err := run(setting{*call, *bootstrap, *secure}, *clients, *length, *out); err != nil {
		fmt.Fprintln(os.Stderr, "profile:", err)
		os.Exit(1)
	}
}

// setting is what is measured.
type setting struct {
	call, bootstrap string
	tls             bool
}

func run(s setting, clients int, length time.Duration, out string) (err error) {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "cloister-profile-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	n, err := node.Start(ctx, node.Config{Dir: dir, Listen: "127.0.0.1:0", Plaintext: !s.tls, Getenv: lab.RootEnvironment})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, n.Stop()) }()
	target, err := s.prepare(n.URL()[strings.LastIndex(n.URL(), "/")+1:])
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
func (s setting) prepare(address string) (*load.Target, error) {
	root := lab.Root(address)
	if s.tls {
		root = lab.RootTLS(address)
	}
	defer root.Close()
	if err := root.LoggingRole(); err != nil {
		return nil, err
	}
	user, err := root.User()
	if err != nil {
		return nil, err
	}
	if err := s.function(root); err != nil {
		return nil, err
	}
	keeper, err := lab.AWSKeeper(root, user, s.tls)
	if err != nil {
		return nil, err
	}
	calls := lab.Calls(address, user)
	calls["encrypt"], calls["decrypt"], calls["datakey"], calls["secret"] = keeper.Encrypt, keeper.Decrypt, keeper.DataKey, keeper.Read
	target, ok := calls[s.call]
	if !ok {
		return nil, fmt.Errorf("there is no call %q: choose among %s", s.call, strings.Join(slices.Sorted(maps.Keys(calls)), ", "))
	}
	target.TLS = s.tls
	return target, nil
}

func (s setting) function(root *lab.Client) error {
	if s.call != "invoke" && s.call != "function" {
		return nil
	}
	binary, err := os.ReadFile(s.bootstrap)
	if err != nil {
		return err
	}
	zip, err := lab.Package("bootstrap", binary, "")
	if err != nil {
		return err
	}
	return root.Function(lab.FunctionName, zip)
}
