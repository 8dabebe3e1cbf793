package iam

import (
	"strings"

	"cloister/internal/door"
	"cloister/internal/door/session"
	"cloister/internal/store"
	"cloister/policy"
)

// suppliedSession is the session name of a role that is asked about itself.
const suppliedSession = "session"

// Named finds the principal that an ARN names, for explanations of calls that
// it might make: the root user of an account, a user, a session of a role, or a
// role as a session of it. It gives store.ErrNotFound.
func (s *Service) Named(r store.Reader, arn string) (*door.Principal, error) {
	account := accountIn(arn)
	if account != "" && arn == rootARN(account) {
		return rootPrincipal(account, ""), nil
	}
	kind, name := kindAndName(strings.TrimPrefix(arn, "arn:aws:iam::"+account+":"))
	switch kind {
	case "user":
		u, err := exactly(r, userKind, account, arn, name)
		if err != nil {
			return nil, notFound(err)
		}
		b, err := s.bindingOf(policy.PrincipalUser, account, u.ID)
		if err != nil {
			return nil, err
		}
		return b.user(""), nil
	case "role":
		found, err := exactly(r, roleKind, account, arn, name)
		return s.anySession(found, suppliedSession, err)
	}
	if rest, ok := strings.CutPrefix(arn, "arn:aws:sts::"+account+":assumed-role/"); ok {
		name, session, _ := strings.Cut(rest, "/")
		found, err := roleKind.find(r, account, name)
		return s.anySession(found, session, err)
	}
	return nil, store.ErrNotFound
}

// accountIn is the account in an ARN, "" in what is none.
func accountIn(arn string) string {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) < 6 {
		return ""
	}
	return parts[4]
}

// kindAndName cuts the last part of an ARN, "user/with/path/alice".
func kindAndName(resource string) (kind, name string) {
	kind, path, _ := strings.Cut(resource, "/")
	return kind, path[strings.LastIndexByte(path, '/')+1:]
}

// anySession is a session of a role that nothing narrows.
func (s *Service) anySession(found *role, name string, err error) (*door.Principal, error) {
	if err != nil {
		return nil, notFound(err)
	}
	b, err := s.bindingOf(policy.PrincipalAssumedRole, found.Account, found.ID)
	if err != nil {
		return nil, err
	}
	return b.session(&session.Session{Name: name}), nil
}

func notFound(err error) error {
	if absent(err) {
		return store.ErrNotFound
	}
	return err
}

// Describe adds to a need the tags of the user, role or policy that its
// resource is, for explanations.
func (s *Service) Describe(r store.Reader, need *door.Need) error {
	account := accountIn(need.Resource)
	kind, name := kindAndName(strings.TrimPrefix(need.Resource, "arn:aws:iam::"+account+":"))
	var tags []Tag
	var err error
	switch kind {
	case "user":
		tags, err = tagsOf(r, userKind, account, name)
	case "role":
		tags, err = tagsOf(r, roleKind, account, name)
	case "policy":
		var p *managed
		if p, err = findPolicy(r, account, need.Resource); err == nil {
			tags = p.Tags
		}
	}
	if err != nil && !absent(err) {
		return err
	}
	resourceTags(need.Context, tags)
	return nil
}

func tagsOf[T any](r store.Reader, k *kind[T], account, name string) ([]Tag, error) {
	v, err := k.find(r, account, name)
	if err != nil {
		return nil, err
	}
	return *k.tags(v), nil
}
