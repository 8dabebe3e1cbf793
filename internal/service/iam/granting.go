package iam

import (
	"slices"
	"strings"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/iam"
	"cloister/internal/door"
	"cloister/internal/store"
	"cloister/policy"
	"cloister/policy/catalog"
)

// grant is a policy that an identity has: a managed one by its ARN, or an inline
// one with whose it is.
type grant struct {
	policy       *policy.Policy
	name, arn    string
	kind, holder string
}

// doer is a user or role, who acts.
type doer struct {
	actor
	kind, arn, name, path string
}

// identity is a user, group, role or managed policy: what it grants, and to whom.
type identity struct {
	arn    string
	grants []grant
	doers  []doer
}

func (s *Service) registerGranting(d *door.Door) {
	door.Read(d, api.OpListPoliciesGrantingServiceAccess, onARN("iam:ListPoliciesGrantingServiceAccess",
		func(in *api.ListPoliciesGrantingServiceAccessRequest) *string { return in.Arn }), s.listPoliciesGrantingServiceAccess)
}

// onARN is the authorisation of an operation on a user, group, role or policy
// that is given by its ARN.
func onARN[In any](action string, arn func(*In) *string) door.Auth[In] {
	return permission(func(c *door.Call, r store.Reader, in *In) ([]door.Need, error) {
		need := door.Need{Action: action, Resource: awsapi.Val(arn(in)), Context: policy.MapContext{}}
		tags, err := tagsOfARN(r, c.Account, need.Resource)
		resourceTags(need.Context, tags)
		return []door.Need{need}, err
	})
}

// tagsOfARN are the tags of a user, role or policy of the account, none of what
// does not exist.
func tagsOfARN(r store.Reader, account, arn string) (tags []Tag, err error) {
	kind, name := kindAndName(strings.TrimPrefix(arn, "arn:aws:iam::"+account+":"))
	switch kind {
	case userKind.noun:
		tags, err = tagsOf(r, userKind, account, name)
	case roleKind.noun:
		tags, err = tagsOf(r, roleKind, account, name)
	case "policy":
		var p *managed
		if p, err = findPolicy(r, account, arn); err == nil {
			tags = p.Tags
		}
	}
	if absent(err) {
		err = nil
	}
	return tags, err
}

// identityOf finds what an ARN names in the account.
func (s *Service) identityOf(r store.Reader, account, arn string) (*identity, error) {
	id := &identity{arn: arn}
	if _, ok := splitPolicyARN(arn); ok {
		return id, s.addPolicyHolders(id, r, account)
	}
	rest, ok := strings.CutPrefix(arn, "arn:aws:iam::"+account+":")
	kind, name := kindAndName(rest)
	switch {
	case ok && kind == userKind.noun && name != "":
		u, err := exactly(r, userKind, account, arn, name)
		if err != nil {
			return nil, err
		}
		id.doers = []doer{userDoer(u)}
		return id, s.addUserGrants(id, r, u)
	case ok && kind == roleKind.noun && name != "":
		found, err := exactly(r, roleKind, account, arn, name)
		if err != nil {
			return nil, err
		}
		id.doers = []doer{roleDoer(found)}
		return id, s.addGrants(id, r, api.PolicyOwnerEntityTypeRole, &found.Entity)
	case ok && kind == groupKind.noun && name != "":
		g, err := exactly(r, groupKind, account, arn, name)
		if err != nil {
			return nil, err
		}
		if err := addMembers(id, r, g); err != nil {
			return nil, err
		}
		return id, s.addGrants(id, r, api.PolicyOwnerEntityTypeGroup, &g.Entity)
	case strings.HasPrefix(arn, "arn:aws:iam::") && !ok:
		return nil, noSuchEntity("ARN %s does not exist in the account.", arn)
	}
	return nil, invalidInput("Invalid Entity Arn: %s does not clearly define entity type and name.", arn)
}

func userDoer(u *user) doer {
	return doer{actor{u.Account, u.ID}, api.PolicyOwnerEntityTypeUser, userKind.arn(u), u.Name, u.Path}
}

func roleDoer(r *role) doer {
	return doer{actor{r.Account, r.ID}, api.PolicyOwnerEntityTypeRole, roleKind.arn(r), r.Name, r.Path}
}

func addMembers(id *identity, r store.Reader, g *group) error {
	members, err := membersOf(r, g)
	for _, u := range members {
		if d := userDoer(u); !slices.Contains(id.doers, d) {
			id.doers = append(id.doers, d)
		}
	}
	return err
}

// addPolicyHolders adds a managed policy itself, and the users and roles that
// have it, members of groups among them.
func (s *Service) addPolicyHolders(id *identity, r store.Reader, account string) error {
	p, err := findPolicy(r, account, id.arn)
	if err != nil {
		return err
	}
	compiled, err := s.compiler.compile(policy.KindIdentity, p.text())
	if err != nil {
		return err
	}
	id.grants = []grant{{policy: compiled, name: p.Name, arn: id.arn}}
	key := store.K(account, id.arn)
	direct, err := userKind.holding(r, "policy", key)
	if err != nil {
		return err
	}
	for _, u := range direct {
		id.doers = append(id.doers, userDoer(u))
	}
	through, err := groupKind.holding(r, "policy", key)
	if err != nil {
		return err
	}
	for _, g := range through {
		if err := addMembers(id, r, g); err != nil {
			return err
		}
	}
	held, err := roleKind.holding(r, "policy", key)
	for _, found := range held {
		id.doers = append(id.doers, roleDoer(found))
	}
	return err
}

func (s *Service) addUserGrants(id *identity, r store.Reader, u *user) error {
	if err := s.addGrants(id, r, api.PolicyOwnerEntityTypeUser, &u.Entity); err != nil {
		return err
	}
	for _, group := range u.Groups {
		g, err := groupKind.get(r, u.Account, group)
		if err != nil {
			return broken(err)
		}
		if err := s.addGrants(id, r, api.PolicyOwnerEntityTypeGroup, &g.Entity); err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) addGrants(id *identity, r store.Reader, kind string, e *Entity) error {
	for _, doc := range e.Inline {
		p, err := s.compiler.compile(policy.KindIdentity, doc.Text)
		if err != nil {
			return err
		}
		id.grants = append(id.grants, grant{policy: p, name: doc.Name, kind: kind, holder: e.Name})
	}
	for _, arn := range e.Attached {
		found, err := findPolicy(r, e.Account, arn)
		if err != nil {
			return broken(err)
		}
		p, err := s.compiler.compile(policy.KindIdentity, found.text())
		if err != nil {
			return err
		}
		if g := (grant{policy: p, name: found.Name, arn: arn}); !slices.Contains(id.grants, g) {
			id.grants = append(id.grants, g)
		}
	}
	return nil
}

// grants reports whether a policy allows something of a service.
func grants(p *policy.Policy, service *catalog.Service) bool {
	return slices.ContainsFunc(service.Actions, func(a catalog.Action) bool { return p.MayAllow(service.Prefix + ":" + a.Name) })
}

// grantsAny reports whether what an identity has allows something of a service.
func (id *identity) grantsAny(service *catalog.Service) bool {
	return slices.ContainsFunc(service.Actions, func(a catalog.Action) bool { return id.mayDo(service.Prefix + ":" + a.Name) })
}

// mayDo reports whether what an identity has allows an action for some request.
func (id *identity) mayDo(action string) bool {
	may := false
	for _, g := range id.grants {
		if g.policy.AlwaysDenies(action) {
			return false
		}
		may = may || g.policy.MayAllow(action)
	}
	return may
}

// listPoliciesGrantingServiceAccess tells by which policies a user, group or
// role may do something with each of some services
// (https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListPoliciesGrantingServiceAccess.html).
func (s *Service) listPoliciesGrantingServiceAccess(c *door.Call, r store.Reader, in *api.ListPoliciesGrantingServiceAccessRequest) (*api.ListPoliciesGrantingServiceAccessResponse, error) {
	if _, ok := splitPolicyARN(awsapi.Val(in.Arn)); ok {
		return nil, invalidInput("%s is not the ARN of a user, group or role.", awsapi.Val(in.Arn))
	}
	id, err := s.identityOf(r, c.Account, awsapi.Val(in.Arn))
	if err != nil {
		return nil, err
	}
	asked := slices.Clone(in.ServiceNamespaces)
	slices.Sort(asked)
	page, err := paginate(slices.Compact(asked), func(name string) string { return name }, in.Marker, nil)
	if err != nil {
		return nil, err
	}
	out := &api.ListPoliciesGrantingServiceAccessResponse{
		PoliciesGrantingServiceAccess: []*api.ListPoliciesGrantingServiceAccessEntry{}, IsTruncated: page.truncated, Marker: page.marker,
	}
	for _, namespace := range page.items {
		service, ok := catalog.Find(strings.ToLower(namespace))
		if !ok {
			return nil, invalidInput("%s is not the namespace of a service.", namespace)
		}
		out.PoliciesGrantingServiceAccess = append(out.PoliciesGrantingServiceAccess, id.granting(service))
	}
	return out, nil
}

// granting lists the policies that allow something of a service.
func (id *identity) granting(service *catalog.Service) *api.ListPoliciesGrantingServiceAccessEntry {
	entry := &api.ListPoliciesGrantingServiceAccessEntry{ServiceNamespace: str(service.Prefix), Policies: []*api.PolicyGrantingServiceAccess{}}
	for _, g := range id.grants {
		if !grants(g.policy, service) {
			continue
		}
		shown := &api.PolicyGrantingServiceAccess{PolicyName: str(g.name), PolicyType: str(api.PolicyTypeManaged), PolicyArn: optional(g.arn)}
		if g.arn == "" {
			shown.PolicyType, shown.EntityType, shown.EntityName = str(api.PolicyTypeInline), str(g.kind), str(g.holder)
		}
		entry.Policies = append(entry.Policies, shown)
	}
	return entry
}
