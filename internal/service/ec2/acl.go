package ec2

import (
	"cmp"
	"net/netip"
	"slices"
	"strconv"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/ec2"
	"cloister/internal/door"
	"cloister/internal/netpolicy"
	"cloister/internal/store"
)

const (
	mostEntries = 20    // of an ACL in one direction
	lastEntry   = 32767 // which denies everything, and is always there
)

func (s *Service) registerACLs() {
	change(s, api.OpCreateNetworkAcl, tagged("CreateNetworkAcl", func(in *api.CreateNetworkAclRequest) []use {
		return append(making(acls.class, in.VpcId), its(vpcs.class, in.VpcId)...)
	}, func(in *api.CreateNetworkAclRequest) []*api.TagSpecification { return in.TagSpecifications }), s.createACL)
	change(s, api.OpDeleteNetworkAcl, on("DeleteNetworkAcl", func(in *api.DeleteNetworkAclRequest) []use { return its(acls.class, in.NetworkAclId) }), s.deleteACL)
	show(s, api.OpDescribeNetworkAcls, nothing[api.DescribeNetworkAclsRequest]("DescribeNetworkAcls"), s.describeACLs)
	change(s, api.OpCreateNetworkAclEntry, on("CreateNetworkAclEntry", func(in *api.CreateNetworkAclEntryRequest) []use { return its(acls.class, in.NetworkAclId) }), s.createEntry)
	change(s, api.OpReplaceNetworkAclEntry, on("ReplaceNetworkAclEntry", func(in *api.ReplaceNetworkAclEntryRequest) []use { return its(acls.class, in.NetworkAclId) }), s.replaceEntry)
	change(s, api.OpDeleteNetworkAclEntry, on("DeleteNetworkAclEntry", func(in *api.DeleteNetworkAclEntryRequest) []use { return its(acls.class, in.NetworkAclId) }), s.deleteEntry)
	change(s, api.OpReplaceNetworkAclAssociation, door.Permission(func(c *door.Call, r store.Reader, in *api.ReplaceNetworkAclAssociationRequest) ([]door.Need, error) {
		n, err := subnetOf(c, r, val(in.AssociationId))
		if err != nil {
			return nil, err
		}
		uses := its(acls.class, in.NetworkAclId)
		if n != nil {
			uses = append(uses, its(subnets.class, &n.ID)...)
		}
		return needsOf(c, r, "ReplaceNetworkAclAssociation", uses, nil)
	}), s.replaceACLAssociation)
}

// subnetOf is the subnet of an ACL's association, nil if there is none.
func subnetOf(c *door.Call, r store.Reader, id string) (*subnet, error) {
	all, err := subnets.list(r, c.Account, c.Region)
	for _, n := range all {
		if n.ACLAssoc == id {
			return n, err
		}
	}
	return nil, err
}

func (s *Service) createACL(c *door.Call, tx *store.Tx, in *api.CreateNetworkAclRequest) (*api.CreateNetworkAclResult, error) {
	v, err := vpcs.find(c, tx, val(in.VpcId))
	if err != nil {
		return nil, err
	}
	tags, err := newTags(in.TagSpecifications, acls.class)
	if err != nil {
		return nil, err
	}
	within, err := acls.within(tx, c.Account, c.Region, v.ID)
	if err != nil {
		return nil, err
	}
	if len(within) >= mostSubnets {
		return nil, awsapi.Errorf("NetworkAclLimitExceeded", "The maximum number of network ACLs has been reached.")
	}
	l := &acl{Head: s.fresh(c, acls.class, v.ID, tags)}
	return &api.CreateNetworkAclResult{NetworkAcl: l.wire(nil), ClientToken: in.ClientToken}, acls.insert(tx, l)
}

func (s *Service) deleteACL(c *door.Call, tx *store.Tx, in *api.DeleteNetworkAclRequest) (*awsapi.None, error) {
	l, err := acls.find(c, tx, val(in.NetworkAclId))
	if err != nil {
		return nil, err
	}
	if l.Default {
		return nil, badValue("Cannot delete default network ACL %s", l.ID)
	}
	within, err := subnets.within(tx, c.Account, c.Region, l.VPC)
	if err != nil {
		return nil, err
	}
	if slices.ContainsFunc(within, func(n *subnet) bool { return n.ACL == l.ID }) {
		return nil, dependency("networkAcl", l.ID)
	}
	return nil, acls.remove(tx, l)
}

// wanted is an entry as a call gives it.
type wanted struct {
	number           *int64
	egress           *bool
	action, protocol *string
	four, six        *string
	ports            *api.PortRange
	icmp             *api.IcmpTypeCode
}

func (w wanted) entry() (e aclEntry, err error) {
	e = aclEntry{Number: val(w.number), Egress: val(w.egress), Allow: val(w.action) == "allow", From: -1, To: -1}
	if e.Number < 1 || e.Number >= lastEntry {
		return e, badValue("Invalid value '%d' for ruleNumber. Must be between 1 and %d.", e.Number, lastEntry-1)
	}
	text, number, err := protocolOf(val(w.protocol))
	if err != nil {
		return e, err
	}
	if e.Protocol = text; number >= 0 {
		e.Protocol = strconv.Itoa(number)
	}
	if e.CIDR, err = w.block(); err != nil {
		return e, err
	}
	var from, to *int64
	switch {
	case number == netpolicy.TCP || number == netpolicy.UDP:
		if w.ports == nil {
			return e, missing("portRange")
		}
		from, to = w.ports.From, w.ports.To
	case number == netpolicy.ICMP || number == netpolicy.ICMPv6:
		if w.icmp == nil {
			return e, missing("icmpTypeCode.code")
		}
		from, to = w.icmp.Type, w.icmp.Code
	}
	e.From, e.To, err = portRange(number, from, to)
	return e, err
}

func (w wanted) block() (string, error) {
	text, six := val(w.four), false
	if text == "" {
		text, six = val(w.six), true
	}
	if text == "" {
		return "", missing("cidrBlock")
	}
	p, err := netip.ParsePrefix(text)
	if err != nil || p.Addr().Is4() == six || p.Addr().Is4In6() {
		return "", badValue("CIDR block %s is malformed", text)
	}
	return p.Masked().String(), nil
}

func (s *Service) createEntry(c *door.Call, tx *store.Tx, in *api.CreateNetworkAclEntryRequest) (*awsapi.None, error) {
	e, err := wanted{in.RuleNumber, in.Egress, in.RuleAction, in.Protocol, in.CidrBlock, in.Ipv6CidrBlock, in.PortRange, in.IcmpTypeCode}.entry()
	if err != nil {
		return nil, err
	}
	l, err := acls.find(c, tx, val(in.NetworkAclId))
	if err != nil {
		return nil, err
	}
	if l.at(e.Number, e.Egress) >= 0 {
		return nil, awsapi.Errorf("NetworkAclEntryAlreadyExists", "The network acl entry identified by %d already exists.", e.Number)
	}
	count := 0
	for _, o := range l.Entries {
		if o.Egress == e.Egress {
			count++
		}
	}
	if count >= mostEntries {
		return nil, awsapi.Errorf("NetworkAclEntryLimitExceeded", "The maximum number of network acl entries has been reached.")
	}
	l.Entries = append(l.Entries, e)
	return nil, acls.put(tx, l)
}

func (l *acl) at(number int64, egress bool) int {
	return slices.IndexFunc(l.Entries, func(e aclEntry) bool { return e.Number == number && e.Egress == egress })
}

func (l *acl) entry(number int64, egress bool) (int, error) {
	i := l.at(number, egress)
	if i < 0 {
		return 0, awsapi.Errorf("InvalidNetworkAclEntry.NotFound", "The %s network acl entry %d does not exist in %s", map[bool]string{true: "egress", false: "ingress"}[egress], number, l.ID)
	}
	return i, nil
}

func (s *Service) replaceEntry(c *door.Call, tx *store.Tx, in *api.ReplaceNetworkAclEntryRequest) (*awsapi.None, error) {
	e, err := wanted{in.RuleNumber, in.Egress, in.RuleAction, in.Protocol, in.CidrBlock, in.Ipv6CidrBlock, in.PortRange, in.IcmpTypeCode}.entry()
	if err != nil {
		return nil, err
	}
	l, err := acls.find(c, tx, val(in.NetworkAclId))
	if err != nil {
		return nil, err
	}
	i, err := l.entry(e.Number, e.Egress)
	if err != nil {
		return nil, err
	}
	l.Entries[i] = e
	return nil, acls.put(tx, l)
}

func (s *Service) deleteEntry(c *door.Call, tx *store.Tx, in *api.DeleteNetworkAclEntryRequest) (*awsapi.None, error) {
	l, err := acls.find(c, tx, val(in.NetworkAclId))
	if err != nil {
		return nil, err
	}
	i, err := l.entry(val(in.RuleNumber), val(in.Egress))
	if err != nil {
		return nil, err
	}
	l.Entries = slices.Delete(l.Entries, i, i+1)
	return nil, acls.put(tx, l)
}

func (s *Service) replaceACLAssociation(c *door.Call, tx *store.Tx, in *api.ReplaceNetworkAclAssociationRequest) (*api.ReplaceNetworkAclAssociationResult, error) {
	n, err := subnetOf(c, tx, val(in.AssociationId))
	if err != nil {
		return nil, err
	}
	if n == nil {
		return nil, noAssociation(val(in.AssociationId))
	}
	l, err := acls.find(c, tx, val(in.NetworkAclId))
	if err != nil {
		return nil, err
	}
	if l.VPC != n.VPC {
		return nil, badValue("Network ACL %s and subnet %s belong to different networks", l.ID, n.ID)
	}
	n.ACL, n.ACLAssoc = l.ID, s.newID("aclassoc")
	return &api.ReplaceNetworkAclAssociationResult{NewAssociationId: ptr(n.ACLAssoc)}, subnets.put(tx, n)
}

func (s *Service) describeACLs(c *door.Call, r store.Reader, in *api.DescribeNetworkAclsRequest) (*api.DescribeNetworkAclsResult, error) {
	all, err := subnets.list(r, c.Account, c.Region)
	if err != nil {
		return nil, err
	}
	under := func(get func(*subnet) string) func(*acl) []string {
		return func(l *acl) (texts []string) {
			for _, n := range all {
				if n.ACL == l.ID {
					texts = append(texts, get(n))
				}
			}
			return texts
		}
	}
	entries := func(get func(aclEntry) string) func(*acl) []string {
		return func(l *acl) (texts []string) {
			for _, e := range l.Entries {
				texts = append(texts, get(e))
			}
			return texts
		}
	}
	page, next, err := acls.ask(c, r, query{in.NetworkAclIds, in.Filters, in.MaxResults, in.NextToken}, fields[*acl]{
		"network-acl-id":             one(func(l *acl) string { return l.ID }),
		"default":                    yes(func(l *acl) bool { return l.Default }),
		"association.association-id": under(func(n *subnet) string { return n.ACLAssoc }),
		"association.network-acl-id": under(func(n *subnet) string { return n.ACL }),
		"association.subnet-id":      under(func(n *subnet) string { return n.ID }),
		"entry.cidr":                 entries(func(e aclEntry) string { return e.CIDR }),
		"entry.ipv6-cidr":            entries(func(e aclEntry) string { return e.CIDR }),
		"entry.egress":               entries(func(e aclEntry) string { return strconv.FormatBool(e.Egress) }),
		"entry.protocol":             entries(func(e aclEntry) string { return e.Protocol }),
		"entry.rule-action":          entries(aclEntry.action),
		"entry.rule-number":          entries(func(e aclEntry) string { return strconv.FormatInt(e.Number, 10) }),
	})
	out := &api.DescribeNetworkAclsResult{NextToken: next, NetworkAcls: []*api.NetworkAcl{}}
	for _, l := range page {
		out.NetworkAcls = append(out.NetworkAcls, l.wire(all))
	}
	return out, err
}

func (e aclEntry) action() string {
	if e.Allow {
		return "allow"
	}
	return "deny"
}

func (l *acl) wire(under []*subnet) *api.NetworkAcl {
	out := &api.NetworkAcl{NetworkAclId: ptr(l.ID), VpcId: ptr(l.VPC), OwnerId: ptr(l.Account), IsDefault: ptr(l.Default), Tags: wireTags(l.Tags),
		Associations: []*api.NetworkAclAssociation{}}
	for _, n := range under {
		if n.ACL == l.ID {
			out.Associations = append(out.Associations, &api.NetworkAclAssociation{NetworkAclAssociationId: ptr(n.ACLAssoc), NetworkAclId: ptr(l.ID), SubnetId: ptr(n.ID)})
		}
	}
	for _, e := range l.ordered() {
		out.Entries = append(out.Entries, e.wire())
	}
	return out
}

// ordered are the entries with the last ones that every ACL has.
func (l *acl) ordered() []aclEntry {
	all := slices.Clone(l.Entries)
	for _, egress := range []bool{true, false} {
		all = append(all, aclEntry{Number: lastEntry, Egress: egress, Protocol: "-1", CIDR: "0.0.0.0/0", From: -1, To: -1})
	}
	slices.SortStableFunc(all, func(a, b aclEntry) int {
		if a.Egress != b.Egress {
			return map[bool]int{true: -1, false: 1}[a.Egress]
		}
		return cmp.Compare(a.Number, b.Number)
	})
	return all
}

func (e aclEntry) wire() *api.NetworkAclEntry {
	out := &api.NetworkAclEntry{RuleNumber: ptr(e.Number), Egress: ptr(e.Egress), Protocol: ptr(e.Protocol), RuleAction: ptr(e.action())}
	if p := netip.MustParsePrefix(e.CIDR); p.Addr().Is4() {
		out.CidrBlock = ptr(e.CIDR)
	} else {
		out.Ipv6CidrBlock = ptr(e.CIDR)
	}
	switch e.Protocol {
	case "6", "17":
		out.PortRange = &api.PortRange{From: ptr(e.From), To: ptr(e.To)}
	case "1", "58":
		out.IcmpTypeCode = &api.IcmpTypeCode{Type: ptr(e.From), Code: ptr(e.To)}
	}
	return out
}
