package main

import (
	"errors"

	"cloister/bench/lab"
	"cloister/bench/report"
)

// cells is how many clients call at once, and so how many cells serve them.
const cells = 16

// warm measures calls of a function that runs already.
func warm(b *bench) (*report.Section, error) {
	s := &report.Section{
		Title: "Warm invoke",
		Method: "A function built with aws-lambda-go (`provided.al2023`, 1769 MB) answers with its event. Cloister: `cloister up --plaintext`, each request signed by an IAM user with 10 policies of 5 statements, " +
			"verified, authorised, audited, run in a cell, and logged to CloudWatch Logs. Beside it, the floor: a bare net/http server that speaks the Runtime API to the very same bootstrap, 16 of them, outside any cell, " +
			"with no authentication, authorisation, audit or log; it hands work to the bootstrap that became idle last. Cloister tells a Go function how many processors its share comes to (`GOMAXPROCS=1` at 1769 MB), which spares it much; " +
			"so a second floor stands beside it, which tells its bootstraps the same. Processor time is what a round took of it over the number of requests, in the node's or the floor's process (server) and in those of the functions. The same generator sends the same bytes to both, signed ahead of each round, over kept-alive connections, and checks every answer. Rounds in turns.",
	}
	err := b.withNode(func(node *lab.Process, root *lab.Client, user lab.Key) error {
		zip, err := b.function("")
		if err != nil {
			return err
		}
		if err := root.Function(lab.FunctionName, zip); err != nil {
			return err
		}
		floor, err := lab.Floor(b.ctx, b.tools, cells)
		if err != nil {
			return err
		}
		told, err := lab.Floor(b.ctx, b.tools, cells, "GOMAXPROCS=1")
		if err != nil {
			return errors.Join(err, floor.Stop())
		}
		return errors.Join(b.warmRounds(s, user, node, floor, told), floor.Stop(), told.Stop())
	})
	return s, err
}

func (b *bench) warmRounds(s *report.Section, user lab.Key, node *lab.Process, floors ...*lab.Process) error {
	var sides []side
	for _, p := range append([]*lab.Process{node}, floors...) {
		sides = append(sides, side{lab.Calls(p.Address, user)["invoke"], p})
	}
	alone, err := b.turns(1, sides...)
	if err != nil {
		return err
	}
	many, err := b.turns(cells, sides...)
	if err != nil {
		return err
	}
	const beside, told = "floor", "floor, `GOMAXPROCS=1`"
	s.Rows = []report.Row{
		alone.row("p50, 1 client", 1, beside, p50, &report.Target{OfRatio: true, AtMost: 1.5}),
		alone.row("p99, 1 client", 1, beside, p99, nil),
		many.row("throughput, 16 clients", 1, beside, perSecond, &report.Target{OfRatio: true, AtLeast: 0.7}),
		many.row("p50, 16 clients", 1, beside, p50, nil),
		many.row("p99, 16 clients", 1, beside, p99, nil),
		many.row("server's processor time, 16 clients", 1, beside, serverTime, nil),
		many.row("function's processor time, 16 clients", 1, beside, functionTime, nil),
		alone.row("p50, 1 client", 2, told, p50, nil),
		many.row("throughput, 16 clients", 2, told, perSecond, nil),
		many.row("function's processor time, 16 clients", 2, told, functionTime, nil),
	}
	s.Note("%d cells were there in the end.", len(lab.Descendants(node.PID(), "bootstrap")))
	return nil
}
