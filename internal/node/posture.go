package node

import (
	"context"

	"cloister/internal/guardrail"
	"cloister/internal/store"
)

// Posture is which guardrails hold in the node's account, and how much they
// have found.
func (n *Node) Posture(ctx context.Context) (states []guardrail.State, err error) {
	err = n.db.View(ctx, func(r store.Reader) error {
		states, err = guardrail.Posture(r, Account)
		return err
	})
	return states, err
}

// WithInternet lists the functions, of all accounts, that a tag gives the public
// internet, by ARN.
func (n *Node) WithInternet(ctx context.Context) (arns []string, err error) {
	err = n.db.View(ctx, func(r store.Reader) error {
		arns, err = n.lambda.WithInternet(r)
		return err
	})
	return arns, err
}
