package main

import (
	"fmt"
	"time"

	"cloister/bench/lab"
	"cloister/bench/load"
	"cloister/bench/report"
)

// pause lies between two cold starts, so that one does not pay for the other.
const pause = 300 * time.Millisecond

// cold measures the first request to functions that never ran.
func cold(b *bench) (*report.Section, error) {
	s := &report.Section{
		Title: "First request",
		Method: "The first request to a function that never ran, from the first byte of the signed request to the last of the response. Each sample is a function of its own with code of its own (the same aws-lambda-go binary, " +
			"and a file that differs); another function has run on the node before. Beside it: plain fork+exec of the same binary until its first request of the Runtime API arrives at a bare listener. " +
			fmt.Sprintf("In turns, %s apart; then as many functions again with no pause between.", pause),
	}
	err := b.withNode(func(node *lab.Process, root *lab.Client, user lab.Key) error {
		n := b.samples(36)
		if err := b.newFunctions(root, 2*n); err != nil {
			return err
		}
		spaced, plain, burst := &report.Figure{Unit: "ms"}, &report.Figure{Unit: "ms"}, &report.Figure{Unit: "ms"}
		caller := &firstCalls{conn: load.Client(node.Address), address: node.Address, user: user}
		defer caller.conn.Close()
		if _, err := caller.call(0); err != nil { // the one that has run before
			return err
		}
		for i := 1; i < n; i++ {
			if err := b.coldPair(caller, i, spaced, plain); err != nil {
				return err
			}
		}
		for i := n; i < 2*n; i++ {
			took, err := caller.call(i)
			if err != nil {
				return err
			}
			burst.Add(took)
		}
		s.Rows = []report.Row{
			{What: "first request", Ours: spaced, Beside: "fork+exec", Peer: plain, Target: &report.Target{OfRatio: true, AtMost: 3}},
			{What: "one upon the other", Ours: burst, Beside: "fork+exec", Peer: plain},
		}
		return nil
	})
	return s, err
}

func (b *bench) newFunctions(root *lab.Client, n int) error {
	for i := range n {
		zip, err := b.function(fmt.Sprint("sample ", i))
		if err != nil {
			return err
		}
		if err := root.Function(coldName(i), zip); err != nil {
			return err
		}
	}
	return nil
}

func coldName(i int) string { return fmt.Sprintf("cold-%d", i) }

func (b *bench) coldPair(caller *firstCalls, i int, ours, plain *report.Figure) error {
	time.Sleep(pause)
	took, err := caller.call(i)
	if err != nil {
		return err
	}
	ours.Add(took)
	time.Sleep(pause)
	started, err := lab.FirstRequest(b.tools)
	if err != nil {
		return err
	}
	plain.Add(milliseconds(started))
	return b.ctx.Err()
}

// firstCalls calls functions for the first time.
type firstCalls struct {
	conn    *load.Conn
	address string
	user    lab.Key
}

// call returns how many ms the call of function i took.
func (f *firstCalls) call(i int) (float64, error) {
	r := load.Request{Method: "POST", Path: lab.InvokePath(coldName(i)), ContentType: "application/json", Body: []byte(`"first"`)}
	signer := f.user.Signer("lambda")
	request := signer.Signed(f.address, &r, time.Now())
	began := time.Now()
	status, body, err := f.conn.Do(request)
	took := time.Since(began)
	if err != nil {
		return 0, err
	}
	return milliseconds(took), load.Echoed(request, status, body)
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
