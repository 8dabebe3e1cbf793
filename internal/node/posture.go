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
