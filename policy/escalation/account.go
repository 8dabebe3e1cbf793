package escalation

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"
)

// Account is what is known of an account.
type Account struct {
	Users, Roles []*Principal
	Groups       []*Group

	// Organization holds the service control policies that bind the account, a
	// list for each level from the root on. None are known where it is empty.
	Organization [][]Document

	// Resources lists the resources of a kind. Of a kind that is not in it, it is
	// not known whether there are any; an empty list says that there are none.
	Resources map[string][]Resource

	policies map[string]*managed
	notes    []string
}

// Has says whether the account has a user or role with the ARN.
func (a *Account) Has(arn string) bool {
	is := func(p *Principal) bool { return p.ARN == arn }
	return slices.ContainsFunc(a.Users, is) || slices.ContainsFunc(a.Roles, is)
}

// Principal is a user or a role.
type Principal struct {
	ARN      string
	Inline   []Document
	Attached []string // ARNs
	Boundary string   // an ARN, "" for none
	Tags     map[string]string

	Groups  []*Group // of a user
	Trust   Document // of a role
	Profile bool     // a role that is in an instance profile
}

// Group is a group of users.
type Group struct {
	ARN      string
	Inline   []Document
	Attached []string
}

// Document is a policy with its name.
type Document struct{ Name, Text string }

// Resource is a resource that is there. Role is the ARN of the role, or the
// user, that it belongs to or runs as, where it has one.
type Resource struct{ ARN, Role string }

// managed is a managed policy with all its versions.
type managed struct {
	arn      string
	current  string
	versions map[string]Document
}

// IsRole says whether the principal is a role.
func (p *Principal) IsRole() bool { return strings.Contains(p.ARN, ":role/") }

// serviceLinked says whether AWS keeps the role for itself: nobody can change
// or take it.
func (p *Principal) serviceLinked() bool { return strings.Contains(p.ARN, ":role/aws-service-role/") }

// name is how paths call it: "role/team/admin".
func name(arn string) string {
	_, rest, _ := strings.Cut(strings.TrimPrefix(arn, "arn:"), "::")
	_, rest, _ = strings.Cut(rest, ":")
	return rest
}

// parts of an ARN of IAM
func partition(arn string) string { return field(arn, 1) }
func accountID(arn string) string { return field(arn, 4) }

func field(arn string, i int) string {
	fields := strings.SplitN(arn, ":", 6)
	if len(fields) < 6 {
		return ""
	}
	return fields[i]
}

// The JSON of the aws CLI's iam get-account-authorization-details.
type details struct {
	Users    []detail `json:"UserDetailList"`
	Groups   []detail `json:"GroupDetailList"`
	Roles    []detail `json:"RoleDetailList"`
	Policies []struct {
		ARN      string `json:"Arn"`
		Current  string `json:"DefaultVersionId"`
		Versions []struct {
			ID       string `json:"VersionId"`
			Document rawDocument
		} `json:"PolicyVersionList"`
	}
}

type detail struct {
	ARN         string   `json:"Arn"`
	Name        string   `json:"GroupName"`
	UserInline  []inline `json:"UserPolicyList"`
	GroupInline []inline `json:"GroupPolicyList"`
	RoleInline  []inline `json:"RolePolicyList"`
	Groups      []string `json:"GroupList"`
	Attached    []struct {
		ARN string `json:"PolicyArn"`
	} `json:"AttachedManagedPolicies"`
	Boundary struct {
		ARN string `json:"PermissionsBoundaryArn"`
	} `json:"PermissionsBoundary"`
	Tags     []struct{ Key, Value string }
	Trust    rawDocument       `json:"AssumeRolePolicyDocument"`
	Profiles []json.RawMessage `json:"InstanceProfileList"`
}

type inline struct {
	Name     string      `json:"PolicyName"`
	Document rawDocument `json:"PolicyDocument"`
}

// rawDocument is a policy as JSON, or as a string with it, which may be escaped
// as in a URL (as the API has it).
type rawDocument string

// UnmarshalJSON implements json.Unmarshaler.
func (d *rawDocument) UnmarshalJSON(text []byte) error {
	var s string
	if json.Unmarshal(text, &s) != nil {
		*d = rawDocument(text)
		return nil
	}
	if strings.HasPrefix(s, "%7B") || strings.HasPrefix(s, "%7b") {
		plain, err := url.PathUnescape(s)
		if err != nil {
			return err
		}
		s = plain
	}
	*d = rawDocument(s)
	return nil
}

// Read reads the answer of iam:GetAccountAuthorizationDetails, as the aws CLI
// prints it: one document, or several one after the other for several pages.
func Read(r io.Reader) (*Account, error) {
	var all details
	for d, pages := json.NewDecoder(r), 0; ; pages++ {
		var page details
		err := d.Decode(&page)
		if errors.Is(err, io.EOF) && pages > 0 {
			break
		}
		if err == nil && !page.any() {
			err = errors.New("it has none of its lists")
		}
		if err != nil {
			return nil, fmt.Errorf("this is not what `aws iam get-account-authorization-details` prints: %w", err)
		}
		all.Users, all.Groups = append(all.Users, page.Users...), append(all.Groups, page.Groups...)
		all.Roles, all.Policies = append(all.Roles, page.Roles...), append(all.Policies, page.Policies...)
	}
	return all.account()
}

// any says whether there is one of the lists, be it empty.
func (d *details) any() bool {
	return d.Users != nil || d.Groups != nil || d.Roles != nil || d.Policies != nil
}

func (all *details) account() (*Account, error) {
	a := &Account{policies: map[string]*managed{}}
	groups := map[string]*Group{}
	for i := range all.Groups {
		d := &all.Groups[i]
		g := &Group{ARN: d.ARN, Inline: documents(d.ARN, d.GroupInline), Attached: d.attached()}
		groups[d.Name] = g
		a.Groups = append(a.Groups, g)
	}
	for i := range all.Users {
		d := &all.Users[i]
		p := d.principal(d.UserInline)
		for _, name := range d.Groups {
			if groups[name] == nil {
				a.notes = append(a.notes, fmt.Sprintf("%s is in the group %s, which is not in the data.", d.ARN, name))
				continue
			}
			p.Groups = append(p.Groups, groups[name])
		}
		a.Users = append(a.Users, p)
	}
	for i := range all.Roles {
		d := &all.Roles[i]
		p := d.principal(d.RoleInline)
		p.Trust, p.Profile = Document{"trust policy", string(d.Trust)}, len(d.Profiles) > 0
		a.Roles = append(a.Roles, p)
	}
	for _, p := range all.Policies {
		m := &managed{arn: p.ARN, current: p.Current, versions: map[string]Document{}}
		for _, v := range p.Versions {
			m.versions[v.ID] = Document{p.ARN, string(v.Document)}
		}
		a.policies[p.ARN] = m
	}
	for _, p := range append(a.Users[:len(a.Users):len(a.Users)], a.Roles...) {
		if accountID(p.ARN) == "" {
			return nil, fmt.Errorf("%q is not the ARN of a user or role", p.ARN)
		}
	}
	return a, nil
}

func (d *detail) principal(inline []inline) *Principal {
	p := &Principal{ARN: d.ARN, Inline: documents(d.ARN, inline), Attached: d.attached(), Boundary: d.Boundary.ARN, Tags: map[string]string{}}
	for _, t := range d.Tags {
		p.Tags[t.Key] = t.Value
	}
	return p
}

func (d *detail) attached() []string {
	var all []string
	for _, p := range d.Attached {
		all = append(all, p.ARN)
	}
	return all
}

func documents(of string, list []inline) []Document {
	var all []Document
	for _, d := range list {
		all = append(all, Document{name(of) + " " + d.Name, string(d.Document)})
	}
	return all
}
