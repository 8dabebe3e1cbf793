package iam

import (
	"strings"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/iam"
	"cloister/internal/door"
	"cloister/internal/store"
	"cloister/policy"
)

// addSource adds what binds a user, group or role to a simulation.
func (s *Service) addSource(sim *simulation, r store.Reader, source string) error {
	rest, ok := strings.CutPrefix(source, "arn:aws:iam::"+sim.account+":")
	if !ok && strings.HasPrefix(source, "arn:aws:iam::") {
		return noSuchEntity("The entity %s cannot be found.", source)
	}
	kind, name := kindAndName(rest)
	sim.principal.ARN = source
	switch {
	case !ok || name == "":
	case kind == "user":
		sim.isUser = true
		return s.addUser(sim, r, source, name)
	case kind == "group":
		g, err := exactly(r, groupKind, sim.account, source, name)
		if err != nil {
			return err
		}
		return s.addEntity(sim, r, "group", &g.Entity)
	case kind == "role":
		return s.addRole(sim, r, source, name)
	}
	return invalidInput("Invalid Entity Arn: %s does not clearly define entity type and name.", source)
}

// exactly finds the entity that has an ARN, path and case included.
func exactly[T any](r store.Reader, k *kind[T], account, arn, name string) (*T, error) {
	v, err := k.find(r, account, name)
	if err == nil && k.arn(v) != arn {
		return nil, noSuchEntity("The %s with name %s cannot be found.", k.noun, name)
	}
	return v, err
}

func (s *Service) addUser(sim *simulation, r store.Reader, source, name string) error {
	u, err := exactly(r, userKind, sim.account, source, name)
	if err != nil {
		return err
	}
	sim.principal.UserID = u.ID
	for _, id := range u.Groups {
		g, err := groupKind.get(r, sim.account, id)
		if err != nil {
			return broken(err)
		}
		if err := s.addEntity(sim, r, "group", &g.Entity); err != nil {
			return err
		}
	}
	if err := s.addEntity(sim, r, "user", &u.Entity); err != nil {
		return err
	}
	if err := s.addLevels(sim); err != nil {
		return err
	}
	return s.addBoundary(sim, r, u.Boundary)
}

// addRole makes the principal a session of the role, as only those make calls.
func (s *Service) addRole(sim *simulation, r store.Reader, source, name string) error {
	found, err := exactly(r, roleKind, sim.account, source, name)
	if err != nil {
		return err
	}
	sim.principal.Kind, sim.principal.RoleARN, sim.principal.UserID = policy.PrincipalAssumedRole, source, found.ID
	if err := s.addEntity(sim, r, "role", &found.Entity); err != nil {
		return err
	}
	if err := s.addLevels(sim); err != nil {
		return err
	}
	return s.addBoundary(sim, r, found.Boundary)
}

// addEntity adds inline policies under the names that AWS's simulator gives
// them, and attached ones under their own.
func (s *Service) addEntity(sim *simulation, r store.Reader, kind string, e *Entity) error {
	for _, doc := range e.Inline {
		p, err := s.compiler.compile(policy.KindIdentity, doc.Text)
		if err != nil {
			return err
		}
		sim.identity = append(sim.identity, sourced{policy.Named{Name: kind + "_" + e.Name + "_" + doc.Name, Policy: p}, kind})
	}
	for _, arn := range e.Attached {
		p, err := s.managedSource(r, policy.KindIdentity, sim.account, arn)
		if err != nil {
			return err
		}
		sim.identity = append(sim.identity, *p)
	}
	return nil
}

// addLevels adds the service control policies that bind the principal, if any do.
func (s *Service) addLevels(sim *simulation) error {
	if s.orgs == nil {
		return nil
	}
	m, err := s.orgs.Of(sim.account)
	if err == nil {
		sim.levels = m.ServiceControl
	}
	return err
}

func (s *Service) addBoundary(sim *simulation, r store.Reader, arn string) (err error) {
	if arn != "" {
		sim.boundary, err = s.managedSource(r, policy.KindBoundary, sim.account, arn)
	}
	return err
}

func (s *Service) managedSource(r store.Reader, kind policy.Kind, account, arn string) (*sourced, error) {
	found, err := findPolicy(r, account, arn)
	if err != nil {
		return nil, broken(err)
	}
	p, err := s.compiler.compile(kind, found.text())
	if err != nil {
		return nil, err
	}
	source := "user-managed"
	if found.Account == awsAccount {
		source = "aws-managed"
	}
	return &sourced{policy.Named{Name: found.Name, Policy: p}, source}, nil
}

// getContextKeysForCustomPolicy lists the condition keys that policies given as
// text ask for
// (https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetContextKeysForCustomPolicy.html).
func (s *Service) getContextKeysForCustomPolicy(c *door.Call, _ store.Reader, in *api.GetContextKeysForCustomPolicyRequest) (*api.GetContextKeysForPolicyResponse, error) {
	return s.contextKeys(newSimulation(c), in.PolicyInputList)
}

// getContextKeysForPrincipalPolicy lists those of a user, group or role
// (https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetContextKeysForPrincipalPolicy.html).
func (s *Service) getContextKeysForPrincipalPolicy(c *door.Call, r store.Reader, in *api.GetContextKeysForPrincipalPolicyRequest) (*api.GetContextKeysForPolicyResponse, error) {
	sim := newSimulation(c)
	if err := s.addSource(sim, r, awsapi.Val(in.PolicySourceArn)); err != nil {
		return nil, err
	}
	return s.contextKeys(sim, in.PolicyInputList)
}

func (s *Service) contextKeys(sim *simulation, given []string) (*api.GetContextKeysForPolicyResponse, error) {
	if err := s.addInputs(sim, &api.SimulatePrincipalPolicyRequest{PolicyInputList: given}); err != nil {
		return nil, err
	}
	return &api.GetContextKeysForPolicyResponse{ContextKeyNames: sim.keys()}, nil
}
