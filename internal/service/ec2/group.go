package ec2

import (
	"regexp"
	"slices"
	"strings"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/ec2"
	"cloister/internal/door"
	"cloister/internal/store"
)

const (
	mostGroups = 2500 // in an account and region
	mostRules  = 60   // of a group in one direction
)

func (s *Service) registerGroups() {
	change(s, api.OpCreateSecurityGroup, door.Permission(func(c *door.Call, r store.Reader, in *api.CreateSecurityGroupRequest) ([]door.Need, error) {
		id, err := vpcOr(r, c, in.VpcId)
		if err != nil {
			return nil, err
		}
		return needsOf(c, r, "CreateSecurityGroup", append(making(groups.class, &id), its(vpcs.class, &id)...), in.TagSpecifications)
	}), s.createGroup)
	change(s, api.OpDeleteSecurityGroup, door.Permission(func(c *door.Call, r store.Reader, in *api.DeleteSecurityGroupRequest) ([]door.Need, error) {
		return groupNeeds(c, r, "DeleteSecurityGroup", in.GroupId, in.GroupName, nil)
	}), s.deleteGroup)
	show(s, api.OpDescribeSecurityGroups, nothing[api.DescribeSecurityGroupsRequest]("DescribeSecurityGroups"), s.describeGroups)
	show(s, api.OpDescribeSecurityGroupReferences, nothing[api.DescribeSecurityGroupReferencesRequest]("DescribeSecurityGroupReferences"), s.describeReferences)
	s.registerRules()
}

// vpcOr is the VPC that a call names, or the default one; the id of the default
// one is known before it is made.
func vpcOr(r store.Reader, c *door.Call, id *string) (string, error) {
	if val(id) != "" {
		return *id, nil
	}
	v, err := defaultOf(r, c.Account, c.Region)
	if err != nil || v == nil {
		return fixedID("vpc", c.Account, c.Region), err
	}
	return v.ID, nil
}

// groupNeeds are action on a group that is given by its id, or by its name in
// the default VPC, and on rules of its.
func groupNeeds(c *door.Call, r store.Reader, action string, id, name *string, rules []string) ([]door.Need, error) {
	given := val(id)
	if given == "" && val(name) != "" {
		g, err := namedGroup(c, r, *name)
		if err != nil {
			return nil, err
		}
		if g == nil {
			return needsOf(c, r, action, making(groups.class, nil), nil)
		}
		given = g.ID
	}
	return needsOf(c, r, action, append(its(groups.class, &given), each(ruleClass, rules)...), nil)
}

func namedGroup(c *door.Call, r store.Reader, name string) (*group, error) {
	v, err := defaultOf(r, c.Account, c.Region)
	if err != nil || v == nil {
		return nil, err
	}
	within, err := groups.within(r, c.Account, c.Region, v.ID)
	for _, g := range within {
		if g.Name == name {
			return g, err
		}
	}
	return nil, err
}

// theGroup is the group that a call speaks of.
func theGroup(c *door.Call, r store.Reader, id, name *string) (*group, error) {
	if val(id) == "" && val(name) == "" {
		return nil, awsapi.Errorf("MissingParameter", "The request must contain the parameter groupName or groupId")
	}
	if val(id) != "" {
		return groups.find(c, r, *id)
	}
	g, err := namedGroup(c, r, *name)
	if err == nil && g == nil {
		err = awsapi.Errorf("InvalidGroup.NotFound", "The security group '%s' does not exist in default VPC", *name)
	}
	return g, err
}

const signs = ` ._\-:/()#,@\[\]+=&;{}!$*`

var groupText = regexp.MustCompile(`^[a-zA-Z0-9` + signs + `]{1,255}$`)

func (s *Service) createGroup(c *door.Call, tx *store.Tx, in *api.CreateSecurityGroupRequest) (*api.CreateSecurityGroupResult, error) {
	if err := required("GroupName", in.GroupName, "GroupDescription", in.Description); err != nil {
		return nil, err
	}
	name := *in.GroupName
	switch {
	case !groupText.MatchString(*in.Description):
		return nil, badValue("Invalid security group description. Valid descriptions are strings less than 256 characters from the following set:  a-zA-Z0-9. _-:/()#,@[]+=&;{}!$*")
	case !groupText.MatchString(name):
		return nil, badValue("Invalid security group name. Valid names are strings less than 256 characters from the following set:  a-zA-Z0-9. _-:/()#,@[]+=&;{}!$*")
	case name == "default":
		return nil, awsapi.Errorf("InvalidParameterValue", "Cannot use reserved security group name: default")
	case strings.HasPrefix(name, "sg-"):
		return nil, badValue("Invalid value '%s' for GroupName. Group names cannot start with 'sg-'", name)
	}
	id, err := vpcOr(tx, c, in.VpcId)
	if err != nil {
		return nil, err
	}
	v, err := vpcs.find(c, tx, id)
	if err != nil {
		return nil, err
	}
	all, err := groups.list(tx, c.Account, c.Region)
	if err != nil {
		return nil, err
	}
	if slices.ContainsFunc(all, func(g *group) bool { return g.VPC == v.ID && g.Name == name }) {
		return nil, awsapi.Errorf("InvalidGroup.Duplicate", "The security group '%s' already exists for VPC '%s'", name, v.ID)
	}
	if len(all) >= mostGroups {
		return nil, awsapi.Errorf("SecurityGroupLimitExceeded", "The maximum number of security groups has been reached.")
	}
	tags, err := newTags(in.TagSpecifications, groups.class)
	if err != nil {
		return nil, err
	}
	g := &group{Head: s.fresh(c, groups.class, v.ID, tags), Name: name, Description: *in.Description}
	g.Rules = []rule{s.openRule(g.ID)}
	return &api.CreateSecurityGroupResult{GroupId: ptr(g.ID), Tags: wireTags(tags)}, groups.insert(tx, g)
}

func (s *Service) deleteGroup(c *door.Call, tx *store.Tx, in *api.DeleteSecurityGroupRequest) (*awsapi.None, error) {
	g, err := theGroup(c, tx, in.GroupId, in.GroupName)
	if err != nil {
		return nil, err
	}
	if g.Name == "default" {
		return nil, awsapi.Errorf("CannotDelete", "the specified group: \"%s\" name: \"default\" cannot be deleted by a user", g.ID)
	}
	used, err := groupInUse(c, tx, g)
	if err != nil {
		return nil, err
	}
	if used {
		return nil, awsapi.Errorf("DependencyViolation", "resource %s has a dependent object", g.ID)
	}
	return nil, groups.remove(tx, g)
}

// groupInUse tells whether an interface, an endpoint or another group's rule
// needs a group.
func groupInUse(c *door.Call, r store.Reader, g *group) (bool, error) {
	members, err := ifaces.within(r, c.Account, c.Region, g.VPC)
	if err != nil {
		return false, err
	}
	guarded, err := endpoints.within(r, c.Account, c.Region, g.VPC)
	if err != nil {
		return false, err
	}
	others, err := groups.within(r, c.Account, c.Region, g.VPC)
	return slices.ContainsFunc(members, func(e *iface) bool { return slices.Contains(e.Groups, g.ID) }) ||
		slices.ContainsFunc(guarded, func(e *endpoint) bool { return slices.Contains(e.Groups, g.ID) }) ||
		slices.ContainsFunc(others, func(o *group) bool { return o.ID != g.ID && o.refersTo(g.ID) }), err
}

func (g *group) refersTo(id string) bool {
	return slices.ContainsFunc(g.Rules, func(r rule) bool { return r.Group == id })
}

func (s *Service) describeGroups(c *door.Call, r store.Reader, in *api.DescribeSecurityGroupsRequest) (*api.DescribeSecurityGroupsResult, error) {
	ids := slices.Clone(in.GroupIds)
	for _, name := range in.GroupNames {
		g, err := theGroup(c, r, nil, &name)
		if err != nil {
			return nil, err
		}
		ids = append(ids, g.ID)
	}
	page, next, err := groups.ask(c, r, query{ids, in.Filters, in.MaxResults, in.NextToken}, groupFields())
	out := &api.DescribeSecurityGroupsResult{NextToken: next, SecurityGroups: []*api.SecurityGroup{}}
	for _, g := range page {
		out.SecurityGroups = append(out.SecurityGroups, g.wire())
	}
	return out, err
}

func groupFields() fields[*group] {
	f := fields[*group]{
		"description": one(func(g *group) string { return g.Description }),
		"group-id":    one(func(g *group) string { return g.ID }),
		"group-name":  one(func(g *group) string { return g.Name }),
	}
	for prefix, egress := range map[string]bool{"ip-permission.": false, "egress.ip-permission.": true} {
		of := func(get func(rule) string) func(*group) []string {
			return func(g *group) (all []string) {
				for _, r := range g.Rules {
					if text := get(r); r.Egress == egress && text != "" {
						all = append(all, text)
					}
				}
				return all
			}
		}
		f[prefix+"cidr"] = of(rule.cidr4)
		f[prefix+"ipv6-cidr"] = of(rule.cidr6)
		f[prefix+"from-port"] = of(func(r rule) string { return portText(r.From) })
		f[prefix+"to-port"] = of(func(r rule) string { return portText(r.To) })
		f[prefix+"group-id"] = of(func(r rule) string { return r.Group })
		f[prefix+"prefix-list-id"] = of(func(r rule) string { return r.PrefixList })
		f[prefix+"protocol"] = of(func(r rule) string { return r.Protocol })
	}
	return f
}

func (g *group) wire() *api.SecurityGroup {
	return &api.SecurityGroup{GroupId: ptr(g.ID), GroupName: ptr(g.Name), Description: ptr(g.Description), OwnerId: ptr(g.Account), VpcId: ptr(g.VPC),
		IpPermissions: g.permissions(false), IpPermissionsEgress: g.permissions(true), Tags: wireTags(g.Tags)}
}

// permissions are the rules of one direction, those with the same protocol and
// ports together.
func (g *group) permissions(egress bool) []*api.IpPermission {
	all := []*api.IpPermission{}
	at := map[[3]any]*api.IpPermission{}
	for _, r := range g.Rules {
		if r.Egress != egress {
			continue
		}
		key := [3]any{r.Protocol, r.From, r.To}
		p := at[key]
		if p == nil {
			p = &api.IpPermission{IpProtocol: ptr(r.Protocol), IpRanges: []*api.IpRange{}, Ipv6Ranges: []*api.Ipv6Range{}, PrefixListIds: []*api.PrefixListId{}, UserIdGroupPairs: []*api.UserIdGroupPair{}}
			if r.Protocol != "-1" {
				p.FromPort, p.ToPort = ptr(r.From), ptr(r.To)
			}
			at[key] = p
			all = append(all, p)
		}
		r.addTo(p, g.Account)
	}
	return all
}

func (r rule) addTo(p *api.IpPermission, account string) {
	about := some(r.Description)
	switch {
	case r.cidr4() != "":
		p.IpRanges = append(p.IpRanges, &api.IpRange{CidrIp: ptr(r.CIDR), Description: about})
	case r.CIDR != "":
		p.Ipv6Ranges = append(p.Ipv6Ranges, &api.Ipv6Range{CidrIpv6: ptr(r.CIDR), Description: about})
	case r.PrefixList != "":
		p.PrefixListIds = append(p.PrefixListIds, &api.PrefixListId{PrefixListId: ptr(r.PrefixList), Description: about})
	default:
		p.UserIdGroupPairs = append(p.UserIdGroupPairs, &api.UserIdGroupPair{GroupId: ptr(r.Group), UserId: ptr(account), Description: about})
	}
}

// describeReferences tells of groups in other VPCs, with which there is no
// peering here.
func (s *Service) describeReferences(c *door.Call, r store.Reader, in *api.DescribeSecurityGroupReferencesRequest) (*api.DescribeSecurityGroupReferencesResult, error) {
	for _, id := range in.GroupId {
		if _, err := groups.find(c, r, id); err != nil {
			return nil, err
		}
	}
	return &api.DescribeSecurityGroupReferencesResult{SecurityGroupReferenceSet: []*api.SecurityGroupReference{}}, nil
}
