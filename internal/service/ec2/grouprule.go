package ec2

import (
	"errors"
	"slices"
	"strings"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/ec2"
	"cloister/internal/door"
	"cloister/internal/netpolicy"
	"cloister/internal/store"
)

// ruleClass is the class of rules, which are kept in their groups.
var ruleClass = &class{name: "security-group-rule", tagType: "security-group-rule", prefix: "sgr",
	malformed: "InvalidSecurityGroupRuleId.Malformed", missing: "InvalidSecurityGroupRuleId.NotFound", text: "The security group rule ID '%s' does not exist"}

func init() {
	ruleClass.get = func(r store.Reader, key store.Key) (*Head, error) {
		g, i, err := holder(r, key)
		if err != nil {
			return nil, err
		}
		return g.headOf(i), nil
	}
	ruleClass.all = func(r store.Reader, account, region string) (heads []*Head, err error) {
		all, err := groups.list(r, account, region)
		for _, g := range all {
			for i := range g.Rules {
				heads = append(heads, g.headOf(i))
			}
		}
		return heads, err
	}
	ruleClass.retag = func(tx *store.Tx, key store.Key, fn func(*Head) error) error {
		g, i, err := holder(tx, key)
		if err != nil {
			return err
		}
		h := g.headOf(i)
		before := dnsTags(h.Tags)
		h.Tags = slices.Clone(h.Tags)
		if err := fn(h); err != nil {
			return err
		}
		if !slices.Equal(before, dnsTags(h.Tags)) {
			return awsapi.Errorf("OperationNotPermitted", "The tag %s of a security group rule is given when the rule is made, and stays.", netpolicy.DNSTag)
		}
		g.Rules[i].Tags = h.Tags
		return groups.put(tx, g)
	}
	classes[ruleClass.prefix] = ruleClass
}

// dnsTags are those that say what a rule allows. Whoever may tag may not change
// them: that is for who may change the group.
func dnsTags(tags []tag) []tag {
	return slices.DeleteFunc(slices.Clone(tags), func(t tag) bool { return !strings.HasPrefix(strings.ToLower(t.Key), netpolicy.Marker) })
}

func (g *group) headOf(i int) *Head {
	return &Head{Account: g.Account, Region: g.Region, ID: g.Rules[i].ID, VPC: g.VPC, Tags: g.Rules[i].Tags}
}

// holder is the group that has a rule.
func holder(r store.Reader, key store.Key) (*group, int, error) {
	all, err := groups.list(r, key[0].(string), key[1].(string))
	for _, g := range all {
		if i := slices.IndexFunc(g.Rules, func(x rule) bool { return x.ID == key[2] }); i >= 0 {
			return g, i, err
		}
	}
	return nil, 0, firstOf(err, store.ErrNotFound)
}

func (s *Service) registerRules() {
	change(s, api.OpAuthorizeSecurityGroupIngress, door.Permission(func(c *door.Call, r store.Reader, in *api.AuthorizeSecurityGroupIngressRequest) ([]door.Need, error) {
		return authorizeNeeds(c, r, "AuthorizeSecurityGroupIngress", in.GroupId, in.GroupName, in.TagSpecifications)
	}), func(c *door.Call, tx *store.Tx, in *api.AuthorizeSecurityGroupIngressRequest) (*api.AuthorizeSecurityGroupIngressResult, error) {
		rules, err := s.authorize(c, tx, false, in.GroupId, in.GroupName, plain(in.IpPermissions, in.IpProtocol, in.FromPort, in.ToPort, in.CidrIp, in.SourceSecurityGroupName), in.TagSpecifications)
		return &api.AuthorizeSecurityGroupIngressResult{Return: ptr(true), SecurityGroupRules: rules}, err
	})
	change(s, api.OpAuthorizeSecurityGroupEgress, door.Permission(func(c *door.Call, r store.Reader, in *api.AuthorizeSecurityGroupEgressRequest) ([]door.Need, error) {
		return authorizeNeeds(c, r, "AuthorizeSecurityGroupEgress", in.GroupId, nil, in.TagSpecifications)
	}), func(c *door.Call, tx *store.Tx, in *api.AuthorizeSecurityGroupEgressRequest) (*api.AuthorizeSecurityGroupEgressResult, error) {
		rules, err := s.authorize(c, tx, true, in.GroupId, nil, plain(in.IpPermissions, in.IpProtocol, in.FromPort, in.ToPort, in.CidrIp, in.SourceSecurityGroupName), in.TagSpecifications)
		return &api.AuthorizeSecurityGroupEgressResult{Return: ptr(true), SecurityGroupRules: rules}, err
	})
	change(s, api.OpRevokeSecurityGroupIngress, door.Permission(func(c *door.Call, r store.Reader, in *api.RevokeSecurityGroupIngressRequest) ([]door.Need, error) {
		return groupNeeds(c, r, "RevokeSecurityGroupIngress", in.GroupId, in.GroupName, in.SecurityGroupRuleIds)
	}), func(c *door.Call, tx *store.Tx, in *api.RevokeSecurityGroupIngressRequest) (*api.RevokeSecurityGroupIngressResult, error) {
		err := s.revoke(c, tx, false, in.GroupId, in.GroupName, plain(in.IpPermissions, in.IpProtocol, in.FromPort, in.ToPort, in.CidrIp, in.SourceSecurityGroupName), in.SecurityGroupRuleIds)
		return &api.RevokeSecurityGroupIngressResult{Return: ptr(true)}, err
	})
	change(s, api.OpRevokeSecurityGroupEgress, door.Permission(func(c *door.Call, r store.Reader, in *api.RevokeSecurityGroupEgressRequest) ([]door.Need, error) {
		return groupNeeds(c, r, "RevokeSecurityGroupEgress", in.GroupId, nil, in.SecurityGroupRuleIds)
	}), func(c *door.Call, tx *store.Tx, in *api.RevokeSecurityGroupEgressRequest) (*api.RevokeSecurityGroupEgressResult, error) {
		err := s.revoke(c, tx, true, in.GroupId, nil, plain(in.IpPermissions, in.IpProtocol, in.FromPort, in.ToPort, in.CidrIp, in.SourceSecurityGroupName), in.SecurityGroupRuleIds)
		return &api.RevokeSecurityGroupEgressResult{Return: ptr(true)}, err
	})
	change(s, api.OpModifySecurityGroupRules, door.Permission(func(c *door.Call, r store.Reader, in *api.ModifySecurityGroupRulesRequest) ([]door.Need, error) {
		var ids []string
		for _, u := range in.SecurityGroupRules {
			ids = append(ids, val(u.SecurityGroupRuleId))
		}
		return groupNeeds(c, r, "ModifySecurityGroupRules", in.GroupId, nil, ids)
	}), s.modifyRules)
	change(s, api.OpUpdateSecurityGroupRuleDescriptionsIngress, door.Permission(func(c *door.Call, r store.Reader, in *api.UpdateSecurityGroupRuleDescriptionsIngressRequest) ([]door.Need, error) {
		return groupNeeds(c, r, "UpdateSecurityGroupRuleDescriptionsIngress", in.GroupId, in.GroupName, describedRules(in.SecurityGroupRuleDescriptions))
	}), func(c *door.Call, tx *store.Tx, in *api.UpdateSecurityGroupRuleDescriptionsIngressRequest) (*api.UpdateSecurityGroupRuleDescriptionsIngressResult, error) {
		err := s.describeRulesAnew(c, tx, false, in.GroupId, in.GroupName, in.IpPermissions, in.SecurityGroupRuleDescriptions)
		return &api.UpdateSecurityGroupRuleDescriptionsIngressResult{Return: ptr(true)}, err
	})
	change(s, api.OpUpdateSecurityGroupRuleDescriptionsEgress, door.Permission(func(c *door.Call, r store.Reader, in *api.UpdateSecurityGroupRuleDescriptionsEgressRequest) ([]door.Need, error) {
		return groupNeeds(c, r, "UpdateSecurityGroupRuleDescriptionsEgress", in.GroupId, in.GroupName, describedRules(in.SecurityGroupRuleDescriptions))
	}), func(c *door.Call, tx *store.Tx, in *api.UpdateSecurityGroupRuleDescriptionsEgressRequest) (*api.UpdateSecurityGroupRuleDescriptionsEgressResult, error) {
		err := s.describeRulesAnew(c, tx, true, in.GroupId, in.GroupName, in.IpPermissions, in.SecurityGroupRuleDescriptions)
		return &api.UpdateSecurityGroupRuleDescriptionsEgressResult{Return: ptr(true)}, err
	})
	show(s, api.OpDescribeSecurityGroupRules, nothing[api.DescribeSecurityGroupRulesRequest]("DescribeSecurityGroupRules"), s.describeRules)
}

func describedRules(list []*api.SecurityGroupRuleDescription) (ids []string) {
	for _, d := range list {
		ids = append(ids, val(d.SecurityGroupRuleId))
	}
	return ids
}

// plain adds to permissions what the older parameters say.
func plain(all []*api.IpPermission, protocol *string, from, to *int64, cidr, source *string) []*api.IpPermission {
	if protocol == nil && cidr == nil && source == nil {
		return all
	}
	p := &api.IpPermission{IpProtocol: protocol, FromPort: from, ToPort: to}
	if source != nil {
		p.UserIdGroupPairs = []*api.UserIdGroupPair{{GroupName: source}}
		if protocol == nil {
			p.IpProtocol = ptr("-1")
		}
	}
	if cidr != nil {
		p.IpRanges = []*api.IpRange{{CidrIp: cidr}}
	}
	return append(all, p)
}

// authorizeNeeds are action on the group, with ec2:CreateTags on the new rules
// if they get tags.
func authorizeNeeds(c *door.Call, r store.Reader, action string, id, name *string, specs []*api.TagSpecification) ([]door.Need, error) {
	needs, err := groupNeeds(c, r, action, id, name, nil)
	if tags := tagsFor(specs, ruleClass); err == nil && len(tags) > 0 {
		more, bad := needsOf(c, r, action, making(ruleClass, nil), specs)
		needs, err = append(needs, more...), bad
	}
	return needs, err
}

// authorize adds rules to a group.
func (s *Service) authorize(c *door.Call, tx *store.Tx, egress bool, id, name *string, permissions []*api.IpPermission, specs []*api.TagSpecification) ([]*api.SecurityGroupRule, error) {
	g, err := theGroup(c, tx, id, name)
	if err != nil {
		return nil, err
	}
	tags, err := newTags(specs, ruleClass)
	if err == nil {
		err = checkRuleTags(tags)
	}
	if err != nil {
		return nil, err
	}
	rules, err := g.rulesOf(c, tx, egress, permissions)
	if err != nil {
		return nil, err
	}
	var out []*api.SecurityGroupRule
	for i, x := range rules {
		if slices.ContainsFunc(rules[:i], x.same) {
			return nil, badValue("The same permission must not appear multiple times")
		}
		if slices.ContainsFunc(g.Rules, x.same) {
			return nil, awsapi.Errorf("InvalidPermission.Duplicate", "the specified rule \"%s\" already exists", x)
		}
		x.ID, x.Tags = s.newID(ruleClass.prefix), tags
		rules[i] = x
		out = append(out, g.wireRule(x))
	}
	g.Rules = append(g.Rules, rules...)
	if err := g.checkSize(egress); err != nil {
		return nil, err
	}
	return out, groups.put(tx, g)
}

func (g *group) checkSize(egress bool) error {
	n := 0
	for _, x := range g.Rules {
		if x.Egress == egress {
			n++
		}
	}
	if n > mostRules {
		return awsapi.Errorf("RulesPerSecurityGroupLimitExceeded", "The maximum number of rules per security group has been reached.")
	}
	return nil
}

// revoke removes rules from a group.
func (s *Service) revoke(c *door.Call, tx *store.Tx, egress bool, id, name *string, permissions []*api.IpPermission, ids []string) error {
	g, err := theGroup(c, tx, id, name)
	if err != nil {
		return err
	}
	if len(permissions) == 0 && len(ids) == 0 {
		return missing("ipPermissions")
	}
	var gone []rule
	for _, id := range ids {
		i, err := g.rule(id, egress)
		if err != nil {
			return err
		}
		gone = append(gone, g.Rules[i])
	}
	if len(permissions) > 0 {
		rules, err := g.rulesOf(c, tx, egress, permissions)
		if err != nil {
			return err
		}
		gone = append(gone, rules...)
	}
	for _, x := range gone {
		i := slices.IndexFunc(g.Rules, x.same)
		if i < 0 {
			return awsapi.Errorf("InvalidPermission.NotFound", "The specified rule does not exist in this security group.")
		}
		g.Rules = slices.Delete(g.Rules, i, i+1)
	}
	return groups.put(tx, g)
}

// rule is the place of one of the group's rules.
func (g *group) rule(id string, egress bool) (int, error) {
	if err := ruleClass.checkID(id); err != nil {
		return 0, err
	}
	i := slices.IndexFunc(g.Rules, func(x rule) bool { return x.ID == id && x.Egress == egress })
	if i < 0 {
		return 0, ruleClass.none(id)
	}
	return i, nil
}

func (s *Service) modifyRules(c *door.Call, tx *store.Tx, in *api.ModifySecurityGroupRulesRequest) (*api.ModifySecurityGroupRulesResult, error) {
	g, err := groups.find(c, tx, val(in.GroupId))
	if err != nil {
		return nil, err
	}
	if len(in.SecurityGroupRules) == 0 {
		return nil, missing("SecurityGroupRule")
	}
	for _, u := range in.SecurityGroupRules {
		if err := g.modify(c, tx, u); err != nil {
			return nil, err
		}
	}
	return &api.ModifySecurityGroupRulesResult{Return: ptr(true)}, groups.put(tx, g)
}

// modify puts what an update says in the place of a rule, which keeps its id,
// direction and tags.
func (g *group) modify(c *door.Call, tx *store.Tx, u *api.SecurityGroupRuleUpdate) error {
	i := slices.IndexFunc(g.Rules, func(x rule) bool { return x.ID == val(u.SecurityGroupRuleId) })
	if i < 0 {
		return firstOf(ruleClass.checkID(val(u.SecurityGroupRuleId)), ruleClass.none(val(u.SecurityGroupRuleId)))
	}
	n := u.SecurityGroupRule
	if n == nil {
		return missing("SecurityGroupRule")
	}
	p := &api.IpPermission{IpProtocol: n.IpProtocol, FromPort: n.FromPort, ToPort: n.ToPort}
	if n.CidrIpv4 != nil {
		p.IpRanges = []*api.IpRange{{CidrIp: n.CidrIpv4, Description: n.Description}}
	}
	if n.CidrIpv6 != nil {
		p.Ipv6Ranges = []*api.Ipv6Range{{CidrIpv6: n.CidrIpv6, Description: n.Description}}
	}
	if n.PrefixListId != nil {
		p.PrefixListIds = []*api.PrefixListId{{PrefixListId: n.PrefixListId, Description: n.Description}}
	}
	if n.ReferencedGroupId != nil {
		p.UserIdGroupPairs = []*api.UserIdGroupPair{{GroupId: n.ReferencedGroupId, Description: n.Description}}
	}
	rules, err := g.rulesOf(c, tx, g.Rules[i].Egress, []*api.IpPermission{p})
	if err != nil {
		return err
	}
	if len(rules) != 1 {
		return awsapi.Errorf("InvalidParameterCombination", "Specify exactly one of CidrIpv4, CidrIpv6, PrefixListId and ReferencedGroupId.")
	}
	x := rules[0]
	x.ID, x.Tags = g.Rules[i].ID, g.Rules[i].Tags
	if at := slices.IndexFunc(g.Rules, x.same); at >= 0 && at != i {
		return awsapi.Errorf("InvalidPermission.Duplicate", "the specified rule \"%s\" already exists", x)
	}
	g.Rules[i] = x
	return nil
}

func (s *Service) describeRulesAnew(c *door.Call, tx *store.Tx, egress bool, id, name *string, permissions []*api.IpPermission, descriptions []*api.SecurityGroupRuleDescription) error {
	g, err := theGroup(c, tx, id, name)
	if err != nil {
		return err
	}
	if len(permissions) == 0 && len(descriptions) == 0 {
		return missing("ipPermissions")
	}
	for _, d := range descriptions {
		i, err := g.rule(val(d.SecurityGroupRuleId), egress)
		if err == nil {
			err = checkAbout(val(d.Description))
		}
		if err != nil {
			return err
		}
		g.Rules[i].Description = val(d.Description)
	}
	if len(permissions) > 0 {
		rules, err := g.rulesOf(c, tx, egress, permissions)
		if err != nil {
			return err
		}
		for _, x := range rules {
			i := slices.IndexFunc(g.Rules, x.same)
			if i < 0 {
				return awsapi.Errorf("InvalidPermission.NotFound", "The specified rule does not exist in this security group.")
			}
			g.Rules[i].Description = x.Description
		}
	}
	return groups.put(tx, g)
}

// ruleOf is a rule with the group that has it.
type ruleOf struct {
	rule
	*group
	head *Head
}

func (s *Service) describeRules(c *door.Call, r store.Reader, in *api.DescribeSecurityGroupRulesRequest) (*api.DescribeSecurityGroupRulesResult, error) {
	for _, id := range in.SecurityGroupRuleIds {
		if err := ruleClass.checkID(id); err != nil {
			return nil, err
		}
		if _, _, err := holder(r, store.K(c.Account, c.Region, id)); errors.Is(err, store.ErrNotFound) {
			return nil, ruleClass.none(id)
		}
	}
	all, err := groups.list(r, c.Account, c.Region)
	if err != nil {
		return nil, err
	}
	var rules []*ruleOf
	for _, g := range all {
		for i, x := range g.Rules {
			if len(in.SecurityGroupRuleIds) == 0 || slices.Contains(in.SecurityGroupRuleIds, x.ID) {
				rules = append(rules, &ruleOf{x, g, g.headOf(i)})
			}
		}
	}
	slices.SortFunc(rules, func(a, b *ruleOf) int {
		if a.head.ID < b.head.ID {
			return -1
		}
		return 1
	})
	page, next, err := choose(rules, query{in.SecurityGroupRuleIds, in.Filters, in.MaxResults, in.NextToken}, fields[*ruleOf]{
		"group-id":               one(func(x *ruleOf) string { return x.group.ID }),
		"security-group-rule-id": one(func(x *ruleOf) string { return x.head.ID }),
	}, func(x *ruleOf) *Head { return x.head })
	out := &api.DescribeSecurityGroupRulesResult{NextToken: next, SecurityGroupRules: []*api.SecurityGroupRule{}}
	for _, x := range page {
		out.SecurityGroupRules = append(out.SecurityGroupRules, x.wireRule(x.rule))
	}
	return out, err
}

func (g *group) wireRule(x rule) *api.SecurityGroupRule {
	out := &api.SecurityGroupRule{SecurityGroupRuleId: ptr(x.ID), GroupId: ptr(g.ID), GroupOwnerId: ptr(g.Account), IsEgress: ptr(x.Egress), IpProtocol: ptr(x.Protocol),
		FromPort: ptr(x.From), ToPort: ptr(x.To), CidrIpv4: some(x.cidr4()), CidrIpv6: some(x.cidr6()), PrefixListId: some(x.PrefixList), Description: some(x.Description), Tags: wireTags(x.Tags)}
	if x.Group != "" {
		out.ReferencedGroupInfo = &api.ReferencedSecurityGroup{GroupId: ptr(x.Group), UserId: ptr(g.Account), VpcId: ptr(g.VPC)}
	}
	return out
}
