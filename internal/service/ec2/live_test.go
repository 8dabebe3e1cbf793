package ec2

import (
	"context"
	"net/netip"
	"testing"

	api "cloister/internal/awsapi/ec2"
	"cloister/internal/door/doortest"
	"cloister/internal/netpolicy"
)

// network is an account's default one, as a function in it has it.
type network struct {
	*harness
	live                 *Live
	subnet, group, table string
	acl                  string
}

func newNetwork(t *testing.T) *network {
	n := &network{harness: newHarness(t)}
	subnets := do(n.harness, api.OpDescribeSubnets, &api.DescribeSubnetsRequest{}).Subnets
	n.subnet = *subnets[0].SubnetId
	n.table = *do(n.harness, api.OpDescribeRouteTables, &api.DescribeRouteTablesRequest{}).RouteTables[0].RouteTableId
	n.acl = *do(n.harness, api.OpDescribeNetworkAcls, &api.DescribeNetworkAclsRequest{}).NetworkAcls[0].NetworkAclId
	n.group = *do(n.harness, api.OpCreateSecurityGroup, &api.CreateSecurityGroupRequest{GroupName: ptr("f"), Description: ptr("f"), VpcId: subnets[0].VpcId}).GroupId
	n.live = n.service.Live(Place{Account: doortest.Account, Region: doortest.Region, Subnet: n.subnet, Groups: []string{n.group}}, netpolicy.Set{})
	return n
}

func (n *network) decide(to string, names ...string) netpolicy.Reason {
	n.t.Helper()
	p, err := n.live.Policy(context.Background())
	if err != nil {
		n.t.Fatal(err)
	}
	return p.Decide(&netpolicy.Flow{Protocol: netpolicy.TCP, Remote: netip.MustParseAddrPort(to), Names: names}).Reason
}

func (n *network) want(to string, want netpolicy.Reason, names ...string) {
	n.t.Helper()
	if got := n.decide(to, names...); got != want {
		n.t.Errorf("%s %v: %s, not %s", to, names, got, want)
	}
}

func everybody() []*api.IpRange { return []*api.IpRange{{CidrIp: ptr("0.0.0.0/0")}} }

// Whatever changes counts for the next flow.
func TestChangesCountAtOnce(t *testing.T) {
	n := newNetwork(t)
	told := 0
	n.service.OnChange(func() { told++ })
	n.want("8.8.8.8:443", netpolicy.ReasonAllowed)
	n.want("172.31.0.9:443", netpolicy.ReasonNoDestination)
	n.want("10.0.0.1:443", netpolicy.ReasonNotPublic)
	n.want("169.254.169.254:80", netpolicy.ReasonForbidden)

	do(n.harness, api.OpRevokeSecurityGroupEgress, &api.RevokeSecurityGroupEgressRequest{GroupId: &n.group, IpPermissions: []*api.IpPermission{{IpProtocol: ptr("-1"), IpRanges: everybody()}}})
	n.want("8.8.8.8:443", netpolicy.ReasonSecurityGroup)
	do(n.harness, api.OpAuthorizeSecurityGroupEgress, &api.AuthorizeSecurityGroupEgressRequest{GroupId: &n.group, IpPermissions: []*api.IpPermission{{
		IpProtocol: ptr("tcp"), FromPort: ptr(int64(443)), ToPort: ptr(int64(443)), IpRanges: []*api.IpRange{{CidrIp: ptr("0.0.0.0/0"), Description: ptr("cloister:dns=api.example.com")}},
	}}})
	n.want("8.8.8.8:443", netpolicy.ReasonName)
	n.want("8.8.8.8:443", netpolicy.ReasonAllowed, "api.example.com")

	entry := &api.CreateNetworkAclEntryRequest{NetworkAclId: &n.acl, RuleNumber: ptr(int64(1)), Egress: ptr(true), Protocol: ptr("-1"), RuleAction: ptr("deny"), CidrBlock: ptr("8.0.0.0/8")}
	do(n.harness, api.OpCreateNetworkAclEntry, entry)
	n.want("8.8.8.8:443", netpolicy.ReasonACL, "api.example.com")
	do(n.harness, api.OpDeleteNetworkAclEntry, &api.DeleteNetworkAclEntryRequest{NetworkAclId: &n.acl, RuleNumber: ptr(int64(1)), Egress: ptr(true)})
	n.want("8.8.8.8:443", netpolicy.ReasonAllowed, "api.example.com")

	igw := do(n.harness, api.OpDescribeInternetGateways, &api.DescribeInternetGatewaysRequest{}).InternetGateways[0]
	do(n.harness, api.OpDetachInternetGateway, &api.DetachInternetGatewayRequest{InternetGatewayId: igw.InternetGatewayId, VpcId: igw.Attachments[0].VpcId})
	n.want("8.8.8.8:443", netpolicy.ReasonBlackhole, "api.example.com")
	do(n.harness, api.OpDeleteRoute, &api.DeleteRouteRequest{RouteTableId: &n.table, DestinationCidrBlock: ptr("0.0.0.0/0")})
	n.want("8.8.8.8:443", netpolicy.ReasonNoRoute, "api.example.com")
	do(n.harness, api.OpDeleteSubnet, &api.DeleteSubnetRequest{SubnetId: &n.subnet})
	n.want("8.8.8.8:443", netpolicy.ReasonNoEgress)
	if told != 7 {
		t.Errorf("told of %d changes", told)
	}
}

// A prefix list is what it is now, and a group those who are in it.
func TestReferences(t *testing.T) {
	n := newNetwork(t)
	do(n.harness, api.OpRevokeSecurityGroupEgress, &api.RevokeSecurityGroupEgressRequest{GroupId: &n.group, IpPermissions: []*api.IpPermission{{IpProtocol: ptr("-1"), IpRanges: everybody()}}})
	list := do(n.harness, api.OpCreateManagedPrefixList, &api.CreateManagedPrefixListRequest{PrefixListName: ptr("l"), AddressFamily: ptr("IPv4"), MaxEntries: ptr(int64(2))}).PrefixList.PrefixListId
	do(n.harness, api.OpAuthorizeSecurityGroupEgress, &api.AuthorizeSecurityGroupEgressRequest{GroupId: &n.group, IpPermissions: []*api.IpPermission{
		{IpProtocol: ptr("-1"), PrefixListIds: []*api.PrefixListId{{PrefixListId: list}}},
		{IpProtocol: ptr("-1"), UserIdGroupPairs: []*api.UserIdGroupPair{{GroupId: &n.group}}},
	}})
	n.want("8.8.8.8:443", netpolicy.ReasonSecurityGroup)
	do(n.harness, api.OpModifyManagedPrefixList, &api.ModifyManagedPrefixListRequest{PrefixListId: list, CurrentVersion: ptr(int64(1)), AddEntries: []*api.AddPrefixListEntry{{Cidr: ptr("8.8.8.0/24")}}})
	n.want("8.8.8.8:443", netpolicy.ReasonAllowed)
	n.want("172.31.0.4:443", netpolicy.ReasonSecurityGroup)
	do(n.harness, api.OpCreateNetworkInterface, &api.CreateNetworkInterfaceRequest{SubnetId: &n.subnet, Groups: []string{n.group}})
	n.want("172.31.0.4:443", netpolicy.ReasonNoDestination) // the group lets it; nobody is there
}

// What a row says that cannot be read narrows a rule to nothing.
func TestUnreadableNamesAllowNothing(t *testing.T) {
	for _, x := range []rule{
		{Protocol: "-1", Description: "cloister:dns=*"},
		{Protocol: "-1", Description: "cloister:nonsense"},
		{Protocol: "-1", Tags: []tag{{"cloister:dns", ""}}},
		{Protocol: "-1", Tags: []tag{{"Cloister:DNS", "a.example.com"}}},
		{Protocol: "nonsense"},
	} {
		if !x.compile(nil).Broken {
			t.Errorf("%+v allows something", x)
		}
	}
}

// One account sees and names nothing of another.
func TestAccountsAreApart(t *testing.T) {
	n := newNetwork(t)
	other := *n.root
	other.Account, other.ARN, other.UserID = "210987654321", "arn:aws:iam::210987654321:root", "210987654321"
	if _, err := try(n.harness, &other, api.OpDescribeSecurityGroups, &api.DescribeSecurityGroupsRequest{GroupIds: []string{n.group}}); err == nil {
		t.Error("another account sees the group")
	}
	if _, err := try(n.harness, &other, api.OpDeleteSecurityGroup, &api.DeleteSecurityGroupRequest{GroupId: &n.group}); err == nil {
		t.Error("another account deleted the group")
	}
	own, err := try(n.harness, &other, api.OpDescribeSecurityGroups, &api.DescribeSecurityGroupsRequest{})
	if err != nil || len(own.SecurityGroups) != 1 {
		t.Fatalf("%v, %v", own, err)
	}
	_, err = try(n.harness, &other, api.OpAuthorizeSecurityGroupEgress, &api.AuthorizeSecurityGroupEgressRequest{GroupId: own.SecurityGroups[0].GroupId,
		IpPermissions: []*api.IpPermission{{IpProtocol: ptr("tcp"), FromPort: ptr(int64(1)), ToPort: ptr(int64(1)), UserIdGroupPairs: []*api.UserIdGroupPair{{GroupId: &n.group}}}}})
	if err == nil {
		t.Error("another account's rule speaks of the group")
	}
}

func TestLimits(t *testing.T) {
	n := newNetwork(t)
	var ranges []*api.IpRange
	for i := range mostRules - 1 {
		ranges = append(ranges, &api.IpRange{CidrIp: ptr(netip.AddrFrom4([4]byte{9, byte(i), 0, 0}).String() + "/16")})
	}
	authorize := func(ranges []*api.IpRange) error {
		_, err := try(n.harness, n.root, api.OpAuthorizeSecurityGroupEgress, &api.AuthorizeSecurityGroupEgressRequest{GroupId: &n.group, IpPermissions: []*api.IpPermission{{IpProtocol: ptr("-1"), IpRanges: ranges}}})
		return err
	}
	if err := authorize(ranges); err != nil { // with the one that a group begins with
		t.Fatal(err)
	}
	if err := authorize([]*api.IpRange{{CidrIp: ptr("8.0.0.0/8")}}); err == nil || err.Error() != "RulesPerSecurityGroupLimitExceeded: The maximum number of rules per security group has been reached." {
		t.Errorf("%v", err)
	}
}
