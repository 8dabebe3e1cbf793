package iam

import (
	"context"
	"errors"
	"log/slog"
	"strings"

	"cloister/internal/awsapi"
	"cloister/internal/awsapi/sigv4"
	"cloister/internal/door"
	"cloister/internal/door/session"
	"cloister/internal/store"
	"cloister/policy"
)

// Rows that the directory reads, as leases name them.

func userRow(id string) string      { return "user " + id }
func groupRow(id string) string     { return "group " + id }
func roleRow(id string) string      { return "role " + id }
func policyRow(arn string) string   { return "policy " + arn }
func accessKeyRow(id string) string { return "key " + id }

// subscribe has the leases on rows end when they change.
func (s *Service) subscribe() {
	follow := func(table string, component int, row func(string) string) {
		s.db.Subscribe(table, func(c store.Change) {
			name, _ := c.Key[component].(string)
			s.cache.changed(row(name))
		})
	}
	follow(users.Table(), 1, userRow)
	follow(groups.Table(), 1, groupRow)
	follow(roles.Table(), 1, roleRow)
	follow(policies.Table(), 1, policyRow)
	follow(accessKeys.Table(), 0, accessKeyRow)
}

// Policies implements door.Directory.
func (s *Service) Policies(p *door.Principal) (*policy.Policies, bool) {
	switch p.Kind {
	case policy.PrincipalRoot:
		return &s.rootPolicies, true // whether there is such an account is the door's to know
	case policy.PrincipalUser, policy.PrincipalAssumedRole, policy.PrincipalFederatedUser:
	default:
		return nil, false
	}
	b, err := s.bindingOf(p.Kind, p.Account, entityID(p))
	if err != nil {
		if !errors.Is(err, store.ErrNotFound) {
			slog.Error("the policies of a principal could not be read; it is denied everything", "principal", p.ARN, "error", err)
		}
		return nil, false
	}
	if !p.HasSessionPolicies {
		return &b.policies, true
	}
	return s.compose(p, b)
}

// entityID is the unique id of a user, of the user behind a federated one, or
// of the role behind a session: the part of "AROA…:session" before the colon.
func entityID(p *door.Principal) string {
	if p.EntityID != "" {
		return p.EntityID
	}
	if i := strings.IndexByte(p.UserID, ':'); i >= 0 {
		return p.UserID[:i]
	}
	return p.UserID
}

// bindingOf finds a user or role and what binds it, from memory if it can. It
// gives store.ErrNotFound for what does not exist.
func (s *Service) bindingOf(kind policy.PrincipalKind, account, id string) (*binding, error) {
	b := s.cache.binding(id)
	if b == nil {
		var err error
		if b, err = s.loadBinding(kind, account, id); err != nil {
			return nil, err
		}
	}
	if b.entity.Account != account || strings.HasPrefix(id, roleKind.idPrefix) != (kind == policy.PrincipalAssumedRole) {
		return nil, store.ErrNotFound
	}
	return b, nil
}

// loadBinding reads a binding from the store and remembers it. What it returns
// is right for a call that began before it, remembered or not.
func (s *Service) loadBinding(kind policy.PrincipalKind, account, id string) (*binding, error) {
	since := s.cache.now()
	l := loader{service: s, account: account}
	err := s.db.View(context.Background(), func(r store.Reader) error {
		l.r = r
		return l.load(kind, id)
	})
	if err != nil {
		return nil, err
	}
	given, ok := s.cache.lease(since, l.rows)
	if ok {
		l.out.leases = given
		s.cache.keepBinding(id, &l.out)
	}
	return &l.out, nil
}

// compose adds the session policies of p to what binds its role.
func (s *Service) compose(p *door.Principal, b *binding) (*policy.Policies, bool) {
	k := s.cache.credential(p.AccessKeyID)
	if k != nil && k.Principal != p {
		k = nil
	}
	if k != nil {
		if c := k.composed.Load(); c != nil && c.base == b && c.live() {
			return &c.policies, true
		}
	}
	c, err := s.loadComposed(p, b)
	if err != nil {
		slog.Error("the session policies of a principal could not be read; it is denied everything", "principal", p.ARN, "error", err)
		return nil, false
	}
	if k != nil && c.leases != nil {
		k.composed.Store(c)
	}
	return &c.policies, true
}

// loadComposed reads the managed policies among the session policies of p,
// which its token names and does not carry. One that is gone allows nothing.
func (s *Service) loadComposed(p *door.Principal, b *binding) (*composed, error) {
	since := s.cache.now()
	l := loader{service: s, account: p.Account}
	c := &composed{base: b, policies: b.policies}
	c.policies.HasSession = true
	err := s.db.View(context.Background(), func(r store.Reader) error {
		l.r = r
		for _, named := range p.SessionPolicies {
			if named.Policy == nil {
				var err error
				if named, err = l.managed(policy.KindSession, named.Name); err != nil && !absent(err) {
					return err
				}
			}
			c.policies.Session = append(c.policies.Session, named)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if given, ok := s.cache.lease(since, l.rows); ok {
		c.leases = append(leases{}, given...)
	}
	return c, nil
}

// Credential implements door.Directory.
func (s *Service) Credential(ctx context.Context, accessKeyID, sessionToken string) (*door.Credential, *awsapi.Error) {
	if accessKeyID == s.root.Principal.AccessKeyID && sessionToken == "" {
		return s.root, nil
	}
	k := s.cache.credential(accessKeyID)
	if k == nil || k.token != sessionToken {
		var err error
		if k, err = s.loadCredential(ctx, accessKeyID, sessionToken); err != nil {
			return nil, refusal(accessKeyID, err)
		}
	}
	if !k.Expires.IsZero() && !s.now().Before(k.Expires) {
		return nil, sigv4.ExpiredToken()
	}
	return &k.Credential, nil
}

// refusal is what the caller is told when a credential could not be made. All
// that is wrong with a credential gives the same answer.
func refusal(accessKeyID string, err error) *awsapi.Error {
	if errors.Is(err, store.ErrNotFound) || errors.Is(err, session.ErrInvalid) {
		return sigv4.InvalidClientTokenID()
	}
	slog.Error("an access key could not be looked up", "accessKeyID", accessKeyID, "error", err)
	e := awsapi.Errorf("ServiceUnavailable", "The service is unavailable. Please try again shortly.")
	e.Status, e.Cause = 503, err
	return e
}

// loadCredential reads an access key or opens a session, and remembers it.
func (s *Service) loadCredential(ctx context.Context, accessKeyID, sessionToken string) (*credential, error) {
	since := s.cache.now()
	k, rows, err := s.makeCredential(ctx, accessKeyID, sessionToken)
	if err != nil {
		return nil, err
	}
	k.token = sessionToken
	if given, ok := s.cache.lease(since, rows); ok {
		k.leases = given
		s.cache.keepCredential(accessKeyID, k)
	}
	return k, nil
}

func (s *Service) makeCredential(ctx context.Context, accessKeyID, sessionToken string) (*credential, []string, error) {
	if sessionToken != "" {
		opened, err := session.Open(s.keys, accessKeyID, sessionToken)
		if err != nil {
			return nil, nil, err
		}
		return s.sessionCredential(opened)
	}
	var key *accessKey
	err := s.db.View(ctx, func(r store.Reader) (err error) {
		key, err = accessKeys.Get(r, store.K(accessKeyID))
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	if key.Inactive {
		return nil, nil, store.ErrNotFound
	}
	b, err := s.bindingOf(policy.PrincipalUser, key.Account, key.UserID)
	if err != nil {
		return nil, nil, err
	}
	k := &credential{Credential: door.Credential{Secret: key.Secret, Principal: b.user(accessKeyID)}}
	return k, []string{accessKeyRow(accessKeyID), userRow(key.UserID)}, nil
}

// user is the principal of a user's access key.
func (b *binding) user(accessKeyID string) *door.Principal {
	return &door.Principal{
		Principal: policy.Principal{
			Kind: policy.PrincipalUser, ARN: b.arn, Account: b.entity.Account, UserID: b.entity.ID,
		},
		AccessKeyID: accessKeyID,
		Name:        b.entity.Name,
		Tags:        b.tags,
	}
}
