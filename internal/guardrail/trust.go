package guardrail

import (
	"crypto/rand"
	"fmt"
	"math/big"
	"time"

	"cloister/internal/store"
	"cloister/policy"
)

// TrustPolicy asks whether a role may have a trust policy (CLO-IAM-002,
// CLO-IAM-004). The subject is the role.
func (g *Guardrails) TrustPolicy(tx *store.Tx, s *Subject, trust *policy.Policy) error {
	if err := openTrust(tx, s, trust); err != nil {
		return err
	}
	return sharedTrust(tx, s, trust)
}

func openTrust(tx *store.Tx, s *Subject, trust *policy.Policy) error {
	return apply(tx, OpenTrust, s, func(*Setting) (*violation, error) {
		who, open := openTo(s, trust)
		if !open {
			return nil, nil
		}
		return &violation{
			found:   "has a trust policy that is open to " + who,
			instead: "Name who may take the role, for example " + namedTrust(s.Account),
		}, nil
	})
}

func namedTrust(account string) string {
	return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::` + account + `:root"},"Action":"sts:AssumeRole"}]}`
}

// stranger is somebody of whom nobody has heard, in several situations. A role
// is open to strangers that may take it in all of them.
type stranger struct {
	who    string
	action string
	views  []vantage
}

func openTo(s *Subject, trust *policy.Policy) (who string, open bool) {
	policies := &policy.Policies{
		Identity: []policy.Named{{Name: "anything", Policy: anything}},
		Resource: &policy.Named{Name: s.Resource, Policy: trust},
	}
	for _, x := range strangers(s.Account, s.Time) {
		if x.mayTake(s, policies) {
			return x.who, true
		}
	}
	return "", false
}

func (x *stranger) mayTake(s *Subject, policies *policy.Policies) bool {
	for _, v := range x.views {
		d := policy.Evaluate(policies, &policy.Request{
			Principal: v.principal, Action: x.action, Resource: s.Resource, ResourceAccount: s.Account,
			Context: v.context, ResourcePolicyRequired: true,
		})
		if !d.Allowed {
			return false
		}
	}
	return true
}

// anything is what strangers may do in their own account.
var anything = mustParse(policy.KindIdentity, `{"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`)

func mustParse(kind policy.Kind, text string) *policy.Policy {
	p, err := policy.Parse(kind, []byte(text))
	if err != nil {
		panic(err) // part of the program
	}
	return p
}

// strangers are a user and a role of an account that nobody named, one with an
// external id and an organisation, and somebody whom only an identity provider
// that nobody named knows.
func strangers(account string, now time.Time) []stranger {
	foreign := vantages(otherAccount(account), "", now)
	for _, v := range foreign {
		v.context["aws:resourceaccount"] = []string{account}
	}
	foreign[1].context["sts:externalid"] = []string{invented()}
	foreign[1].context["aws:principalorgid"] = []string{"o-" + invented()}
	known := webViews(account, now, policy.Principal{Kind: policy.PrincipalFederated, Provider: invented() + ".example"})
	return []stranger{
		{"everybody with an AWS account", "sts:AssumeRole", foreign},
		{"everybody with a login anywhere", webIdentity, known},
	}
}

// otherAccount is an account that is not the given one and that nobody named.
func otherAccount(account string) string {
	for {
		n, err := rand.Int(rand.Reader, big.NewInt(1e12))
		if err != nil {
			panic(err) // crypto/rand does not fail on supported systems
		}
		if other := fmt.Sprintf("%012d", n); other != account {
			return other
		}
	}
}

// lets tells whether a trust policy may let a service take the role, whatever
// its conditions are: they are taken to hold where they allow, and not to where
// they deny, so that the answer no is certain.
func lets(trust *policy.Policy, role, account, service string) (bool, error) {
	bare, err := withoutConditions(trust)
	if err != nil || bare == nil {
		return false, err
	}
	d := policy.Evaluate(&policy.Policies{Resource: &policy.Named{Name: role, Policy: bare}}, &policy.Request{
		Principal: policy.Principal{Kind: policy.PrincipalService, Service: service}, Action: "sts:AssumeRole",
		Resource: role, ResourceAccount: account, Context: policy.MapContext{}, ResourcePolicyRequired: true,
	})
	return d.Allowed, nil
}

// withoutConditions is a policy without conditions and without the denials that
// had one; nil if nothing is left.
func withoutConditions(p *policy.Policy) (*policy.Policy, error) {
	return edited(p, func(statement map[string]any) bool {
		_, conditional := statement["Condition"]
		delete(statement, "Condition")
		return !conditional || statement["Effect"] != "Deny"
	})
}
