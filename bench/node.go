package main

import (
	"errors"
	"os"

	"cloister/bench/lab"
)

// withNode runs fn with a fresh node that serves plain HTTP and has the role
// of functions and the user who makes the measured calls.
func (b *bench) withNode(fn func(node *lab.Process, root *lab.Client, user lab.Key) error) error {
	return b.withNodeAt(lab.Root, fn, "--plaintext")
}

// withTLSNode is withNode with a node as it comes, which serves HTTPS.
func (b *bench) withTLSNode(fn func(node *lab.Process, root *lab.Client, user lab.Key) error) error {
	return b.withNodeAt(lab.RootTLS, fn)
}

func (b *bench) withNodeAt(client func(string) *lab.Client, fn func(*lab.Process, *lab.Client, lab.Key) error, flags ...string) (err error) {
	dir, err := os.MkdirTemp(b.work, "node-")
	if err != nil {
		return err
	}
	node, err := lab.Up(b.ctx, b.tools, dir, flags...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, node.Stop()) }()
	root := client(node.Address)
	defer root.Close()
	if err := root.LoggingRole(); err != nil {
		return err
	}
	user, err := root.User()
	if err != nil {
		return err
	}
	return fn(node, root, user)
}

// function is a deployment package of the measured function.
func (b *bench) function(mark string) ([]byte, error) {
	binary, err := os.ReadFile(b.tools.Bootstrap())
	if err != nil {
		return nil, err
	}
	return lab.Package("bootstrap", binary, mark)
}
