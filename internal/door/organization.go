package door

import (
	"errors"
	"strings"

	"cloister/policy"
)

// Membership is what an account is in its organisation, and what binds it
// there. It is immutable and shared.
type Membership struct {
	Account string
	Exists  bool // an account of this node
	Closed  bool // it can call nothing, and nothing in it can be reached

	Organization string // id; "" for an account on its own, as all below is then
	Management   string // the organisation's management account
	// Path is the value of aws:PrincipalOrgPaths: the ids from the organisation
	// to the account's parent, each with a slash behind it.
	Path string

	// The policies that bind the account's principals, and its resources: one
	// slice for each level from the root to the account, nil where none do.
	ServiceControl  [][]policy.Named
	ResourceControl [][]policy.Named
}

// Active tells whether the account's principals may call at all.
func (m *Membership) Active() bool { return m.Exists && !m.Closed }

// Organizations knows the accounts. The Organizations service implements it
// from memory: it is asked on every call. A change is acknowledged only after
// Of answers by it.
type Organizations interface {
	// Of is the membership of an account, never nil without an error. What it
	// gives an error for is denied.
	Of(account string) (*Membership, error)
}

// resourceControlled are the services that support resource control policies
// (https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_rcps.html).
var resourceControlled = map[string]bool{
	"aoss": true, "cognito-identity": true, "cognito-idp": true, "dynamodb": true, "ecr": true, "kms": true,
	"logs": true, "s3": true, "secretsmanager": true, "sqs": true, "sts": true,
}

// HasResourceControl tells whether resource control policies count for actions
// of a service, as policies name it: "sts".
func HasResourceControl(service string) bool { return resourceControlled[strings.ToLower(service)] }

// retireGrant is the one action of these services that no resource control
// policy limits.
const retireGrant = "kms:RetireGrant"

// errClosed is why nothing in a closed account can be reached.
var errClosed = errors.New("the account is closed")

// Manages tells whether an account is answerable for another: for itself, and
// for the members of the organisation that it manages.
func (d *Door) Manages(manager, account string) (bool, error) {
	if account == manager {
		return true, nil
	}
	m, err := d.organizations.Of(account)
	return err == nil && manager != "" && m.Management == manager, err
}

// About is the need to be told about the principal that has an ARN. It is the
// caller's account's to give if that manages the principal's, and otherwise the
// principal's own, which has no way of giving it.
func (d *Door) About(c *Call, action, arn string) (Need, error) {
	need := Need{Action: action, Resource: arn}
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) < 6 {
		return need, nil
	}
	managed, err := d.Manages(c.Account, parts[4])
	if !managed {
		need.Account = parts[4]
	}
	return need, err
}

// sides are the accounts of a need: the caller's, the one that a service calls
// for, and the resource's. Each is nil where there is none.
type sides struct{ principal, source, resource *Membership }

func (d *Door) sides(p *Principal, owner string) (s sides, err error) {
	if s.principal, err = d.member(p.Account); err != nil {
		return s, err
	}
	if s.source, err = d.member(p.SourceAccount); err != nil {
		return s, err
	}
	if owner == p.Account {
		s.resource = s.principal
		return s, nil
	}
	s.resource, err = d.member(owner)
	return s, err
}

func (d *Door) member(account string) (*Membership, error) {
	if account == "" {
		return nil, nil
	}
	return d.organizations.Of(account)
}

// bind adds the organisations' policies for an action to those of a principal.
func (s sides) bind(policies *policy.Policies, action string) {
	if s.principal != nil {
		policies.Organization = s.principal.ServiceControl
	}
	service, _, _ := strings.Cut(action, ":")
	if s.resource != nil && HasResourceControl(service) && !strings.EqualFold(action, retireGrant) {
		policies.ResourceOrganization = s.resource.ResourceControl
	}
}

// organization answers the keys that describe the organisations of the accounts.
func (s sides) organization(key string) (string, bool) {
	switch key {
	case "aws:principalorgid":
		return s.principal.organization()
	case "aws:resourceorgid":
		return s.resource.organization()
	case "aws:sourceorgid":
		return s.source.organization()
	}
	return "", false
}

// paths answers their places in them.
func (s sides) paths(key string) ([]string, bool) {
	switch key {
	case "aws:principalorgpaths":
		return s.principal.paths()
	case "aws:resourceorgpaths":
		return s.resource.paths()
	case "aws:sourceorgpaths":
		return s.source.paths()
	}
	return nil, false
}

func (m *Membership) organization() (string, bool) {
	if m == nil {
		return "", false
	}
	return present(m.Organization)
}

func (m *Membership) paths() ([]string, bool) {
	if m == nil || m.Path == "" {
		return nil, false
	}
	return []string{m.Path}, true
}
