package kms

import (
	"errors"
	"strings"

	"cloister/internal/door"
	"cloister/internal/store"
)

// nobody is the unique id of no user and no role.
const nobody = "AIDA0000000000000000"

// identify notes whom a grant is for and who may retire it: users and roles by
// their unique ids, as AWS does
// (https://docs.aws.amazon.com/kms/latest/developerguide/grants.html).
func (s *Service) identify(r store.Reader, g *grantRow) (err error) {
	if g.GranteeID, err = s.identity(r, g.Account, g.Grantee); err != nil {
		return err
	}
	g.RetiringID, err = s.identity(r, g.Account, g.Retiring)
	return err
}

// identity is the unique id of a principal, "" for one that has none. Whether
// there is somebody in another account is not told: such a grant is nobody's.
func (s *Service) identity(r store.Reader, account, principal string) (string, error) {
	if !hasIdentity(principal) {
		return "", nil
	}
	id, err := s.idOf(r, principal)
	if !errors.Is(err, store.ErrNotFound) {
		return id, err
	}
	if strings.SplitN(principal, ":", 6)[4] != account {
		return nobody, nil
	}
	return "", fail("InvalidArnException", "ARN does not refer to a valid principal: %s", principal)
}

// hasIdentity tells users, roles and their sessions from accounts, services and
// federated users, who are what they are called.
func hasIdentity(principal string) bool {
	parts := strings.SplitN(principal, ":", 6)
	if len(parts) < 6 {
		return false
	}
	kind, _, _ := strings.Cut(parts[5], "/")
	return kind == "user" || kind == "role" || isSession(principal)
}

func isSession(principal string) bool { return strings.Contains(principal, ":assumed-role/") }

// holder is by what a caller is known as the grant's grantee.
func (g *grantRow) holder() string { return named(g.Grantee, g.GranteeID) }

// named is how a policy names a principal: by its unique id if it has one. A
// session is named by its ARN, and its role's id is looked at besides.
func named(principal, id string) string {
	if id == "" || isSession(principal) {
		return principal
	}
	return id
}

// is tells whether p is the user or role of an id, or a session of the role.
func is(p *door.Principal, id string) bool {
	return id == "" || p.UserID == id || strings.HasPrefix(p.UserID, id+":")
}

// roleID is the id of the role whose session p is.
func roleID(p *door.Principal) string {
	id, _, session := strings.Cut(p.UserID, ":")
	if !session {
		return ""
	}
	return id
}

// shownAs is a grant's principal in an answer: AWS shows the unique id of who is
// not there any more.
func (s *Service) shownAs(r store.Reader, principal, id string) (string, error) {
	if id == "" || id == nobody {
		return principal, nil
	}
	now, err := s.idOf(r, principal)
	if errors.Is(err, store.ErrNotFound) || err == nil && now != id {
		return id, nil
	}
	return principal, err
}
