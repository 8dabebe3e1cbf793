package door_test

import (
	"strings"
	"testing"

	iam "cloister/internal/awsapi/iam"
	"cloister/internal/door"
	"cloister/policy"
)

func grantTo(arn string) policy.Named {
	p, err := policy.Parse(policy.KindResource, []byte(`{"Statement":{"Effect":"Allow","Principal":{"AWS":"`+arn+`"},"Action":"*","Resource":"*"}}`))
	if err != nil {
		panic(err)
	}
	return policy.Named{Name: "grant g", Policy: p}
}

// A grant allows as the resource's own policy would, and no deny is weaker for it.
func TestGrants(t *testing.T) {
	deny := `{"Statement":{"Effect":"Deny","Action":"iam:*","Resource":"*"}}`
	for _, c := range []struct {
		name, grantee string
		policies      []string
		status        int
	}{
		{"named", "arn:aws:iam::123456789012:user/u", nil, 200},
		{"named and denied", "arn:aws:iam::123456789012:user/u", []string{deny}, 403},
		{"another", "arn:aws:iam::123456789012:user/v", []string{allow("*")}, 403},
		{"the account, without an identity policy", "arn:aws:iam::123456789012:root", nil, 403},
		{"the account", "arn:aws:iam::123456789012:root", []string{allow("*")}, 200},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newStage(t)
			s.needs = func(*door.Call) []door.Need {
				return []door.Need{{Action: "iam:GetUser", Resource: resource, ResourcePolicyRequired: true, Grants: []policy.Named{grantTo(c.grantee)}}}
			}
			answered(t, s.as(s.User("u", c.policies...), &iam.Service, getUser()), c.status)
			if rec := s.last(1); c.name == "named" && rec.Needs[0].Policy != "grant g" {
				t.Errorf("audited as %+v", rec.Needs)
			}
		})
	}
}

// A denial calls the resource as the caller did; the audit log has its ARN.
func TestDenialNamesWhatTheCallerNamed(t *testing.T) {
	s := newStage(t)
	s.needs = func(*door.Call) []door.Need {
		return []door.Need{{Action: "iam:GetUser", Resource: resource, Named: "arn:aws:x:::alias"}}
	}
	w := s.as(s.User("u"), &iam.Service, getUser())
	answered(t, w, 403, "on resource: arn:aws:x:::alias because")
	if strings.Contains(w.Body.String(), resource) || s.last(1).Needs[0].Resource != resource {
		t.Errorf("%s, audited as %+v", w.Body, s.last(1).Needs)
	}
}
