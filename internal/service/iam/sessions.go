package iam

import (
	"maps"
	"strings"

	"cloister/internal/door"
	"cloister/internal/door/session"
	"cloister/policy"
)

// sessionCredential makes the credential of an opened session token, and the
// rows that it is made from. Whether the role or user still is the one that the
// session was made for shows in its unique id.
func (s *Service) sessionCredential(opened *session.Session) (*credential, []string, error) {
	p, rows, err := s.sessionPrincipal(opened)
	if err != nil {
		return nil, nil, err
	}
	p.AccessKeyID, p.IssuedAt, p.MFA, p.Cell = opened.AccessKeyID, opened.Issued, opened.MFA, opened.Cell
	if err := s.narrow(p, opened); err != nil {
		return nil, nil, err
	}
	return &credential{Credential: door.Credential{Secret: opened.Secret, Principal: p, Expires: opened.Expires}}, rows, nil
}

func (s *Service) sessionPrincipal(opened *session.Session) (*door.Principal, []string, error) {
	if opened.Kind == policy.PrincipalRoot {
		return rootPrincipal(opened.Account, ""), nil, nil
	}
	b, err := s.bindingOf(opened.Kind, opened.Account, opened.EntityID)
	if err != nil {
		return nil, nil, err
	}
	if opened.Kind == policy.PrincipalUser {
		return b.user(""), []string{userRow(opened.EntityID)}, nil
	}
	if opened.Kind == policy.PrincipalFederatedUser {
		return b.federated(opened), []string{userRow(opened.EntityID)}, nil
	}
	return b.session(opened), []string{roleRow(opened.EntityID)}, nil
}

// session is the principal of a role session.
func (b *binding) session(opened *session.Session) *door.Principal {
	return &door.Principal{
		Principal: policy.Principal{
			Kind:    policy.PrincipalAssumedRole,
			ARN:     "arn:aws:sts::" + b.entity.Account + ":assumed-role/" + b.entity.Name + "/" + opened.Name,
			Account: b.entity.Account,
			RoleARN: b.arn,
			UserID:  b.entity.ID + ":" + opened.Name,
		},
		Name:              opened.Name,
		Tags:              mergeTags(b.tags, opened.Tags),
		TransitiveTagKeys: opened.TransitiveTags,
		SourceIdentity:    opened.SourceIdentity,
		Federation:        federation(opened),
	}
}

func federation(opened *session.Session) *door.Federation {
	if opened.Provider == "" {
		return nil
	}
	return &door.Federation{Provider: opened.Provider, Keys: opened.FederatedKeys}
}

// federated is the principal of a session that a user vouches for.
func (b *binding) federated(opened *session.Session) *door.Principal {
	return &door.Principal{
		Principal: policy.Principal{
			Kind:    policy.PrincipalFederatedUser,
			ARN:     "arn:aws:sts::" + b.entity.Account + ":federated-user/" + opened.Name,
			Account: b.entity.Account,
			RoleARN: b.arn,
			UserID:  b.entity.Account + ":" + opened.Name,
		},
		Name:     opened.Name,
		EntityID: b.entity.ID,
		Tags:     mergeTags(b.tags, opened.Tags),
	}
}

// mergeTags lays session tags over a role's or user's, whose keys are told apart without
// regard to case (https://docs.aws.amazon.com/IAM/latest/UserGuide/id_session-tags.html).
func mergeTags(role, given map[string]string) map[string]string {
	if len(given) == 0 {
		return role
	}
	merged := maps.Clone(given)
	overridden := map[string]bool{}
	for key := range given {
		overridden[strings.ToLower(key)] = true
	}
	for key, value := range role {
		if !overridden[strings.ToLower(key)] {
			merged[key] = value
		}
	}
	return merged
}

// narrow sets the session policies of p. Managed ones are named only and read
// when they are needed, so that a change of theirs counts at once.
func (s *Service) narrow(p *door.Principal, opened *session.Session) error {
	p.HasSessionPolicies = opened.HasPolicies()
	if opened.Policy != "" {
		compiled, err := s.compiler.compile(policy.KindSession, opened.Policy)
		if err != nil {
			return err
		}
		p.SessionPolicies = append(p.SessionPolicies, policy.Named{Name: "session policy", Policy: compiled})
	}
	for _, arn := range opened.PolicyARNs {
		p.SessionPolicies = append(p.SessionPolicies, policy.Named{Name: arn})
	}
	return nil
}
