package main

import (
	"errors"
	"fmt"

	"cloister/bench/lab"
	"cloister/bench/report"
)

// api measures calls that only the platform answers.
func api(b *bench) (*report.Section, error) {
	s := &report.Section{
		Title: "API calls",
		Method: "16 clients, requests signed ahead. Cloister verifies each signature, authorises an IAM user with 10 policies of 5 statements and audits the call. moto_server, as it is installed, " +
			"checks nothing; it gets the same requests. Where 1 client gets more out of it than 16, that is what counts.",
	}
	err := b.withNode(func(node *lab.Process, root *lab.Client, user lab.Key) error {
		if err := small(root); err != nil {
			return err
		}
		moto, err := lab.Moto(b.ctx)
		if errors.Is(err, lab.ErrNoMoto) {
			s.Note("%s", err)
			return b.apiAlone(s, node, user)
		}
		if err != nil {
			return err
		}
		return errors.Join(b.apiBeside(s, node, moto, user), moto.Stop())
	})
	return s, err
}

// small makes the function that GetFunction describes.
func small(root *lab.Client) error {
	zip, err := lab.Package("bootstrap", []byte("#!/bin/sh\n"), "")
	if err != nil {
		return err
	}
	return root.Function(lab.FunctionName, zip)
}

var apiTarget = report.Target{OfRatio: true, AtLeast: 40}

// apiCalls are the operations and their names among lab.Calls.
var apiCalls = [][2]string{{"GetCallerIdentity", "identity"}, {"GetFunction", "function"}}

func (b *bench) apiBeside(s *report.Section, node, moto *lab.Process, user lab.Key) error {
	root := lab.Root(moto.Address)
	defer root.Close()
	if err := errors.Join(root.Role(), small(root)); err != nil {
		return fmt.Errorf("moto_server: %w", err)
	}
	ours, theirs := lab.Calls(node.Address, user), lab.Calls(moto.Address, user)
	for _, call := range apiCalls {
		name := call[1]
		peer := side{theirs[name], moto}
		t, err := b.turns(cells, side{ours[name], node}, peer)
		if err != nil {
			return err
		}
		alone, err := b.repeat(1, peer)
		if err != nil {
			return err
		}
		if perSecond.figure(alone).Median() > perSecond.figure(t[1]).Median() {
			t[1] = alone
		}
		s.Rows = append(s.Rows, t.row(call[0], 1, "moto_server", perSecond, &apiTarget))
	}
	return nil
}

// apiAlone measures without a peer.
func (b *bench) apiAlone(s *report.Section, node *lab.Process, user lab.Key) error {
	targets := lab.Calls(node.Address, user)
	for _, call := range apiCalls {
		rounds, err := b.repeat(cells, side{targets[call[1]], node})
		if err != nil {
			return err
		}
		s.Rows = append(s.Rows, report.Row{What: call[0], Ours: perSecond.figure(rounds), Beside: "moto_server", Peer: &report.Figure{}, Target: &apiTarget})
	}
	return nil
}

// repeat runs rounds against one server alone.
func (b *bench) repeat(clients int, one side) (samples []*sample, err error) {
	for range b.rounds {
		s, err := b.sample(clients, one)
		if err != nil {
			return nil, err
		}
		samples = append(samples, s)
	}
	return samples, nil
}
