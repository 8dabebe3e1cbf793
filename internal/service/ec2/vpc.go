package ec2

import (
	"net/netip"
	"slices"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/ec2"
	"cloister/internal/door"
	"cloister/internal/store"
)

const (
	mostVPCs      = 100 // in an account and region
	mostBlocks    = 5   // of a VPC
	shortestBlock = 16
	longestBlock  = 28
)

func (s *Service) registerVPCs() {
	change(s, api.OpCreateVpc, tagged("CreateVpc", func(*api.CreateVpcRequest) []use { return making(vpcs.class, nil) },
		func(in *api.CreateVpcRequest) []*api.TagSpecification { return in.TagSpecifications }), s.createVPC)
	change(s, api.OpCreateDefaultVpc, on("CreateDefaultVpc", func(*api.CreateDefaultVpcRequest) []use { return nil }), s.createDefaultVPC)
	change(s, api.OpDeleteVpc, on("DeleteVpc", func(in *api.DeleteVpcRequest) []use { return its(vpcs.class, in.VpcId) }), s.deleteVPC)
	show(s, api.OpDescribeVpcs, nothing[api.DescribeVpcsRequest]("DescribeVpcs"), s.describeVPCs)
	show(s, api.OpDescribeVpcAttribute, on("DescribeVpcAttribute", func(in *api.DescribeVpcAttributeRequest) []use { return its(vpcs.class, in.VpcId) }), s.describeVPCAttribute)
	change(s, api.OpModifyVpcAttribute, on("ModifyVpcAttribute", func(in *api.ModifyVpcAttributeRequest) []use { return its(vpcs.class, in.VpcId) }), s.modifyVPCAttribute)
	change(s, api.OpAssociateVpcCidrBlock, on("AssociateVpcCidrBlock", func(in *api.AssociateVpcCidrBlockRequest) []use { return its(vpcs.class, in.VpcId) }), s.associateBlock)
	change(s, api.OpDisassociateVpcCidrBlock, on("DisassociateVpcCidrBlock", func(*api.DisassociateVpcCidrBlockRequest) []use {
		return []use{{class: vpcs.class, fresh: true}} // whose block it is only the handler finds
	}), s.disassociateBlock)
}

// parseBlock reads an IPv4 CIDR of a VPC or subnet and gives it as EC2 does.
func parseBlock(parameter string, text *string, wrong string) (netip.Prefix, error) {
	p, err := netip.ParsePrefix(val(text))
	if err != nil || !p.Addr().Is4() {
		return p, badValue("Value (%s) for parameter %s is invalid. This is not a valid CIDR block.", val(text), parameter)
	}
	if p.Bits() < shortestBlock || p.Bits() > longestBlock || wrong == "" {
		return p, awsapi.Errorf(wrong, "The CIDR '%s' is invalid.", val(text))
	}
	return p.Masked(), nil
}

func (s *Service) createVPC(c *door.Call, tx *store.Tx, in *api.CreateVpcRequest) (*api.CreateVpcResult, error) {
	if val(in.AmazonProvidedIpv6CidrBlock) || in.Ipv6CidrBlock != nil || in.Ipv6Pool != nil || in.Ipv6IpamPoolId != nil || in.Ipv4IpamPoolId != nil {
		return nil, notHere("VPCs of this node have IPv4 CIDR blocks of their own choice only; leave the IPv6 and IPAM parameters out.")
	}
	if t := val(in.InstanceTenancy); t != "" && t != "default" {
		return nil, notHere("This node has no instances: InstanceTenancy can only be default.")
	}
	if err := required("cidrBlock", in.CidrBlock); err != nil {
		return nil, err
	}
	p, err := parseBlock("cidrBlock", in.CidrBlock, "InvalidVpc.Range")
	if err != nil {
		return nil, err
	}
	tags, err := newTags(in.TagSpecifications, vpcs.class)
	if err != nil {
		return nil, err
	}
	all, err := vpcs.list(tx, c.Account, c.Region)
	if err != nil {
		return nil, err
	}
	if len(all) >= mostVPCs {
		return nil, awsapi.Errorf("VpcLimitExceeded", "The maximum number of VPCs has been reached.")
	}
	v := &vpc{Head: s.fresh(c, vpcs.class, "", tags), DNSSupport: true, Blocks: []block{{s.newID("vpc-cidr-assoc"), p.String()}}}
	v.VPC = v.ID
	table := &routeTable{Head: s.fresh(c, routeTables.class, v.ID, nil), Assocs: []association{{ID: s.newID("rtbassoc")}},
		Routes: []route{{To: p.String(), Target: "local", Made: true}}}
	err = s.furnish(tx, v, table, s.fresh(c, acls.class, v.ID, nil), s.fresh(c, groups.class, v.ID, nil))
	return &api.CreateVpcResult{Vpc: v.wire()}, err
}

func (s *Service) createDefaultVPC(c *door.Call, tx *store.Tx, _ *api.CreateDefaultVpcRequest) (*api.CreateDefaultVpcResult, error) {
	if old, err := defaultOf(tx, c.Account, c.Region); err != nil || old != nil {
		if err == nil {
			err = awsapi.Errorf("DefaultVpcAlreadyExists", "A Default VPC already exists for this account in this region.")
		}
		return nil, err
	}
	ids := map[string]string{}
	err := s.defaultVPC(tx, c.Account, c.Region, func(prefix string) string {
		if ids[prefix] == "" {
			ids[prefix] = s.newID(prefix)
		}
		return ids[prefix]
	})
	if err != nil {
		return nil, err
	}
	v, err := vpcs.find(c, tx, ids["vpc"])
	if err != nil {
		return nil, err
	}
	return &api.CreateDefaultVpcResult{Vpc: v.wire()}, nil
}

// defaultOf is the default VPC of an account and region, nil if there is none.
func defaultOf(r store.Reader, account, region string) (*vpc, error) {
	all, err := vpcs.list(r, account, region)
	for _, v := range all {
		if v.Default {
			return v, err
		}
	}
	return nil, err
}

func (s *Service) deleteVPC(c *door.Call, tx *store.Tx, in *api.DeleteVpcRequest) (*awsapi.None, error) {
	v, err := vpcs.find(c, tx, val(in.VpcId))
	if err != nil {
		return nil, err
	}
	for _, k := range []*class{subnets.class, gateways.class, egressOnly.class, nats.class, endpoints.class, ifaces.class} {
		heads, err := k.all(tx, c.Account, c.Region)
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(heads, func(h *Head) bool { return h.VPC == v.ID }) {
			return nil, dependency("vpc", v.ID)
		}
	}
	if err := s.unfurnish(c, tx, v); err != nil {
		return nil, err
	}
	return nil, vpcs.remove(tx, v)
}

// unfurnish removes what came with a VPC; anything else of its kind keeps the
// VPC from being deleted.
func (s *Service) unfurnish(c *door.Call, tx *store.Tx, v *vpc) error {
	tables, err := routeTables.within(tx, c.Account, c.Region, v.ID)
	if err != nil {
		return err
	}
	lists, err := acls.within(tx, c.Account, c.Region, v.ID)
	if err != nil {
		return err
	}
	own, err := groups.within(tx, c.Account, c.Region, v.ID)
	if err != nil {
		return err
	}
	if len(tables) > 1 || len(lists) > 1 || len(own) > 1 {
		return dependency("vpc", v.ID)
	}
	for _, t := range tables {
		err = routeTables.remove(tx, t)
	}
	for _, l := range lists {
		err = firstOf(err, acls.remove(tx, l))
	}
	for _, g := range own {
		err = firstOf(err, groups.remove(tx, g))
	}
	return err
}

func firstOf(a, b error) error {
	if a != nil {
		return a
	}
	return b
}

func (s *Service) describeVPCs(c *door.Call, r store.Reader, in *api.DescribeVpcsRequest) (*api.DescribeVpcsResult, error) {
	page, next, err := vpcs.ask(c, r, query{in.VpcIds, in.Filters, in.MaxResults, in.NextToken}, fields[*vpc]{
		"cidr":                              one(func(v *vpc) string { return v.Blocks[0].CIDR }),
		"cidr-block-association.cidr-block": (*vpc).cidrs,
		"cidr-block-association.state":      one(func(*vpc) string { return "associated" }),
		"cidr-block-association.association-id": func(v *vpc) (ids []string) {
			for _, b := range v.Blocks {
				ids = append(ids, b.ID)
			}
			return ids
		},
		"dhcp-options-id":  one(func(*vpc) string { return "default" }),
		"is-default":       yes(func(v *vpc) bool { return v.Default }),
		"isDefault":        yes(func(v *vpc) bool { return v.Default }),
		"instance-tenancy": one(func(*vpc) string { return "default" }),
		"state":            one(func(*vpc) string { return "available" }),
	})
	out := &api.DescribeVpcsResult{NextToken: next, Vpcs: []*api.Vpc{}}
	for _, v := range page {
		out.Vpcs = append(out.Vpcs, v.wire())
	}
	return out, err
}

func (v *vpc) cidrs() (all []string) {
	for _, b := range v.Blocks {
		all = append(all, b.CIDR)
	}
	return all
}

func (v *vpc) wire() *api.Vpc {
	out := &api.Vpc{VpcId: ptr(v.ID), CidrBlock: ptr(v.Blocks[0].CIDR), DhcpOptionsId: ptr("default"), State: ptr("available"), OwnerId: ptr(v.Account),
		InstanceTenancy: ptr("default"), IsDefault: ptr(v.Default), Tags: wireTags(v.Tags)}
	for _, b := range v.Blocks {
		out.CidrBlockAssociationSet = append(out.CidrBlockAssociationSet, b.wire())
	}
	return out
}

func (b block) wire() *api.VpcCidrBlockAssociation {
	return &api.VpcCidrBlockAssociation{AssociationId: ptr(b.ID), CidrBlock: ptr(b.CIDR), CidrBlockState: &api.VpcCidrBlockState{State: ptr("associated")}}
}

func (s *Service) describeVPCAttribute(c *door.Call, r store.Reader, in *api.DescribeVpcAttributeRequest) (*api.DescribeVpcAttributeResult, error) {
	v, err := vpcs.find(c, r, val(in.VpcId))
	if err != nil {
		return nil, err
	}
	out := &api.DescribeVpcAttributeResult{VpcId: in.VpcId}
	switch val(in.Attribute) {
	case "enableDnsSupport":
		out.EnableDnsSupport = &api.AttributeBooleanValue{Value: ptr(v.DNSSupport)}
	case "enableDnsHostnames":
		out.EnableDnsHostnames = &api.AttributeBooleanValue{Value: ptr(v.DNSHostnames)}
	default:
		out.EnableNetworkAddressUsageMetrics = &api.AttributeBooleanValue{Value: ptr(false)}
	}
	return out, nil
}

func (s *Service) modifyVPCAttribute(c *door.Call, tx *store.Tx, in *api.ModifyVpcAttributeRequest) (*awsapi.None, error) {
	v, err := vpcs.find(c, tx, val(in.VpcId))
	if err != nil {
		return nil, err
	}
	switch {
	case in.EnableDnsSupport != nil:
		v.DNSSupport = val(in.EnableDnsSupport.Value)
	case in.EnableDnsHostnames != nil:
		v.DNSHostnames = val(in.EnableDnsHostnames.Value)
	case in.EnableNetworkAddressUsageMetrics != nil:
		if val(in.EnableNetworkAddressUsageMetrics.Value) {
			return nil, notHere("This node has no network address usage metrics.")
		}
	default:
		return nil, missing("attribute")
	}
	return nil, vpcs.put(tx, v)
}

func (s *Service) associateBlock(c *door.Call, tx *store.Tx, in *api.AssociateVpcCidrBlockRequest) (*api.AssociateVpcCidrBlockResult, error) {
	v, err := vpcs.find(c, tx, val(in.VpcId))
	if err != nil {
		return nil, err
	}
	if in.CidrBlock == nil {
		return nil, notHere("VPCs of this node have IPv4 CIDR blocks only; give CidrBlock.")
	}
	p, err := parseBlock("cidrBlock", in.CidrBlock, "InvalidVpc.Range")
	if err != nil {
		return nil, err
	}
	if len(v.Blocks) >= mostBlocks {
		return nil, awsapi.Errorf("CidrLimitExceeded", "This network '%s' has met its maximum number of allowed CIDRs: %d", v.ID, mostBlocks)
	}
	for _, b := range v.Blocks {
		if netip.MustParsePrefix(b.CIDR).Overlaps(p) {
			return nil, awsapi.Errorf("CidrConflict", "The CIDR '%s' conflicts with another of the VPC", p)
		}
	}
	b := block{s.newID("vpc-cidr-assoc"), p.String()}
	v.Blocks = append(v.Blocks, b)
	if err := s.localRoutes(c, tx, v.ID, func(t *routeTable) { t.Routes = append(t.Routes, route{To: b.CIDR, Target: "local", Made: true}) }); err != nil {
		return nil, err
	}
	return &api.AssociateVpcCidrBlockResult{VpcId: in.VpcId, CidrBlockAssociation: b.wire()}, vpcs.put(tx, v)
}

func (s *Service) localRoutes(c *door.Call, tx *store.Tx, vpc string, fn func(*routeTable)) error {
	tables, err := routeTables.within(tx, c.Account, c.Region, vpc)
	for _, t := range tables {
		fn(t)
		err = firstOf(err, routeTables.put(tx, t))
	}
	return err
}

func (s *Service) disassociateBlock(c *door.Call, tx *store.Tx, in *api.DisassociateVpcCidrBlockRequest) (*api.DisassociateVpcCidrBlockResult, error) {
	all, err := vpcs.list(tx, c.Account, c.Region)
	if err != nil {
		return nil, err
	}
	for _, v := range all {
		i := slices.IndexFunc(v.Blocks, func(b block) bool { return b.ID == val(in.AssociationId) })
		if i < 0 {
			continue
		}
		b := v.Blocks[i]
		if i == 0 {
			return nil, awsapi.Errorf("OperationNotPermitted", "The vpc CIDR block with association ID %s may not be disassociated. It is the primary IPv4 CIDR block of the VPC", b.ID)
		}
		within, err := subnets.within(tx, c.Account, c.Region, v.ID)
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(within, func(n *subnet) bool {
			return netip.MustParsePrefix(b.CIDR).Overlaps(netip.MustParsePrefix(n.CIDR))
		}) {
			return nil, awsapi.Errorf("DependencyViolation", "The vpc CIDR block with association ID %s has dependencies and cannot be disassociated", b.ID)
		}
		v.Blocks = slices.Delete(v.Blocks, i, i+1)
		err = s.localRoutes(c, tx, v.ID, func(t *routeTable) {
			t.Routes = slices.DeleteFunc(t.Routes, func(r route) bool { return r.Target == "local" && r.To == b.CIDR })
		})
		gone := b.wire()
		gone.CidrBlockState.State = ptr("disassociating")
		return &api.DisassociateVpcCidrBlockResult{VpcId: ptr(v.ID), CidrBlockAssociation: gone}, firstOf(err, vpcs.put(tx, v))
	}
	return nil, awsapi.Errorf("InvalidVpcCidrBlockAssociationID.NotFound", "The vpc CIDR block with association ID '%s' does not exist", val(in.AssociationId))
}
