package ec2

import (
	"net/netip"
	"slices"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/ec2"
	"cloister/internal/door"
	"cloister/internal/store"
)

// reserved are the addresses of a subnet that nothing gets: the first four and
// the last.
const reserved = 5

const mostSubnets = 200 // in a VPC

func (s *Service) registerSubnets() {
	change(s, api.OpCreateSubnet, tagged("CreateSubnet", func(in *api.CreateSubnetRequest) []use {
		return append(making(subnets.class, in.VpcId), its(vpcs.class, in.VpcId)...)
	}, func(in *api.CreateSubnetRequest) []*api.TagSpecification { return in.TagSpecifications }), s.createSubnet)
	change(s, api.OpCreateDefaultSubnet, on("CreateDefaultSubnet", func(*api.CreateDefaultSubnetRequest) []use { return nil }), s.createDefaultSubnet)
	change(s, api.OpDeleteSubnet, on("DeleteSubnet", func(in *api.DeleteSubnetRequest) []use { return its(subnets.class, in.SubnetId) }), s.deleteSubnet)
	change(s, api.OpModifySubnetAttribute, on("ModifySubnetAttribute", func(in *api.ModifySubnetAttributeRequest) []use { return its(subnets.class, in.SubnetId) }), s.modifySubnet)
	show(s, api.OpDescribeSubnets, nothing[api.DescribeSubnetsRequest]("DescribeSubnets"), s.describeSubnets)
}

func (s *Service) createSubnet(c *door.Call, tx *store.Tx, in *api.CreateSubnetRequest) (*api.CreateSubnetResult, error) {
	if in.Ipv6CidrBlock != nil || val(in.Ipv6Native) || in.OutpostArn != nil || in.Ipv4IpamPoolId != nil || in.Ipv6IpamPoolId != nil {
		return nil, notHere("Subnets of this node have an IPv4 CIDR block of their own choice only; leave the IPv6, IPAM and Outpost parameters out.")
	}
	if err := required("cidrBlock", in.CidrBlock); err != nil {
		return nil, err
	}
	v, err := vpcs.find(c, tx, val(in.VpcId))
	if err != nil {
		return nil, err
	}
	zone, err := pickZone(c.Region, in.AvailabilityZone, in.AvailabilityZoneId)
	if err != nil {
		return nil, err
	}
	p, err := parseBlock("cidrBlock", in.CidrBlock, "InvalidSubnet.Range")
	if err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(v.Blocks, func(b block) bool { return inside(netip.MustParsePrefix(b.CIDR), p) }) {
		return nil, awsapi.Errorf("InvalidSubnet.Range", "The CIDR '%s' is invalid.", val(in.CidrBlock))
	}
	tags, err := newTags(in.TagSpecifications, subnets.class)
	if err != nil {
		return nil, err
	}
	n := &subnet{Head: s.fresh(c, subnets.class, v.ID, tags), CIDR: p.String(), Zone: zone}
	return s.addSubnet(c, tx, n)
}

// addSubnet puts a subnet in its VPC, under the default network ACL.
func (s *Service) addSubnet(c *door.Call, tx *store.Tx, n *subnet) (*api.CreateSubnetResult, error) {
	others, err := subnets.within(tx, c.Account, c.Region, n.VPC)
	if err != nil {
		return nil, err
	}
	for _, o := range others {
		if netip.MustParsePrefix(o.CIDR).Overlaps(netip.MustParsePrefix(n.CIDR)) {
			return nil, awsapi.Errorf("InvalidSubnet.Conflict", "The CIDR '%s' conflicts with another subnet", n.CIDR)
		}
	}
	if len(others) >= mostSubnets {
		return nil, awsapi.Errorf("SubnetLimitExceeded", "The maximum number of subnets has been reached.")
	}
	lists, err := acls.within(tx, c.Account, c.Region, n.VPC)
	if err != nil {
		return nil, err
	}
	for _, l := range lists {
		if l.Default {
			n.ACL, n.ACLAssoc = l.ID, s.newID("aclassoc")
		}
	}
	out, err := n.wire(tx)
	return &api.CreateSubnetResult{Subnet: out}, firstOf(err, subnets.insert(tx, n))
}

func (s *Service) createDefaultSubnet(c *door.Call, tx *store.Tx, in *api.CreateDefaultSubnetRequest) (*api.CreateDefaultSubnetResult, error) {
	if err := required("AvailabilityZone", in.AvailabilityZone); err != nil {
		return nil, err
	}
	zone, err := pickZone(c.Region, in.AvailabilityZone, nil)
	if err != nil {
		return nil, err
	}
	v, err := defaultOf(tx, c.Account, c.Region)
	if err != nil {
		return nil, err
	}
	if v == nil {
		return nil, awsapi.Errorf("DefaultVpcDoesNotExist", "No default VPC exists for this account in this region.")
	}
	others, err := subnets.within(tx, c.Account, c.Region, v.ID)
	if err != nil {
		return nil, err
	}
	if slices.ContainsFunc(others, func(n *subnet) bool { return n.Default && n.Zone == zone }) {
		return nil, awsapi.Errorf("DefaultSubnetAlreadyExistsInAvailabilityZone", "A default subnet already exists in %s.", zone)
	}
	i := slices.Index(zones, zone[len(c.Region):])
	out, err := s.addSubnet(c, tx, s.defaultSubnet(s.fresh(c, subnets.class, v.ID, nil), zone, i, ""))
	if err != nil {
		return nil, err
	}
	return &api.CreateDefaultSubnetResult{Subnet: out.Subnet}, nil
}

func inside(outer, inner netip.Prefix) bool {
	return outer.Bits() <= inner.Bits() && outer.Contains(inner.Addr())
}

func (s *Service) deleteSubnet(c *door.Call, tx *store.Tx, in *api.DeleteSubnetRequest) (*awsapi.None, error) {
	n, err := subnets.find(c, tx, val(in.SubnetId))
	if err != nil {
		return nil, err
	}
	used, err := taken(tx, n)
	if err != nil {
		return nil, err
	}
	if len(used) > 0 {
		return nil, dependency("subnet", n.ID)
	}
	tables, err := routeTables.within(tx, c.Account, c.Region, n.VPC)
	if err != nil {
		return nil, err
	}
	for _, t := range tables {
		before := len(t.Assocs)
		t.Assocs = slices.DeleteFunc(t.Assocs, func(a association) bool { return a.Subnet == n.ID })
		if len(t.Assocs) != before {
			err = firstOf(err, routeTables.put(tx, t))
		}
	}
	return nil, firstOf(err, subnets.remove(tx, n))
}

// taken are the addresses of a subnet that something has.
func taken(r store.Reader, n *subnet) (map[string]bool, error) {
	used := map[string]bool{}
	all, err := ifaces.within(r, n.Account, n.Region, n.VPC)
	for _, e := range all {
		if e.Subnet == n.ID {
			used[e.IP] = true
		}
	}
	return used, err
}

func (s *Service) modifySubnet(c *door.Call, tx *store.Tx, in *api.ModifySubnetAttributeRequest) (*awsapi.None, error) {
	n, err := subnets.find(c, tx, val(in.SubnetId))
	if err != nil {
		return nil, err
	}
	if in.MapPublicIpOnLaunch == nil {
		return nil, notHere("MapPublicIpOnLaunch is the attribute of a subnet that can be changed on this node.")
	}
	n.PublicIPs = val(in.MapPublicIpOnLaunch.Value)
	return nil, subnets.put(tx, n)
}

func (s *Service) describeSubnets(c *door.Call, r store.Reader, in *api.DescribeSubnetsRequest) (*api.DescribeSubnetsResult, error) {
	zone, cidr := one(func(n *subnet) string { return n.Zone }), one(func(n *subnet) string { return n.CIDR })
	byDefault := yes(func(n *subnet) bool { return n.Default })
	page, next, err := subnets.ask(c, r, query{in.SubnetIds, in.Filters, in.MaxResults, in.NextToken}, fields[*subnet]{
		"availability-zone": zone, "availabilityZone": zone,
		"availability-zone-id": one(func(n *subnet) string { return zoneID(n.Zone) }),
		"cidr-block":           cidr, "cidr": cidr, "cidrBlock": cidr,
		"default-for-az": byDefault, "defaultForAz": byDefault,
		"map-public-ip-on-launch": yes(func(n *subnet) bool { return n.PublicIPs }),
		"state":                   one(func(*subnet) string { return "available" }),
		"subnet-arn":              one(func(n *subnet) string { return n.arn(subnets.class) }),
		"subnet-id":               one(func(n *subnet) string { return n.ID }),
	})
	if err != nil {
		return nil, err
	}
	out := &api.DescribeSubnetsResult{NextToken: next, Subnets: []*api.Subnet{}}
	for _, n := range page {
		w, err := n.wire(r)
		if err != nil {
			return nil, err
		}
		out.Subnets = append(out.Subnets, w)
	}
	return out, nil
}

func (n *subnet) wire(r store.Reader) (*api.Subnet, error) {
	used, err := taken(r, n)
	if err != nil {
		return nil, err
	}
	free := int64(1)<<(32-netip.MustParsePrefix(n.CIDR).Bits()) - reserved - int64(len(used))
	return &api.Subnet{SubnetId: ptr(n.ID), VpcId: ptr(n.VPC), OwnerId: ptr(n.Account), SubnetArn: ptr(n.arn(subnets.class)), State: ptr("available"),
		AvailabilityZone: ptr(n.Zone), AvailabilityZoneId: ptr(zoneID(n.Zone)), AvailableIpAddressCount: ptr(free), CidrBlock: ptr(n.CIDR),
		DefaultForAz: ptr(n.Default), MapPublicIpOnLaunch: ptr(n.PublicIPs), AssignIpv6AddressOnCreation: ptr(false), EnableDns64: ptr(false),
		Ipv6Native: ptr(false), MapCustomerOwnedIpOnLaunch: ptr(false), Tags: wireTags(n.Tags),
		PrivateDnsNameOptionsOnLaunch: &api.PrivateDnsNameOptionsOnLaunch{HostnameType: ptr("ip-name"), EnableResourceNameDnsARecord: ptr(false), EnableResourceNameDnsAAAARecord: ptr(false)},
	}, nil
}
