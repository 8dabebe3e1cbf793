package guardrail

import (
	"errors"

	"cloister/internal/store"
	"cloister/policy"
)

// AdministratorPolicy is AWS's policy of that name.
const AdministratorPolicy = "arn:aws:iam::aws:policy/AdministratorAccess"

// administrators are the roles that have AdministratorAccess, so that Lambda
// need not ask IAM.
var administrators = store.Define[struct{ Role string }]("guardrail.administrator") // account, role's ARN

// RoleState asks whether a role may be as it is about to be: with or without
// AdministratorAccess, and with a trust policy (CLO-IAM-003). IAM asks whenever
// one of the two changes.
func (g *Guardrails) RoleState(tx *store.Tx, s *Subject, administrator bool, trust *policy.Policy) error {
	if err := noteAdministrator(tx, s, administrator); err != nil {
		return err
	}
	return apply(tx, AdministratorRole, s, func(set *Setting) (*violation, error) {
		if !administrator {
			return nil, nil
		}
		return takenBy(s, set, trust)
	})
}

func noteAdministrator(tx *store.Tx, s *Subject, administrator bool) error {
	key := store.K(s.Account, s.Resource)
	if administrator {
		return administrators.Put(tx, key, &struct{ Role string }{s.Resource})
	}
	if err := administrators.Delete(tx, key); err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	return nil
}

// RoleGone forgets a role that is deleted.
func RoleGone(tx *store.Tx, s *Subject) error {
	if err := noteAdministrator(tx, s, false); err != nil {
		return err
	}
	return Gone(tx, s.Account, s.Resource, "", s.Time)
}

// takenBy finds who may take an administrator's role and must not.
func takenBy(s *Subject, set *Setting, trust *policy.Policy) (*violation, error) {
	function, err := lets(trust, s.Resource, s.Account, "lambda.amazonaws.com")
	if err != nil {
		return nil, err
	}
	if function {
		return &violation{
			found:   "would have AdministratorAccess and a trust policy by which a function can take it",
			instead: "Attach to a function's role what the function needs, for example " + narrower(s.Account),
		}, nil
	}
	stacks, err := lets(trust, s.Resource, s.Account, "cloudformation.amazonaws.com")
	if err != nil || !stacks || set.exempts(s.Resource) {
		return nil, err
	}
	return &violation{
		found:   "would have AdministratorAccess and a trust policy by which CloudFormation can take it, and is not exempt",
		instead: "Have an administrator run cloister guardrails exempt " + AdministratorRole + " " + s.Resource + ", or attach what the stacks need, for example " + narrower(s.Account),
	}, nil
}

// FunctionRole asks whether a function, which is the subject, may have a role
// (CLO-IAM-003).
func (g *Guardrails) FunctionRole(tx *store.Tx, s *Subject, role string) error {
	return apply(tx, AdministratorRole, s, func(*Setting) (*violation, error) {
		_, err := administrators.Get(tx, store.K(s.Account, role))
		if errors.Is(err, store.ErrNotFound) {
			return nil, nil
		}
		return &violation{
			found:   "would run with " + role + ", which has AdministratorAccess",
			instead: "Give the function a role of its own with what it needs, for example " + narrower(s.Account),
		}, err
	})
}
