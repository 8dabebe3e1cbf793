package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"cloister/bench/lab"
	"cloister/bench/load"
	"cloister/bench/report"
)

// language is an interpreter with one of its sources.
type language struct {
	lab.Interpreter
	name   string
	source string
	pause  time.Duration // between two starts: long enough for what is booted ahead
	target float64       // of the ratio to a plain start
}

func languages(tools lab.Tools) []language {
	var all []language
	if p, ok := lab.Python(tools); ok {
		all = append(all, language{p, "Python", p.Source, 600 * time.Millisecond, 0.25})
		if p.SDK != "" {
			all = append(all, language{p, "Python with boto3", p.SDK, 2 * time.Second, 0.05})
		}
	}
	if n, ok := lab.Node(tools); ok {
		all = append(all, language{n, "Node", n.Source, 600 * time.Millisecond, 0.3})
	}
	return all
}

const burst = 50 // first requests at once

// interpreters measures the first request to functions in Python and Node.
func interpreters(b *bench) (*report.Section, error) {
	s := &report.Section{
		Title: "First request, with an interpreter",
		Method: "The first request to a function that never ran, from the first byte of the signed request to the last of the response; each sample is a function of its own, whose handler answers with its event. " +
			"Functions of the same runtime have run before, so that interpreters wait for work. Beside it: the project's own loop with the same function, executed as a plain program, until its first request arrives at a bare listener. In turns. " +
			fmt.Sprintf("Then %d functions that never ran, at once.", burst),
	}
	all := languages(b.tools)
	if len(all) == 0 {
		return nil, errors.New("this machine has neither Python nor Node")
	}
	for _, l := range all {
		err := b.withNode(func(node *lab.Process, root *lab.Client, user lab.Key) error {
			return b.firstOf(s, l, node, root, user)
		})
		if err != nil {
			return nil, fmt.Errorf("%s: %w", l.name, err)
		}
	}
	return s, nil
}

func (b *bench) firstOf(s *report.Section, l language, node *lab.Process, root *lab.Client, user lab.Key) error {
	n, many := b.samples(24), b.samples(burst)
	if err := b.newOf(root, l, 1+n+many); err != nil {
		return err
	}
	caller := &firstCalls{conn: load.Client(node.Address), address: node.Address, user: user}
	defer caller.conn.Close()
	if _, err := caller.call(0); err != nil {
		return err
	}
	ours, plain, together := &report.Figure{Unit: "ms"}, &report.Figure{Unit: "ms"}, &report.Figure{Unit: "ms"}
	for i := 1; i <= n; i++ {
		if err := b.firstPair(caller, l, i, ours, plain); err != nil {
			return err
		}
	}
	time.Sleep(l.pause)
	if err := burstOf(together, node.Address, user, n+1, many); err != nil {
		return err
	}
	s.Rows = append(s.Rows,
		report.Row{What: l.name + ", first request", Ours: ours, Beside: "plain start", Peer: plain, Paired: true, Target: &report.Target{OfRatio: true, AtMost: l.target}},
		report.Row{What: fmt.Sprintf("%s, %d at once", l.name, many), Ours: together, Beside: "plain start", Peer: plain})
	return nil
}

func (b *bench) newOf(root *lab.Client, l language, n int) error {
	if err := root.AllowOldRuntimes(); err != nil {
		return err
	}
	for i := range n {
		zip, err := lab.Package(l.File, []byte(l.source), fmt.Sprint("sample ", i))
		if err == nil {
			err = root.FunctionOf(l.Runtime, "m.h", coldName(i), zip)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) firstPair(caller *firstCalls, l language, i int, ours, plain *report.Figure) error {
	time.Sleep(l.pause)
	took, err := caller.call(i)
	if err != nil {
		return err
	}
	ours.Add(took)
	time.Sleep(l.pause)
	started, err := b.plainStart(l)
	if err != nil {
		return err
	}
	plain.Add(milliseconds(started))
	return b.ctx.Err()
}

func (b *bench) plainStart(l language) (time.Duration, error) {
	dir := filepath.Join(b.work, "plain "+l.name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return 0, err
	}
	if err := os.WriteFile(filepath.Join(dir, l.File), []byte(l.source), 0o644); err != nil {
		return 0, err
	}
	return lab.FirstRequestOf(l.Plain, "_HANDLER=m.h", "LAMBDA_TASK_ROOT="+dir, "LANG=en_US.UTF-8")
}

// burstOf calls many functions for the first time, all at once.
func burstOf(figure *report.Figure, address string, user lab.Key, first, many int) error {
	times, failures := make([]float64, many), make([]error, many)
	var ready, all sync.WaitGroup
	ready.Add(1)
	for i := range many {
		all.Go(func() {
			c := &firstCalls{conn: load.Client(address), address: address, user: user}
			defer c.conn.Close()
			ready.Wait()
			times[i], failures[i] = c.call(first + i)
		})
	}
	ready.Done()
	all.Wait()
	for _, t := range times {
		figure.Add(t)
	}
	return errors.Join(failures...)
}

// loops measures calls of functions that run already, through the project's own
// loops.
func loops(b *bench) (*report.Section, error) {
	s := &report.Section{
		Title: "Warm invoke, with an interpreter",
		Method: fmt.Sprintf("Functions in Python and Node that answer with their event, called as in the part on warm invocations: signed, verified, authorised, audited, in cells. With 1 client, then with %d. ", cells) +
			"The targets are what of-watchdog does with an uncontained program and no authentication, on the machine on which they were set.",
	}
	for _, l := range languages(b.tools) {
		if strings.Contains(l.name, "boto3") {
			continue
		}
		err := b.withNode(func(node *lab.Process, root *lab.Client, user lab.Key) error {
			zip, err := lab.Package(l.File, []byte(l.source), "")
			if err != nil {
				return err
			}
			if err := root.AllowOldRuntimes(); err != nil {
				return err
			}
			if err := root.FunctionOf(l.Runtime, "m.h", lab.FunctionName, zip); err != nil {
				return err
			}
			target := lab.Calls(node.Address, user)["invoke"]
			target.Check = load.Holds(`"client"`) // a loop writes JSON its own way
			return b.loopOf(s, l.name, side{target, node})
		})
		if err != nil {
			return nil, fmt.Errorf("%s: %w", l.name, err)
		}
	}
	return s, nil
}

func (b *bench) loopOf(s *report.Section, name string, ours side) error {
	alone, err := b.turns(1, ours)
	if err != nil {
		return err
	}
	many, err := b.turns(cells, ours)
	if err != nil {
		return err
	}
	s.Rows = append(s.Rows,
		report.Row{What: name + ", p50, 1 client", Ours: p50.figure(alone[0]), Target: &report.Target{AtMost: 235, Unit: "µs"}},
		report.Row{What: fmt.Sprintf("%s, throughput, %d clients", name, cells), Ours: perSecond.figure(many[0]), Target: &report.Target{AtLeast: 7800}})
	return nil
}
