package ec2

import (
	"crypto/sha256"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/ec2"
	"cloister/internal/door"
	"cloister/internal/store"
)

const (
	mostIfaces      = 5000 // in an account and region
	mostIfaceGroups = 5    // of an interface
	// lambdaAbout begins the description of an interface that Lambda makes.
	lambdaAbout = "AWS Lambda VPC ENI-"
)

func (s *Service) registerIfaces() {
	change(s, api.OpCreateNetworkInterface, tagged("CreateNetworkInterface", func(in *api.CreateNetworkInterfaceRequest) []use {
		return slices.Concat(making(ifaces.class, nil), its(subnets.class, in.SubnetId), each(groups.class, in.Groups))
	}, func(in *api.CreateNetworkInterfaceRequest) []*api.TagSpecification { return in.TagSpecifications }), s.createIface)
	change(s, api.OpDeleteNetworkInterface, on("DeleteNetworkInterface", func(in *api.DeleteNetworkInterfaceRequest) []use { return its(ifaces.class, in.NetworkInterfaceId) }), s.deleteIface)
	change(s, api.OpModifyNetworkInterfaceAttribute, on("ModifyNetworkInterfaceAttribute", func(in *api.ModifyNetworkInterfaceAttributeRequest) []use {
		return append(its(ifaces.class, in.NetworkInterfaceId), each(groups.class, in.Groups)...)
	}), s.modifyIface)
	show(s, api.OpDescribeNetworkInterfaces, nothing[api.DescribeNetworkInterfacesRequest]("DescribeNetworkInterfaces"), s.describeIfaces)
}

func (s *Service) createIface(c *door.Call, tx *store.Tx, in *api.CreateNetworkInterfaceRequest) (*api.CreateNetworkInterfaceResult, error) {
	if len(in.Ipv6Addresses) > 0 || val(in.Ipv6AddressCount) > 0 || len(in.PrivateIpAddresses) > 0 || val(in.SecondaryPrivateIpAddressCount) > 0 ||
		val(in.InterfaceType) != "" && *in.InterfaceType != "interface" {
		return nil, notHere("An interface of this node has one IPv4 address.")
	}
	if err := required("subnetId", in.SubnetId); err != nil {
		return nil, err
	}
	n, err := subnets.find(c, tx, *in.SubnetId)
	if err != nil {
		return nil, err
	}
	tags, err := newTags(in.TagSpecifications, ifaces.class)
	if err != nil {
		return nil, err
	}
	e := &iface{Head: s.fresh(c, ifaces.class, n.VPC, tags), Subnet: n.ID, Zone: n.Zone, Description: val(in.Description), Requester: c.Principal.UserID}
	if c.Origin() == "lambda" && strings.HasPrefix(e.Description, lambdaAbout) {
		e.Managed = "lambda"
	}
	if e.Groups, err = groupsOf(c, tx, n, in.Groups); err != nil {
		return nil, err
	}
	if e.IP, err = freeAddress(tx, n, in.PrivateIpAddress); err != nil {
		return nil, err
	}
	out, err := e.wire(tx)
	return &api.CreateNetworkInterfaceResult{NetworkInterface: out, ClientToken: in.ClientToken}, firstOf(err, ifaces.insert(tx, e))
}

// groupsOf are the groups that an interface in a subnet gets: the VPC's default
// one if none is asked for.
func groupsOf(c *door.Call, r store.Reader, n *subnet, ids []string) ([]string, error) {
	if len(ids) > mostIfaceGroups {
		return nil, awsapi.Errorf("SecurityGroupsPerInterfaceLimitExceeded", "The maximum number of security groups per interface has been reached.")
	}
	for _, id := range ids {
		g, err := groups.find(c, r, id)
		if err != nil {
			return nil, err
		}
		if g.VPC != n.VPC {
			return nil, awsapi.Errorf("InvalidGroup.NotFound", "You have specified two resources that belong to different networks.")
		}
	}
	if len(ids) > 0 {
		slices.Sort(ids)
		return slices.Compact(ids), nil
	}
	within, err := groups.within(r, c.Account, c.Region, n.VPC)
	for _, g := range within {
		if g.Name == "default" {
			return []string{g.ID}, err
		}
	}
	return nil, err
}

// freeAddress is the address of a subnet that was asked for, or the first free
// one.
func freeAddress(r store.Reader, n *subnet, wanted *string) (string, error) {
	used, err := taken(r, n)
	if err != nil {
		return "", err
	}
	p := netip.MustParsePrefix(n.CIDR)
	first := p.Addr()
	for range reserved - 1 {
		first = first.Next()
	}
	if val(wanted) != "" {
		a, err := netip.ParseAddr(*wanted)
		if err != nil || !p.Contains(a) || a.Less(first) || !p.Contains(a.Next()) {
			return "", badValue("Address %s does not fall within the subnet's address range", *wanted)
		}
		if used[a.String()] {
			return "", awsapi.Errorf("InvalidIPAddress.InUse", "Address %s is in use.", a)
		}
		return a.String(), nil
	}
	for a := first; p.Contains(a.Next()); a = a.Next() {
		if !used[a.String()] {
			return a.String(), nil
		}
	}
	return "", awsapi.Errorf("InsufficientFreeAddressesInSubnet", "The specified subnet does not have enough free addresses to satisfy the request.")
}

func (s *Service) deleteIface(c *door.Call, tx *store.Tx, in *api.DeleteNetworkInterfaceRequest) (*awsapi.None, error) {
	e, err := ifaces.find(c, tx, val(in.NetworkInterfaceId))
	if err != nil {
		return nil, err
	}
	if e.Managed != "" && s.InUse != nil {
		if used, err := s.InUse(tx, c.Account, c.Region, e.ID); err != nil || used {
			return nil, firstOf(err, badValue("Network interface '%s' is currently in use.", e.ID))
		}
	}
	return nil, ifaces.remove(tx, e)
}

func (s *Service) modifyIface(c *door.Call, tx *store.Tx, in *api.ModifyNetworkInterfaceAttributeRequest) (*awsapi.None, error) {
	e, err := ifaces.find(c, tx, val(in.NetworkInterfaceId))
	if err != nil {
		return nil, err
	}
	if e.Managed != "" {
		return nil, awsapi.Errorf("OperationNotPermitted", "You are not allowed to manage the network interface '%s'.", e.ID)
	}
	switch {
	case in.Description != nil:
		e.Description = val(in.Description.Value)
	case len(in.Groups) > 0:
		n, err := subnets.find(c, tx, e.Subnet)
		if err != nil {
			return nil, err
		}
		if e.Groups, err = groupsOf(c, tx, n, in.Groups); err != nil {
			return nil, err
		}
	default:
		return nil, notHere("Description and Groups are the attributes of an interface that can be changed on this node.")
	}
	return nil, ifaces.put(tx, e)
}

func (s *Service) describeIfaces(c *door.Call, r store.Reader, in *api.DescribeNetworkInterfacesRequest) (*api.DescribeNetworkInterfacesResult, error) {
	page, next, err := ifaces.ask(c, r, query{in.NetworkInterfaceIds, in.Filters, in.MaxResults, in.NextToken}, fields[*iface]{
		"network-interface-id":         one(func(e *iface) string { return e.ID }),
		"subnet-id":                    one(func(e *iface) string { return e.Subnet }),
		"availability-zone":            one(func(e *iface) string { return e.Zone }),
		"description":                  one(func(e *iface) string { return e.Description }),
		"group-id":                     func(e *iface) []string { return e.Groups },
		"interface-type":               one((*iface).kind),
		"mac-address":                  one((*iface).mac),
		"private-ip-address":           one(func(e *iface) string { return e.IP }),
		"addresses.private-ip-address": one(func(e *iface) string { return e.IP }),
		"addresses.primary":            one(func(*iface) string { return "true" }),
		"requester-id":                 one(func(e *iface) string { return e.Requester }),
		"requester-managed":            yes(func(e *iface) bool { return e.Managed != "" }),
		"status":                       one((*iface).status),
		"attachment.status":            func(e *iface) []string { return []string{"attached"}[:min(1, len(e.Managed))] },
		"attachment.instance-owner-id": func(e *iface) []string { return []string{"amazon-aws"}[:min(1, len(e.Managed))] },
		"source-dest-check":            one(func(*iface) string { return "true" }),
	})
	if err != nil {
		return nil, err
	}
	out := &api.DescribeNetworkInterfacesResult{NextToken: next, NetworkInterfaces: []*api.NetworkInterface{}}
	for _, e := range page {
		w, err := e.wire(r)
		if err != nil {
			return nil, err
		}
		out.NetworkInterfaces = append(out.NetworkInterfaces, w)
	}
	return out, nil
}

func (e *iface) kind() string {
	if e.Managed != "" {
		return e.Managed
	}
	return "interface"
}

func (e *iface) status() string {
	if e.Managed != "" {
		return "in-use"
	}
	return "available"
}

// mac is an address of the locally administered kind that follows from the id.
func (e *iface) mac() string {
	sum := sha256.Sum256([]byte(e.ID))
	return fmt.Sprintf("02:%02x:%02x:%02x:%02x:%02x", sum[0], sum[1], sum[2], sum[3], sum[4])
}

func (e *iface) wire(r store.Reader) (*api.NetworkInterface, error) {
	name := "ip-" + strings.ReplaceAll(e.IP, ".", "-") + ".ec2.internal"
	out := &api.NetworkInterface{NetworkInterfaceId: ptr(e.ID), SubnetId: ptr(e.Subnet), VpcId: ptr(e.VPC), OwnerId: ptr(e.Account), AvailabilityZone: ptr(e.Zone),
		Description: ptr(e.Description), InterfaceType: ptr(e.kind()), MacAddress: ptr(e.mac()), PrivateIpAddress: ptr(e.IP), PrivateDnsName: ptr(name),
		PrivateIpAddresses: []*api.NetworkInterfacePrivateIpAddress{{Primary: ptr(true), PrivateIpAddress: ptr(e.IP), PrivateDnsName: ptr(name)}},
		RequesterId:        some(e.Requester), RequesterManaged: ptr(e.Managed != ""), SourceDestCheck: ptr(true), Status: ptr(e.status()), TagSet: wireTags(e.Tags),
		Groups: []*api.GroupIdentifier{}, Ipv6Addresses: []*api.NetworkInterfaceIpv6Address{}}
	if e.Managed != "" {
		out.Attachment = &api.NetworkInterfaceAttachment{AttachmentId: ptr(strings.Replace(e.ID, "eni-", "ela-attach-", 1)), AttachTime: ptr(e.Created), DeleteOnTermination: ptr(false),
			DeviceIndex: ptr(int64(1)), InstanceOwnerId: ptr("amazon-aws"), Status: ptr("attached")}
	}
	for _, id := range e.Groups {
		g, err := groups.rows.Get(r, store.K(e.Account, e.Region, id))
		if err != nil {
			return nil, err
		}
		out.Groups = append(out.Groups, &api.GroupIdentifier{GroupId: ptr(id), GroupName: ptr(g.Name)})
	}
	return out, nil
}
