package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"cloister/bench/lab"
	"cloister/bench/report"
)

// timeLimit bounds a run that hangs somewhere.
const timeLimit = 30 * time.Minute

// init keeps main on the main thread: the kernel ends the processes that a
// thread started when it ends, and this one lasts as long as the process.
func init() { runtime.LockOSThread() }

// part is one part of the benchmark.
type part struct {
	name string
	run  func(*bench) (*report.Section, error)
}

var parts = []part{
	{"warm", warm}, {"api", api}, {"cold", cold}, {"decision", decide}, {"decisions", decideMany}, {"identity", identity}, {"up", up}, {"store", storage},
	{"egress", egress}, {"scan", scan}, {"keys", keys}, {"gateway", gateway},
	{"interpreters", interpreters}, {"loops", loops}, {"density", density},
}

// bench is one run.
type bench struct {
	ctx    context.Context
	tools  lab.Tools
	work   string // a directory of its own
	rounds int
	round  time.Duration // how long a round lasts
	quick  bool
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run() (err error) {
	root := flag.String("root", ".", "the source tree")
	only := flag.String("only", "", "run these parts, with commas between: "+names())
	quick := flag.Bool("quick", false, "short rounds, to see that it works")
	load := flag.String("load", "", "the load average before anything was built; the default is that of now")
	out := flag.String("out", "", "write the document to this file; the default is ROOT/docs/benchmarks.md for a whole run, and standard output otherwise")
	flag.Parse()
	chosen, err := choose(*only)
	if err != nil {
		return err
	}
	if *out == "" && len(chosen) == len(parts) && !*quick {
		*out = filepath.Join(*root, "docs", "benchmarks.md")
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, timeLimit)
	defer cancel()
	b, err := newBench(ctx, *root, *quick)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lab.Remove(b.work)) }()
	document, err := b.document(chosen, *load)
	if err != nil || *out == "" { // a run that failed in part replaces no document
		fmt.Print(document)
		return err
	}
	return os.WriteFile(*out, []byte(document), 0o644)
}

func newBench(ctx context.Context, root string, quick bool) (*bench, error) {
	root, err := filepath.Abs(root)
	if err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	work, err := os.MkdirTemp("", "cloister-bench-")
	if err != nil {
		return nil, err
	}
	b := &bench{
		ctx: ctx, work: work, rounds: 5, round: 2 * time.Second, quick: quick,
		tools: lab.Tools{Root: root, Dir: filepath.Dir(self), Cloister: filepath.Join(root, "bin", "cloister")},
	}
	if quick {
		b.rounds, b.round = 2, 300*time.Millisecond
	}
	return b, nil
}

func (b *bench) document(chosen []part, load string) (string, error) {
	began := time.Now()
	d := &report.Document{Machine: report.ThisMachine(b.tools.Root, b.work)}
	if load != "" {
		d.Machine.Load = load
	}
	var failed error
	for _, p := range chosen {
		fmt.Fprintf(os.Stderr, "%s: measuring %s\n", time.Since(began).Round(time.Second), p.name)
		busy := report.Busy()
		section, err := p.run(b)
		if err != nil {
			failed = errors.Join(failed, fmt.Errorf("%s: %w", p.name, err))
			continue
		}
		section.Busy = busy
		d.Sections = append(d.Sections, section)
	}
	fmt.Fprintf(os.Stderr, "%s: done\n", time.Since(began).Round(time.Second))
	return d.Markdown(), failed
}

// samples is how many of what is measured one at a time.
func (b *bench) samples(n int) int {
	if b.quick {
		return max(2, n/6)
	}
	return n
}

func names() string {
	var all []string
	for _, p := range parts {
		all = append(all, p.name)
	}
	return strings.Join(all, ", ")
}

func choose(only string) (chosen []part, err error) {
	if only == "" {
		return parts, nil
	}
	for name := range strings.SplitSeq(only, ",") {
		i := slices.IndexFunc(parts, func(p part) bool { return p.name == strings.TrimSpace(name) })
		if i < 0 {
			return nil, fmt.Errorf("there is no part %q: choose among %s", name, names())
		}
		chosen = append(chosen, parts[i])
	}
	return chosen, nil
}
