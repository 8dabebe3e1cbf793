package iam

import (
	"strings"
	"time"

	"cloister/internal/door/session"
	"cloister/internal/store"
	"cloister/policy"
)

// Role implements session.Roles. The ARN has to be the role's whole ARN, path
// included.
func (s *Service) Role(r store.Reader, roleARN string) (*session.Role, error) {
	account, name, ok := splitRoleARN(roleARN)
	if !ok {
		return nil, store.ErrNotFound
	}
	found, err := roleKind.find(r, account, name)
	if absent(err) {
		return nil, store.ErrNotFound
	}
	if err != nil {
		return nil, err
	}
	if roleKind.arn(found) != roleARN {
		return nil, store.ErrNotFound
	}
	trust, err := s.compiler.compile(policy.KindTrust, found.Bound)
	if err != nil {
		return nil, err
	}
	return &session.Role{
		ARN: roleARN, Account: account, ID: found.ID, Name: found.Name,
		Trust:      policy.Named{Name: roleARN, Policy: trust},
		MaxSession: time.Duration(found.MaxSession) * time.Second,
		Tags:       tagMap(found.Tags),
	}, nil
}

// Provider implements session.Roles.
func (s *Service) Provider(r store.Reader, account, issuer string) (*session.Provider, error) {
	address, ok := issuerAddress(issuer)
	if !ok {
		return nil, store.ErrNotFound
	}
	p, err := oidcProviders.Get(r, store.K(account, address))
	if err != nil {
		return nil, err
	}
	return &session.Provider{ARN: p.arn(), Address: p.Address, ClientIDs: p.ClientIDs, Thumbprints: p.Thumbprints}, nil
}

// splitRoleARN takes the account and name out of a role's ARN.
func splitRoleARN(arn string) (account, name string, ok bool) {
	rest, ok := strings.CutPrefix(arn, "arn:aws:iam::")
	if !ok {
		return "", "", false
	}
	account, path, ok := strings.Cut(rest, ":role/")
	return account, path[strings.LastIndexByte(path, '/')+1:], ok
}

// HasPolicy implements session.Roles.
func (s *Service) HasPolicy(r store.Reader, account, arn string) (bool, error) {
	if _, ok := splitPolicyARN(arn); !ok {
		return false, nil
	}
	_, err := findPolicy(r, account, arn)
	if absent(err) {
		return false, nil
	}
	return err == nil, err
}

// KeyAccount implements session.Roles.
func (s *Service) KeyAccount(r store.Reader, accessKeyID string) (string, error) {
	if accessKeyID == s.root.Principal.AccessKeyID {
		return s.account, nil
	}
	k, err := accessKeys.Get(r, store.K(accessKeyID))
	if err != nil {
		return "", err
	}
	return k.Account, nil
}
