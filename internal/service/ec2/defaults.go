package ec2

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"cloister/internal/store"
)

// zones are the availability zones of every region.
var zones = []string{"a", "b", "c"}

// ensure makes the default network of an account and region in the transaction
// that first needs it.
func (s *Service) ensure(tx *store.Tx, account, region string) error {
	_, err := made.Get(tx, store.K(account, region))
	if !errors.Is(err, store.ErrNotFound) {
		return err
	}
	if err := made.Put(tx, store.K(account, region), &struct{ Yes bool }{true}); err != nil {
		return err
	}
	return s.defaultVPC(tx, account, region, func(prefix string) string { return fixedID(prefix, account, region) })
}

// defaultVPC makes a default VPC with what belongs to it: an internet gateway
// that the main route table leads to, and a subnet in each zone.
func (s *Service) defaultVPC(tx *store.Tx, account, region string, id func(prefix string) string) error {
	head := func(prefix string) Head {
		return Head{Account: account, Region: region, ID: id(prefix), VPC: id("vpc"), Created: s.now().UTC().Truncate(time.Millisecond)}
	}
	v := &vpc{Head: head("vpc"), Blocks: []block{{id("vpc-cidr-assoc"), "172.31.0.0/16"}}, Default: true, DNSSupport: true, DNSHostnames: true}
	table := &routeTable{Head: head("rtb"), Assocs: []association{{ID: id("rtbassoc")}},
		Routes: []route{{To: "172.31.0.0/16", Target: "local", Made: true}, {To: "0.0.0.0/0", Target: id("igw")}}}
	if err := s.furnish(tx, v, table, head("acl"), head("sg")); err != nil {
		return err
	}
	if err := gateways.put(tx, &gateway{head("igw")}); err != nil {
		return err
	}
	for i, zone := range zones {
		n := s.defaultSubnet(head("subnet"), region+zone, i, id("acl"))
		n.ID = strings.TrimSuffix(n.ID, n.ID[len(n.ID)-1:]) + fmt.Sprintf("%x", (hexDigit(n.ID)+i)%16)
		n.ACLAssoc = strings.Replace(n.ID, "subnet", "aclassoc", 1)
		if err := subnets.put(tx, n); err != nil {
			return err
		}
	}
	return nil
}

func hexDigit(id string) (n int) {
	_, _ = fmt.Sscanf(id[len(id)-1:], "%x", &n)
	return n
}

func (s *Service) defaultSubnet(h Head, zone string, i int, acl string) *subnet {
	return &subnet{Head: h, CIDR: fmt.Sprintf("172.31.%d.0/20", i*16), Zone: zone, Default: true, PublicIPs: true, ACL: acl}
}

// furnish puts a VPC with what every VPC has from the first: its main route
// table, a network ACL and a security group.
func (s *Service) furnish(tx *store.Tx, v *vpc, table *routeTable, aclHead, groupHead Head) error {
	if err := vpcs.insert(tx, v); err != nil {
		return err
	}
	if err := routeTables.insert(tx, table); err != nil {
		return err
	}
	if err := acls.insert(tx, &acl{Head: aclHead, Default: true, Entries: []aclEntry{
		{Number: 100, Egress: true, Allow: true, Protocol: "-1", CIDR: "0.0.0.0/0", From: -1, To: -1},
		{Number: 100, Allow: true, Protocol: "-1", CIDR: "0.0.0.0/0", From: -1, To: -1},
	}}); err != nil {
		return err
	}
	g := &group{Head: groupHead, Name: "default", Description: "default VPC security group"}
	g.Rules = []rule{s.openRule(groupHead.ID), {ID: s.ruleID(groupHead.ID, 2), Protocol: "-1", From: -1, To: -1, Group: groupHead.ID}}
	return groups.insert(tx, g)
}

// openRule is the rule that a new group has: everything may leave.
func (s *Service) openRule(group string) rule {
	return rule{ID: s.ruleID(group, 1), Egress: true, Protocol: "-1", From: -1, To: -1, CIDR: "0.0.0.0/0"}
}

// ruleID is the id of a rule that a group begins with, which nobody can guess
// less than the group's own.
func (s *Service) ruleID(group string, n int) string {
	return "sgr" + strings.TrimPrefix(group[:len(group)-1], "sg") + fmt.Sprintf("%x", (hexDigit(group)+n)%16)
}
