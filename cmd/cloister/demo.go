package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"cloister/internal/node"
)

func newDemo(o *options) *cobra.Command {
	var keep bool
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Show the main job: deploy, invoke, refuse, log, audit",
		Long: `Start a node in a temporary directory, deploy real functions with the AWS SDK,
invoke them, show one refused call with its explanation, the log and the audit
record, and stop.`,
		Example: `  cloister demo
  cloister demo --keep`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runDemo(cmd.Context(), cmd.OutOrStdout(), keep)
		},
	}
	cmd.Flags().BoolVar(&keep, "keep", false, "leave the node running when the demo is over")
	return cmd
}

// demo is one run of the demo.
type demo struct {
	ctx  context.Context
	out  io.Writer
	dir  string
	node *node.Node
	aws  *clients // as root
}

func runDemo(ctx context.Context, out io.Writer, keep bool) (err error) {
	setLogging(false)
	dir, err := os.MkdirTemp("", "cloister-demo-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	d := &demo{ctx: ctx, out: out, dir: dir}
	if err := d.start(); err != nil {
		return err
	}
	defer func() {
		if stopErr := d.node.Stop(); err == nil {
			err = stopErr
		}
	}()
	if err := d.show(); err != nil {
		return err
	}
	if keep {
		d.say("The node keeps running. In another shell:\n\n    eval \"$(cloister env --data %s)\"\n    aws lambda list-functions\n\nCtrl-C stops it and removes %s.", dir, dir)
		<-ctx.Done()
	}
	return nil
}

func (d *demo) start() (err error) {
	d.say("Starting a node in %s", d.dir)
	d.node, err = node.Start(d.ctx, node.Config{Dir: d.dir, Listen: "127.0.0.1:0", Getenv: func(string) string { return "" }})
	if err != nil {
		return err
	}
	d.detail("it serves %s, with a certificate of its own local CA", d.node.URL())
	root, err := node.ReadRootCredential(d.dir)
	if err != nil {
		return err
	}
	d.aws, err = newClients(d.dir, d.node.URL(), root.AccessKeyID, string(root.Secret.Reveal()))
	return err
}

func (d *demo) show() error {
	functions, err := d.functions()
	if err != nil {
		return err
	}
	for _, step := range []func() error{
		d.makeRole,
		func() error { return d.deploy(functions) },
		func() error { return d.refuse(functions[0].name) },
		func() error { return d.showLog(functions[0].name) },
	} {
		if err := step(); err != nil {
			return err
		}
	}
	d.say("Done: deployed, invoked, refused, logged and audited")
	return nil
}

// say prints what the demo does now, detail what came of it.
func (d *demo) say(format string, args ...any) {
	fmt.Fprintf(d.out, "%s%s%s\n", style(d.out, "\x1b[1m==> "), fmt.Sprintf(format, args...), style(d.out, "\x1b[0m"))
}

func (d *demo) detail(format string, args ...any) {
	text := strings.TrimRight(fmt.Sprintf(format, args...), "\n")
	fmt.Fprintf(d.out, "    %s\n", strings.ReplaceAll(text, "\n", "\n    "))
}

// style is an escape sequence on a terminal, and what is left of it elsewhere.
func style(w io.Writer, sequence string) string {
	if isTerminal(w) {
		return sequence
	}
	return strings.TrimPrefix(strings.TrimPrefix(sequence, "\x1b[1m"), "\x1b[0m")
}
