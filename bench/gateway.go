package main

import (
	"errors"
	"os"

	"cloister/bench/lab"
	"cloister/bench/report"
)

// gateway measures requests to an HTTP API beside plain reverse proxies.
func gateway(b *bench) (*report.Section, error) {
	s := &report.Section{
		Title: "Front gate",
		Method: "A request with the token of a user pool's user to a route of an HTTP API, which verifies the token (the first time; then it remembers its hash), decides on the route and on the function's policy, audits both, and runs a warm compiled Go function in a cell (aws-lambda-go, `provided.al2023`, 1769 MB). " +
			"Beside it, the same handler in a bare net/http server, outside any cell, behind Caddy and behind nginx as plain reverse proxies that authenticate nobody and log nothing. What the function itself allows at most, without any gate, is the floor of “Warm invoke”. Both over loopback TLS, 16 clients, connections kept alive, every answer checked. Rounds in turns.",
	}
	err := b.withTLSNode(func(node *lab.Process, root *lab.Client, _ lab.Key) error {
		binary, err := os.ReadFile(b.tools.Greeter())
		if err != nil {
			return err
		}
		zip, err := lab.Package("bootstrap", binary, "")
		if err != nil {
			return err
		}
		target, err := root.HTTPAPI(zip)
		if err != nil {
			return err
		}
		return b.besideProxies(s, side{target, node})
	})
	return s, err
}

// proxies are what stands beside it.
var proxies = []struct{ name, title string }{{"caddy", "Caddy"}, {"nginx", "nginx"}}

func (b *bench) besideProxies(s *report.Section, ours side) (err error) {
	greeter, err := lab.Greeter(b.ctx, b.tools)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, greeter.Stop()) }()
	sides, titles := []side{ours}, []string{}
	for _, p := range proxies {
		dir, err := os.MkdirTemp(b.work, p.name+"-")
		if err != nil {
			return err
		}
		process, err := lab.Proxy(b.ctx, p.name, dir, greeter.Address)
		if errors.Is(err, lab.ErrNoProxy) {
			s.Note("%s: not measured: %s.", p.title, err)
			continue
		}
		if err != nil {
			return err
		}
		defer func() { _ = process.Stop() }()
		sides, titles = append(sides, side{lab.Greeted(process.Address), process}), append(titles, p.title)
	}
	if len(titles) == 0 {
		return nil
	}
	t, err := b.turns(cells, sides...)
	if err != nil {
		return err
	}
	for i, title := range titles {
		s.Rows = append(s.Rows,
			t.row("throughput, 16 clients", i+1, title, perSecond, &report.Target{OfRatio: true, AtLeast: 0.6}),
			t.row("p50, 16 clients", i+1, title, p50, nil),
			t.row("p99, 16 clients", i+1, title, p99, &report.Target{OfRatio: true, AtMost: 2}))
	}
	return nil
}
