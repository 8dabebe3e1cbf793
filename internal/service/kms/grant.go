package kms

import (
	"encoding/json"
	"log/slog"
	"slices"
	"strings"

	"cloister/internal/store"
	"cloister/policy"
)

func (g *grantRow) key() store.Key { return store.K(g.Account, g.Region, g.KeyID, g.ID) }

// compile makes the policy that a grant amounts to.
func (g *grantRow) compile() (policy.Named, error) {
	principal := map[string]string{"AWS": g.holder()}
	if isService(g.Grantee) {
		principal = map[string]string{"Service": g.Grantee}
	}
	var actions []string
	for _, operation := range g.Operations {
		actions = append(actions, "kms:"+operation)
	}
	text, err := json.Marshal(map[string]any{"Version": "2012-10-17", "Statement": map[string]any{
		"Effect": "Allow", "Principal": principal, "Action": actions, "Resource": "*",
	}})
	if err != nil {
		return policy.Named{}, err
	}
	compiled, err := policy.Parse(policy.KindResource, text)
	return policy.Named{Name: "grant " + g.ID, Policy: compiled}, err
}

// named is the policy of a grant, one that allows nothing if it does not parse.
func (g *grantRow) named() policy.Named {
	p, err := g.compile()
	if err != nil {
		slog.Error("a grant does not parse; it allows nothing", "grant", g.ID, "error", err)
	}
	return p
}

func isService(principal string) bool { return strings.HasSuffix(principal, ".amazonaws.com") }

// constrained are the operations that an encryption context says something of.
var constrained = []string{
	"Encrypt", "Decrypt", "GenerateDataKey", "GenerateDataKeyWithoutPlaintext", "GenerateDataKeyPair",
	"GenerateDataKeyPairWithoutPlaintext", "ReEncryptFrom", "ReEncryptTo",
}

// covers tells whether the grant lets its grantee do what u says.
func (g *grantRow) covers(u *use) bool {
	switch {
	case !slices.Contains(g.Operations, u.action):
		return false
	case u.child != nil:
		return g.mayHave(u.child)
	case slices.Contains(constrained, u.action):
		return g.fits(u.context)
	}
	return true
}

// fits tells whether an encryption context is as the constraints want it.
func (g *grantRow) fits(context map[string]string) bool {
	return (g.Equals == nil || equal(g.Equals, context)) && within(g.Subset, context)
}

// mayHave tells whether a grantee may pass on this grant as child: with no
// operation more, and with constraints that are as narrow.
func (g *grantRow) mayHave(child *grantRow) bool {
	for _, operation := range child.Operations {
		if !slices.Contains(g.Operations, operation) {
			return false
		}
	}
	switch {
	case g.Equals != nil:
		return child.Equals != nil && equal(g.Equals, child.Equals)
	case child.Equals != nil:
		return within(g.Subset, child.Equals)
	}
	return within(g.Subset, child.Subset)
}

func equal(a, b map[string]string) bool { return len(a) == len(b) && within(a, b) }

// within tells whether b has every pair of a.
func within(a, b map[string]string) bool {
	for name, value := range a {
		if got, ok := b[name]; !ok || got != value {
			return false
		}
	}
	return true
}

// checkTokens refuses what is no grant token of this node. A grant counts as
// soon as it is acknowledged, so that a token that is one adds nothing.
func (s *Service) checkTokens(tokens []string) error {
	for _, token := range tokens {
		if _, err := s.parseToken(token); err != nil {
			return err
		}
	}
	return nil
}
