package ec2

import (
	"net/netip"
	"slices"
	"strings"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/ec2"
	"cloister/internal/door"
	"cloister/internal/store"
)

const mostRoutes = 500 // of a table; AWS's quota can be raised to 1,000

func (s *Service) registerRoutes() {
	change(s, api.OpCreateRouteTable, tagged("CreateRouteTable", func(in *api.CreateRouteTableRequest) []use {
		return append(making(routeTables.class, in.VpcId), its(vpcs.class, in.VpcId)...)
	}, func(in *api.CreateRouteTableRequest) []*api.TagSpecification { return in.TagSpecifications }), s.createTable)
	change(s, api.OpDeleteRouteTable, on("DeleteRouteTable", func(in *api.DeleteRouteTableRequest) []use { return its(routeTables.class, in.RouteTableId) }), s.deleteTable)
	show(s, api.OpDescribeRouteTables, nothing[api.DescribeRouteTablesRequest]("DescribeRouteTables"), s.describeTables)
	change(s, api.OpAssociateRouteTable, on("AssociateRouteTable", func(in *api.AssociateRouteTableRequest) []use {
		return append(its(routeTables.class, in.RouteTableId), its(subnets.class, in.SubnetId)...)
	}), s.associateTable)
	change(s, api.OpDisassociateRouteTable, door.Permission(func(c *door.Call, r store.Reader, in *api.DisassociateRouteTableRequest) ([]door.Need, error) {
		return associationNeeds(c, r, "DisassociateRouteTable", in.AssociationId, nil)
	}), s.disassociateTable)
	change(s, api.OpReplaceRouteTableAssociation, door.Permission(func(c *door.Call, r store.Reader, in *api.ReplaceRouteTableAssociationRequest) ([]door.Need, error) {
		return associationNeeds(c, r, "ReplaceRouteTableAssociation", in.AssociationId, in.RouteTableId)
	}), s.replaceAssociation)
	change(s, api.OpCreateRoute, on("CreateRoute", func(in *api.CreateRouteRequest) []use { return its(routeTables.class, in.RouteTableId) }), s.createRoute)
	change(s, api.OpReplaceRoute, on("ReplaceRoute", func(in *api.ReplaceRouteRequest) []use { return its(routeTables.class, in.RouteTableId) }), s.replaceRoute)
	change(s, api.OpDeleteRoute, on("DeleteRoute", func(in *api.DeleteRouteRequest) []use { return its(routeTables.class, in.RouteTableId) }), s.deleteRoute)
}

// associationNeeds are action on the table that has an association, its subnet,
// and another table.
func associationNeeds(c *door.Call, r store.Reader, action string, id, to *string) ([]door.Need, error) {
	t, i, err := associated(c, r, val(id))
	if err != nil {
		return nil, err
	}
	uses := its(routeTables.class, to)
	if t == nil {
		uses = append(uses, making(routeTables.class, nil)...)
	} else {
		uses = append(uses, its(routeTables.class, &t.ID)...)
		uses = append(uses, its(subnets.class, &t.Assocs[i].Subnet)...)
	}
	return needsOf(c, r, action, uses, nil)
}

// associated is the table that has an association, nil if none has.
func associated(c *door.Call, r store.Reader, id string) (*routeTable, int, error) {
	all, err := routeTables.list(r, c.Account, c.Region)
	for _, t := range all {
		if i := slices.IndexFunc(t.Assocs, func(a association) bool { return a.ID == id }); i >= 0 {
			return t, i, err
		}
	}
	return nil, 0, err
}

func noAssociation(id string) error {
	return awsapi.Errorf("InvalidAssociationID.NotFound", "The association ID '%s' does not exist", id)
}

func (s *Service) createTable(c *door.Call, tx *store.Tx, in *api.CreateRouteTableRequest) (*api.CreateRouteTableResult, error) {
	v, err := vpcs.find(c, tx, val(in.VpcId))
	if err != nil {
		return nil, err
	}
	tags, err := newTags(in.TagSpecifications, routeTables.class)
	if err != nil {
		return nil, err
	}
	within, err := routeTables.within(tx, c.Account, c.Region, v.ID)
	if err != nil {
		return nil, err
	}
	if len(within) >= mostSubnets {
		return nil, awsapi.Errorf("RouteTableLimitExceeded", "The maximum number of route tables has been reached.")
	}
	t := &routeTable{Head: s.fresh(c, routeTables.class, v.ID, tags)}
	for _, b := range v.Blocks {
		t.Routes = append(t.Routes, route{To: b.CIDR, Target: "local", Made: true})
	}
	out, err := t.wire(tx)
	return &api.CreateRouteTableResult{RouteTable: out, ClientToken: in.ClientToken}, firstOf(err, routeTables.insert(tx, t))
}

func (s *Service) deleteTable(c *door.Call, tx *store.Tx, in *api.DeleteRouteTableRequest) (*awsapi.None, error) {
	t, err := routeTables.find(c, tx, val(in.RouteTableId))
	if err != nil {
		return nil, err
	}
	used, err := endpoints.within(tx, c.Account, c.Region, t.VPC)
	if err != nil {
		return nil, err
	}
	if len(t.Assocs) > 0 || slices.ContainsFunc(used, func(e *endpoint) bool { return slices.Contains(e.RouteTables, t.ID) }) {
		return nil, dependency("routeTable", t.ID)
	}
	return nil, routeTables.remove(tx, t)
}

func (t *routeTable) main() bool {
	return slices.ContainsFunc(t.Assocs, func(a association) bool { return a.Subnet == "" })
}

func (s *Service) associateTable(c *door.Call, tx *store.Tx, in *api.AssociateRouteTableRequest) (*api.AssociateRouteTableResult, error) {
	if in.GatewayId != nil {
		return nil, notHere("Route tables of this node are associated with subnets, not with gateways.")
	}
	t, err := routeTables.find(c, tx, val(in.RouteTableId))
	if err != nil {
		return nil, err
	}
	if err := required("subnetId", in.SubnetId); err != nil {
		return nil, err
	}
	n, err := subnets.find(c, tx, *in.SubnetId)
	if err != nil {
		return nil, err
	}
	if n.VPC != t.VPC {
		return nil, badValue("Route table %s and network gateway or subnet %s belong to different networks", t.ID, n.ID)
	}
	within, err := routeTables.within(tx, c.Account, c.Region, t.VPC)
	if err != nil {
		return nil, err
	}
	for _, o := range within {
		if i := slices.IndexFunc(o.Assocs, func(a association) bool { return a.Subnet == n.ID }); i >= 0 {
			if o.ID == t.ID {
				return &api.AssociateRouteTableResult{AssociationId: ptr(o.Assocs[i].ID), AssociationState: isAssociated()}, nil
			}
			return nil, awsapi.Errorf("Resource.AlreadyAssociated", "the specified association for route table %s conflicts with an existing association", t.ID)
		}
	}
	a := association{s.newID("rtbassoc"), n.ID}
	t.Assocs = append(t.Assocs, a)
	return &api.AssociateRouteTableResult{AssociationId: ptr(a.ID), AssociationState: isAssociated()}, routeTables.put(tx, t)
}

func isAssociated() *api.RouteTableAssociationState {
	return &api.RouteTableAssociationState{State: ptr("associated")}
}

func (s *Service) disassociateTable(c *door.Call, tx *store.Tx, in *api.DisassociateRouteTableRequest) (*awsapi.None, error) {
	t, i, err := associated(c, tx, val(in.AssociationId))
	if err != nil {
		return nil, err
	}
	if t == nil {
		return nil, noAssociation(val(in.AssociationId))
	}
	if t.Assocs[i].Subnet == "" {
		return nil, badValue("cannot disassociate the main route table association %s", t.Assocs[i].ID)
	}
	t.Assocs = slices.Delete(t.Assocs, i, i+1)
	return nil, routeTables.put(tx, t)
}

func (s *Service) replaceAssociation(c *door.Call, tx *store.Tx, in *api.ReplaceRouteTableAssociationRequest) (*api.ReplaceRouteTableAssociationResult, error) {
	t, i, err := associated(c, tx, val(in.AssociationId))
	if err != nil {
		return nil, err
	}
	if t == nil {
		return nil, noAssociation(val(in.AssociationId))
	}
	to, err := routeTables.find(c, tx, val(in.RouteTableId))
	if err != nil {
		return nil, err
	}
	if to.VPC != t.VPC {
		return nil, badValue("Route table %s and route table %s belong to different networks", to.ID, t.ID)
	}
	a := association{s.newID("rtbassoc"), t.Assocs[i].Subnet}
	t.Assocs = slices.Delete(t.Assocs, i, i+1)
	if to.ID == t.ID {
		to = t
	}
	to.Assocs = append(to.Assocs, a)
	return &api.ReplaceRouteTableAssociationResult{NewAssociationId: ptr(a.ID), AssociationState: isAssociated()}, firstOf(routeTables.put(tx, t), routeTables.put(tx, to))
}

// destination is where a route leads to, as EC2 writes it.
func destination(c *door.Call, r store.Reader, four, six, list *string) (string, error) {
	switch {
	case val(four) != "":
		p, err := netip.ParsePrefix(*four)
		if err != nil || !p.Addr().Is4() {
			return "", badValue("Value (%s) for parameter destinationCidrBlock is invalid. This is not a valid CIDR block.", *four)
		}
		return p.Masked().String(), nil
	case val(six) != "":
		p, err := netip.ParsePrefix(*six)
		if err != nil || !p.Addr().Is6() || p.Addr().Is4In6() {
			return "", badValue("Value (%s) for parameter destinationIpv6CidrBlock is invalid. This is not a valid CIDR block.", *six)
		}
		return p.Masked().String(), nil
	case val(list) != "":
		_, err := prefixLists.find(c, r, *list)
		return *list, err
	}
	return "", missing("destinationCidrBlock")
}

func (s *Service) createRoute(c *door.Call, tx *store.Tx, in *api.CreateRouteRequest) (*api.CreateRouteResult, error) {
	t, err := routeTables.find(c, tx, val(in.RouteTableId))
	if err != nil {
		return nil, err
	}
	to, err := destination(c, tx, in.DestinationCidrBlock, in.DestinationIpv6CidrBlock, in.DestinationPrefixListId)
	if err != nil {
		return nil, err
	}
	if in.VpcEndpointId != nil || in.InstanceId != nil || in.TransitGatewayId != nil || in.LocalGatewayId != nil || in.CarrierGatewayId != nil ||
		in.NetworkInterfaceId != nil || in.VpcPeeringConnectionId != nil || in.CoreNetworkArn != nil {
		return nil, noTarget()
	}
	target, err := targetOf(c, tx, t, in.GatewayId, in.NatGatewayId, in.EgressOnlyInternetGatewayId)
	if err != nil {
		return nil, err
	}
	if slices.ContainsFunc(t.Routes, func(r route) bool { return r.To == to }) {
		return nil, awsapi.Errorf("RouteAlreadyExists", "The route identified by %s already exists.", to)
	}
	if len(t.Routes) >= mostRoutes {
		return nil, awsapi.Errorf("RouteLimitExceeded", "The maximum number of routes has been reached.")
	}
	t.Routes = append(t.Routes, route{To: to, Target: target})
	return &api.CreateRouteResult{Return: ptr(true)}, routeTables.put(tx, t)
}

func noTarget() error {
	return notHere("A route of this node leads to an internet gateway, a NAT gateway or an egress-only internet gateway.")
}

// targetOf is the one gateway that a route leads to.
func targetOf(c *door.Call, r store.Reader, t *routeTable, igw, natID, eigw *string) (string, error) {
	given := slices.DeleteFunc([]string{val(igw), val(natID), val(eigw)}, func(s string) bool { return s == "" })
	if len(given) != 1 {
		return "", awsapi.Errorf("InvalidParameterCombination", "The request must contain exactly one of: gatewayId, natGatewayId, egressOnlyInternetGatewayId")
	}
	var h *Head
	switch {
	case val(igw) == "local":
		return "", awsapi.Errorf("InvalidParameterValue", "The local route of a VPC is there already.")
	case val(igw) != "":
		g, err := gateways.find(c, r, *igw)
		if err != nil {
			return "", err
		}
		h = &g.Head
	case val(natID) != "":
		n, err := nats.find(c, r, *natID)
		if err != nil {
			return "", err
		}
		h = &n.Head
	default:
		g, err := egressOnly.find(c, r, *eigw)
		if err != nil {
			return "", err
		}
		h = &g.Head
	}
	if h.VPC != t.VPC {
		return "", badValue("route table %s and network gateway %s belong to different networks", t.ID, h.ID)
	}
	return h.ID, nil
}

// theRoute is the place of a route in its table.
func (t *routeTable) theRoute(to string) (int, error) {
	i := slices.IndexFunc(t.Routes, func(r route) bool { return r.To == to })
	if i < 0 {
		return 0, awsapi.Errorf("InvalidRoute.NotFound", "no route with destination-cidr-block %s in route table %s", to, t.ID)
	}
	return i, nil
}

func (s *Service) replaceRoute(c *door.Call, tx *store.Tx, in *api.ReplaceRouteRequest) (*awsapi.None, error) {
	t, err := routeTables.find(c, tx, val(in.RouteTableId))
	if err != nil {
		return nil, err
	}
	to, err := destination(c, tx, in.DestinationCidrBlock, in.DestinationIpv6CidrBlock, in.DestinationPrefixListId)
	if err != nil {
		return nil, err
	}
	i, err := t.theRoute(to)
	if err != nil {
		return nil, err
	}
	if t.Routes[i].Made {
		return nil, badValue("cannot replace local route %s in route table %s", to, t.ID)
	}
	if in.VpcEndpointId != nil || in.InstanceId != nil || in.TransitGatewayId != nil || in.LocalGatewayId != nil || in.CarrierGatewayId != nil ||
		in.NetworkInterfaceId != nil || in.VpcPeeringConnectionId != nil || in.CoreNetworkArn != nil || in.LocalTarget != nil {
		return nil, noTarget()
	}
	if t.Routes[i].Target, err = targetOf(c, tx, t, in.GatewayId, in.NatGatewayId, in.EgressOnlyInternetGatewayId); err != nil {
		return nil, err
	}
	return nil, routeTables.put(tx, t)
}

func (s *Service) deleteRoute(c *door.Call, tx *store.Tx, in *api.DeleteRouteRequest) (*awsapi.None, error) {
	t, err := routeTables.find(c, tx, val(in.RouteTableId))
	if err != nil {
		return nil, err
	}
	to, err := destination(c, tx, in.DestinationCidrBlock, in.DestinationIpv6CidrBlock, in.DestinationPrefixListId)
	if err != nil {
		return nil, err
	}
	i, err := t.theRoute(to)
	if err != nil {
		return nil, err
	}
	if t.Routes[i].Made {
		return nil, badValue("cannot remove local route %s in route table %s", to, t.ID)
	}
	t.Routes = slices.Delete(t.Routes, i, i+1)
	return nil, routeTables.put(tx, t)
}

func (s *Service) describeTables(c *door.Call, r store.Reader, in *api.DescribeRouteTablesRequest) (*api.DescribeRouteTablesResult, error) {
	ofRoutes := func(get func(route) string) func(*routeTable) []string {
		return func(t *routeTable) (all []string) {
			for _, x := range t.Routes {
				if text := get(x); text != "" {
					all = append(all, text)
				}
			}
			return all
		}
	}
	ofAssocs := func(get func(association) string) func(*routeTable) []string {
		return func(t *routeTable) (all []string) {
			for _, a := range t.Assocs {
				all = append(all, get(a))
			}
			return all
		}
	}
	target := func(prefix string) func(*routeTable) []string {
		return ofRoutes(func(x route) string {
			if strings.HasPrefix(x.Target, prefix) {
				return x.Target
			}
			return ""
		})
	}
	page, next, err := routeTables.ask(c, r, query{in.RouteTableIds, in.Filters, in.MaxResults, in.NextToken}, fields[*routeTable]{
		"route-table-id":                         one(func(t *routeTable) string { return t.ID }),
		"association.route-table-association-id": ofAssocs(func(a association) string { return a.ID }),
		"association.route-table-id":             func(t *routeTable) []string { return []string{t.ID}[:min(1, len(t.Assocs))] },
		"association.subnet-id":                  ofAssocs(func(a association) string { return a.Subnet }),
		"association.main":                       yes((*routeTable).main),
		"route.destination-cidr-block":           ofRoutes(func(x route) string { return x.To }),
		"route.destination-ipv6-cidr-block":      ofRoutes(func(x route) string { return x.To }),
		"route.destination-prefix-list-id":       ofRoutes(func(x route) string { return x.To }),
		"route.gateway-id":                       ofRoutes(route.gateway),
		"route.nat-gateway-id":                   target("nat-"),
		"route.egress-only-internet-gateway-id":  target("eigw-"),
		"route.origin":                           ofRoutes(route.origin),
		"route.state":                            one(func(*routeTable) string { return "active" }),
	})
	if err != nil {
		return nil, err
	}
	out := &api.DescribeRouteTablesResult{NextToken: next, RouteTables: []*api.RouteTable{}}
	for _, t := range page {
		w, err := t.wire(r)
		if err != nil {
			return nil, err
		}
		out.RouteTables = append(out.RouteTables, w)
	}
	return out, nil
}

func (x route) gateway() string {
	if x.Target == "local" || strings.HasPrefix(x.Target, "igw-") || strings.HasPrefix(x.Target, "vpce-") {
		return x.Target
	}
	return ""
}

func (x route) origin() string {
	if x.Made {
		return "CreateRouteTable"
	}
	return "CreateRoute"
}

func (t *routeTable) wire(r store.Reader) (*api.RouteTable, error) {
	out := &api.RouteTable{RouteTableId: ptr(t.ID), VpcId: ptr(t.VPC), OwnerId: ptr(t.Account), Tags: wireTags(t.Tags),
		Associations: []*api.RouteTableAssociation{}, Routes: []*api.Route{}, PropagatingVgws: []*api.PropagatingVgw{}}
	for _, a := range t.Assocs {
		out.Associations = append(out.Associations, &api.RouteTableAssociation{RouteTableAssociationId: ptr(a.ID), RouteTableId: ptr(t.ID), SubnetId: some(a.Subnet), Main: ptr(a.Subnet == ""), AssociationState: isAssociated()})
	}
	for _, x := range t.Routes {
		w, err := x.wire(r, t)
		if err != nil {
			return nil, err
		}
		out.Routes = append(out.Routes, w)
	}
	return out, nil
}

func (x route) wire(r store.Reader, t *routeTable) (*api.Route, error) {
	out := &api.Route{Origin: ptr(x.origin()), State: ptr("active"), GatewayId: some(x.gateway())}
	switch {
	case strings.HasPrefix(x.To, "pl-"):
		out.DestinationPrefixListId = ptr(x.To)
	case strings.Contains(x.To, ":"):
		out.DestinationIpv6CidrBlock = ptr(x.To)
	default:
		out.DestinationCidrBlock = ptr(x.To)
	}
	switch {
	case strings.HasPrefix(x.Target, "nat-"):
		out.NatGatewayId = ptr(x.Target)
	case strings.HasPrefix(x.Target, "eigw-"):
		out.EgressOnlyInternetGatewayId = ptr(x.Target)
	}
	there, err := x.leads(r, t)
	if !there {
		out.State = ptr("blackhole")
	}
	return out, err
}

// leads tells whether what a route leads to is there, and attached to the VPC.
func (x route) leads(r store.Reader, t *routeTable) (bool, error) {
	if x.Target == "local" {
		return true, nil
	}
	of, err := classOf(x.Target)
	if err != nil {
		return false, nil
	}
	heads, err := of.all(r, t.Account, t.Region)
	return slices.ContainsFunc(heads, func(h *Head) bool { return h.ID == x.Target && h.VPC == t.VPC }), err
}
