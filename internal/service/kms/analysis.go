package kms

import (
	"iter"

	"cloister/internal/door"
	"cloister/internal/store"
)

// KeyPolicies lists an account's keys with their policies, for the analysis of
// whom they let in. Grants are no part of it.
func (s *Service) KeyPolicies(r store.Reader, account string) iter.Seq2[door.Need, error] {
	return func(yield func(door.Need, error) bool) {
		for item, err := range keys.Scan(r, store.K(account), nil) {
			if err != nil {
				yield(door.Need{}, err)
				return
			}
			compiled, err := item.Value.compile()
			need := door.Need{Resource: item.Value.arn(), Account: account, ResourcePolicy: &compiled, ResourcePolicyRequired: true}
			if !yield(need, err) || err != nil {
				return
			}
		}
	}
}
