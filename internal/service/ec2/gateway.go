package ec2

import (
	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/ec2"
	"cloister/internal/door"
	"cloister/internal/store"
)

func (s *Service) registerGateways() {
	change(s, api.OpCreateInternetGateway, tagged("CreateInternetGateway", func(*api.CreateInternetGatewayRequest) []use { return making(gateways.class, nil) },
		func(in *api.CreateInternetGatewayRequest) []*api.TagSpecification { return in.TagSpecifications }), s.createGateway)
	change(s, api.OpDeleteInternetGateway, on("DeleteInternetGateway", func(in *api.DeleteInternetGatewayRequest) []use { return its(gateways.class, in.InternetGatewayId) }), s.deleteGateway)
	change(s, api.OpAttachInternetGateway, on("AttachInternetGateway", func(in *api.AttachInternetGatewayRequest) []use {
		return append(its(gateways.class, in.InternetGatewayId), its(vpcs.class, in.VpcId)...)
	}), s.attachGateway)
	change(s, api.OpDetachInternetGateway, on("DetachInternetGateway", func(in *api.DetachInternetGatewayRequest) []use {
		return append(its(gateways.class, in.InternetGatewayId), its(vpcs.class, in.VpcId)...)
	}), s.detachGateway)
	show(s, api.OpDescribeInternetGateways, nothing[api.DescribeInternetGatewaysRequest]("DescribeInternetGateways"), s.describeGateways)
	change(s, api.OpCreateEgressOnlyInternetGateway, tagged("CreateEgressOnlyInternetGateway", func(in *api.CreateEgressOnlyInternetGatewayRequest) []use {
		return append(making(egressOnly.class, in.VpcId), its(vpcs.class, in.VpcId)...)
	}, func(in *api.CreateEgressOnlyInternetGatewayRequest) []*api.TagSpecification {
		return in.TagSpecifications
	}), s.createEgressOnly)
	change(s, api.OpDeleteEgressOnlyInternetGateway, on("DeleteEgressOnlyInternetGateway", func(in *api.DeleteEgressOnlyInternetGatewayRequest) []use {
		return its(egressOnly.class, in.EgressOnlyInternetGatewayId)
	}), s.deleteEgressOnly)
	show(s, api.OpDescribeEgressOnlyInternetGateways, nothing[api.DescribeEgressOnlyInternetGatewaysRequest]("DescribeEgressOnlyInternetGateways"), s.describeEgressOnly)
}

func (s *Service) createGateway(c *door.Call, tx *store.Tx, in *api.CreateInternetGatewayRequest) (*api.CreateInternetGatewayResult, error) {
	tags, err := newTags(in.TagSpecifications, gateways.class)
	if err != nil {
		return nil, err
	}
	all, err := gateways.list(tx, c.Account, c.Region)
	if err != nil {
		return nil, err
	}
	if len(all) >= mostVPCs {
		return nil, awsapi.Errorf("InternetGatewayLimitExceeded", "The maximum number of internet gateways has been reached.")
	}
	g := &gateway{s.fresh(c, gateways.class, "", tags)}
	return &api.CreateInternetGatewayResult{InternetGateway: g.wire()}, gateways.insert(tx, g)
}

func (s *Service) deleteGateway(c *door.Call, tx *store.Tx, in *api.DeleteInternetGatewayRequest) (*awsapi.None, error) {
	g, err := gateways.find(c, tx, val(in.InternetGatewayId))
	if err != nil {
		return nil, err
	}
	if g.VPC != "" {
		return nil, dependency("internetGateway", g.ID)
	}
	return nil, gateways.remove(tx, g)
}

func (s *Service) attachGateway(c *door.Call, tx *store.Tx, in *api.AttachInternetGatewayRequest) (*awsapi.None, error) {
	g, err := gateways.find(c, tx, val(in.InternetGatewayId))
	if err != nil {
		return nil, err
	}
	v, err := vpcs.find(c, tx, val(in.VpcId))
	if err != nil {
		return nil, err
	}
	if g.VPC != "" {
		return nil, awsapi.Errorf("Resource.AlreadyAssociated", "resource %s is already attached to network %s", g.ID, g.VPC)
	}
	others, err := gateways.within(tx, c.Account, c.Region, v.ID)
	if err != nil {
		return nil, err
	}
	if len(others) > 0 {
		return nil, badValue("Network %s already has an internet gateway attached", v.ID)
	}
	g.VPC = v.ID
	return nil, gateways.put(tx, g)
}

func (s *Service) detachGateway(c *door.Call, tx *store.Tx, in *api.DetachInternetGatewayRequest) (*awsapi.None, error) {
	g, err := gateways.find(c, tx, val(in.InternetGatewayId))
	if err != nil {
		return nil, err
	}
	if g.VPC == "" || g.VPC != val(in.VpcId) {
		return nil, awsapi.Errorf("Gateway.NotAttached", "resource %s is not attached to network %s", g.ID, val(in.VpcId))
	}
	g.VPC = ""
	return nil, gateways.put(tx, g)
}

func (s *Service) describeGateways(c *door.Call, r store.Reader, in *api.DescribeInternetGatewaysRequest) (*api.DescribeInternetGatewaysResult, error) {
	page, next, err := gateways.ask(c, r, query{in.InternetGatewayIds, in.Filters, in.MaxResults, in.NextToken}, fields[*gateway]{
		"internet-gateway-id": one(func(g *gateway) string { return g.ID }),
		"attachment.vpc-id":   one(func(g *gateway) string { return g.VPC }),
		"attachment.state":    func(g *gateway) []string { return []string{"available"}[:min(1, len(g.VPC))] },
	})
	out := &api.DescribeInternetGatewaysResult{NextToken: next, InternetGateways: []*api.InternetGateway{}}
	for _, g := range page {
		out.InternetGateways = append(out.InternetGateways, g.wire())
	}
	return out, err
}

func (g *gateway) wire() *api.InternetGateway {
	return &api.InternetGateway{InternetGatewayId: ptr(g.ID), OwnerId: ptr(g.Account), Attachments: g.attachments("available"), Tags: wireTags(g.Tags)}
}

func (g *gateway) attachments(state string) []*api.InternetGatewayAttachment {
	if g.VPC == "" {
		return []*api.InternetGatewayAttachment{}
	}
	return []*api.InternetGatewayAttachment{{VpcId: ptr(g.VPC), State: ptr(state)}}
}

func (s *Service) createEgressOnly(c *door.Call, tx *store.Tx, in *api.CreateEgressOnlyInternetGatewayRequest) (*api.CreateEgressOnlyInternetGatewayResult, error) {
	v, err := vpcs.find(c, tx, val(in.VpcId))
	if err != nil {
		return nil, err
	}
	tags, err := newTags(in.TagSpecifications, egressOnly.class)
	if err != nil {
		return nil, err
	}
	g := &gateway{s.fresh(c, egressOnly.class, v.ID, tags)}
	return &api.CreateEgressOnlyInternetGatewayResult{ClientToken: in.ClientToken, EgressOnlyInternetGateway: g.wireEgressOnly()}, egressOnly.insert(tx, g)
}

func (g *gateway) wireEgressOnly() *api.EgressOnlyInternetGateway {
	return &api.EgressOnlyInternetGateway{EgressOnlyInternetGatewayId: ptr(g.ID), Attachments: g.attachments("attached"), Tags: wireTags(g.Tags)}
}

func (s *Service) deleteEgressOnly(c *door.Call, tx *store.Tx, in *api.DeleteEgressOnlyInternetGatewayRequest) (*api.DeleteEgressOnlyInternetGatewayResult, error) {
	g, err := egressOnly.find(c, tx, val(in.EgressOnlyInternetGatewayId))
	if err != nil {
		return nil, err
	}
	return &api.DeleteEgressOnlyInternetGatewayResult{ReturnCode: ptr(true)}, egressOnly.remove(tx, g)
}

func (s *Service) describeEgressOnly(c *door.Call, r store.Reader, in *api.DescribeEgressOnlyInternetGatewaysRequest) (*api.DescribeEgressOnlyInternetGatewaysResult, error) {
	page, next, err := egressOnly.ask(c, r, query{in.EgressOnlyInternetGatewayIds, in.Filters, in.MaxResults, in.NextToken}, fields[*gateway]{})
	out := &api.DescribeEgressOnlyInternetGatewaysResult{NextToken: next, EgressOnlyInternetGateways: []*api.EgressOnlyInternetGateway{}}
	for _, g := range page {
		out.EgressOnlyInternetGateways = append(out.EgressOnlyInternetGateways, g.wireEgressOnly())
	}
	return out, err
}
