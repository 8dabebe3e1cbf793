package policy

import "strings"

// principals is a compiled Principal or NotPrincipal.
type principals struct {
	negated bool
	anyone  bool
	names   []principalName
}

// principalName is one named principal. Names are compared exactly: a
// wildcard may only stand for everyone.
type principalName struct {
	kind nameKind
	text string
}

type nameKind uint8

const (
	nameAccount   nameKind = iota // account id
	nameARN                       // user, role, session
	nameUniqueID                  // what an ARN becomes when its user or role is deleted
	nameService                   // service principal
	nameProvider                  // identity provider
	nameCanonical                 // canonical user id of an account
)

// grant says how directly a resource policy speaks to a principal, which
// decides whose implicit denies still count (IAM User Guide,
// reference_policies_evaluation-logic_policy-eval-denyallow.html).
type grant uint8

const (
	grantNone    grant = iota
	grantAccount       // the account is named: its identity policies must allow too
	grantRole          // the role behind the session: boundary and session policies still limit
	grantDirect        // the principal itself, or everyone: nothing else limits but explicit denies
)

func (c *compiler) principals(s *statement, n node, e parts) error {
	if !c.kind.hasPrincipal() {
		return nil
	}
	m, negated, err := e.either(n, "Principal")
	if err != nil {
		return err
	}
	p := &principals{negated: negated}
	s.principals = p
	if err := p.compile(m); err != nil {
		return err
	}
	if c.kind == KindResourceOrganization && (negated || !p.anyone) {
		return faultf(m.at, `a resource control policy's Principal must be "*"`)
	}
	return nil
}

func (p *principals) compile(m *member) error {
	if m.value.kind == '"' && m.value.text == "*" {
		p.anyone = true
		return nil
	}
	if m.value.kind != '{' || len(m.value.members) == 0 {
		return faultf(m.value.at, `%s must be "*" or an object such as {"AWS": "123456789012"}`, m.name)
	}
	for i := range m.value.members {
		kind := &m.value.members[i]
		items, err := texts(kind.name, kind.value)
		if err != nil {
			return err
		}
		for _, item := range items {
			if err := p.add(kind, item); err != nil {
				return err
			}
		}
	}
	return nil
}

func (p *principals) add(kind *member, item node) error {
	if kind.name == "AWS" && item.text == "*" {
		p.anyone = true
		return nil
	}
	name, ok := principalName{}, false
	switch kind.name {
	case "AWS":
		name, ok = awsName(item.text)
	case "Service":
		name, ok = principalName{nameService, item.text}, serviceName(item.text)
	case "Federated":
		name, ok = principalName{nameProvider, item.text}, item.text != "" && !strings.ContainsAny(item.text, "*? ")
	case "CanonicalUser":
		name, ok = principalName{nameCanonical, item.text}, item.text != "" && alphanumeric(item.text)
	default:
		return faultf(kind.at, "a principal is of kind AWS, Service, Federated or CanonicalUser, not %q", kind.name)
	}
	if !ok {
		return faultf(item.at, "%q names no %s principal; a wildcard may only stand alone, for everyone", item.text, kind.name)
	}
	p.names = append(p.names, name)
	return nil
}

func serviceName(s string) bool {
	return strings.Contains(s, ".") && consistsOf(s, ".-")
}

// awsName reads an account id, a unique id, or the ARN of an account, user, role or session.
func awsName(s string) (principalName, bool) {
	if accountID(s) {
		return principalName{nameAccount, s}, true
	}
	if uniqueID(s) {
		return principalName{nameUniqueID, s}, true
	}
	f := strings.SplitN(s, ":", 6)
	if len(f) < 6 || f[0] != "arn" || f[1] == "" || f[3] != "" || !accountID(f[4]) || strings.ContainsAny(s, "*? ") {
		return principalName{}, false
	}
	if f[2] == "iam" && f[5] == "root" {
		return principalName{nameAccount, f[4]}, true
	}
	kind, name, _ := strings.Cut(f[5], "/")
	_, session, _ := strings.Cut(name, "/")
	ok := name != "" && !strings.HasSuffix(name, "/")
	switch f[2] + " " + kind {
	case "iam user", "iam role", "sts federated-user":
	case "sts assumed-role":
		ok = ok && session != ""
	default:
		ok = false
	}
	return principalName{nameARN, s}, ok
}

func accountID(s string) bool {
	return len(s) == 12 && strings.Trim(s, "0123456789") == ""
}

// uniqueID knows the prefixes of users and roles (IAM User Guide, reference_identifiers.html).
func uniqueID(s string) bool {
	return len(s) >= 16 && alphanumeric(s) && (strings.HasPrefix(s, "AIDA") || strings.HasPrefix(s, "AROA"))
}

// grants says what an Allow statement with these principals gives p.
func (ps *principals) grants(p *Principal) grant {
	if !ps.negated {
		return ps.naming(p)
	}
	// NotPrincipal with Allow leaves out whoever is named at any level.
	if ps.naming(p) == grantNone {
		return grantDirect
	}
	return grantNone
}

// denies says whether a Deny statement with these principals hits p. With
// NotPrincipal only who is named itself escapes: neither its account nor its
// role speaks for it (reference_policies_elements_notprincipal.html).
func (ps *principals) denies(p *Principal) bool {
	g := ps.naming(p)
	if ps.negated {
		return g != grantDirect
	}
	return g != grantNone
}

// naming says how directly p is named.
func (ps *principals) naming(p *Principal) grant {
	if ps.anyone {
		return grantDirect
	}
	best := grantNone
	for i := range ps.names {
		best = max(best, ps.names[i].names(p))
	}
	return best
}

func (n *principalName) names(p *Principal) grant {
	switch n.kind {
	case nameService:
		return directIf(p.Kind == PrincipalService && p.Service == n.text)
	case nameProvider:
		return directIf(p.Kind == PrincipalFederated && p.Provider == n.text)
	}
	if !p.hasAccount() {
		return grantNone
	}
	switch {
	case n.kind == nameAccount && p.Account == n.text, n.kind == nameCanonical && p.CanonicalID == n.text:
		if p.Kind == PrincipalRoot {
			return grantDirect
		}
		return grantAccount
	case n.kind == nameARN && p.ARN == n.text, n.kind == nameUniqueID && p.UserID == n.text:
		return grantDirect
	case n.kind == nameARN && p.RoleARN == n.text, n.kind == nameUniqueID && hasRoleID(p.UserID, n.text):
		return grantRole
	}
	return grantNone
}

func directIf(named bool) grant {
	if named {
		return grantDirect
	}
	return grantNone
}

// hasRoleID tells whether a session's user id, ROLEID:SESSION, is of the role.
func hasRoleID(userID, roleID string) bool {
	return len(userID) > len(roleID) && userID[len(roleID)] == ':' && strings.HasPrefix(userID, roleID)
}
