package guardrail

import (
	"maps"
	"strings"

	"cloister/internal/store"
	"cloister/policy"
)

// KeyPolicy asks whether a KMS key may have a policy (CLO-KMS-001). The subject
// is the key; facts are the condition keys that describe it, which are no
// restriction on who may use it.
func (g *Guardrails) KeyPolicy(tx *store.Tx, s *Subject, p *policy.Policy, facts policy.MapContext) error {
	return apply(tx, OpenKey, s, func(*Setting) (*violation, error) {
		action, open := g.opensKey(s, p, facts)
		if !open {
			return nil, nil
		}
		return &violation{
			found:   "has a key policy that allows everybody with an AWS account " + action,
			instead: `Name who may use the key, for example "Principal":{"AWS":"arn:aws:iam::` + s.Account + `:root"}, or add a condition on kms:CallerAccount`,
		}, nil
	})
}

// opensKey finds an action on the key that strangers may do.
func (g *Guardrails) opensKey(s *Subject, p *policy.Policy, facts policy.MapContext) (action string, open bool) {
	policies := &policy.Policies{
		Identity: []policy.Named{{Name: "anything", Policy: anything}},
		Resource: &policy.Named{Name: s.Resource, Policy: p},
	}
	for _, via := range viaServices {
		x := keyStranger(s, via, facts)
		for _, action := range g.keyActions() {
			if x.action = action; x.mayTake(s, policies) {
				return action, true
			}
		}
	}
	return "", false
}

// viaServices are ways to come to a key: directly, and with a service that uses
// keys for its callers.
var viaServices = []string{"", "dynamodb", "lambda", "s3", "secretsmanager", "sns", "sqs", "ssm"}

// keyActions are what can be done to a key.
func (g *Guardrails) keyActions() []string {
	actions := []string{"kms:Decrypt", "kms:ReEncryptFrom", "kms:ReEncryptTo"}
	for _, service := range g.services {
		if service.SigningName != "kms" {
			continue
		}
		for _, op := range service.Operations {
			actions = append(actions, "kms:"+op.Name)
		}
	}
	return actions
}

func keyStranger(s *Subject, via string, facts policy.MapContext) *stranger {
	views := strangers(s.Account, s.Time)[0].views
	for i := range views {
		context := views[i].context
		maps.Copy(context, facts)
		context["kms:calleraccount"] = []string{views[i].principal.Account}
		if via != "" {
			context["kms:viaservice"] = []string{via + "." + regionOf(s.Resource) + ".amazonaws.com"}
			context["aws:viaawsservice"] = []string{"true"}
		}
	}
	return &stranger{views: views}
}

// regionOf is the region in an ARN.
func regionOf(arn string) string {
	parts := strings.SplitN(arn, ":", 5)
	if len(parts) < 5 {
		return ""
	}
	return parts[3]
}
