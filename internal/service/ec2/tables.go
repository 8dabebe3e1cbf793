package ec2

import (
	"cloister/internal/store"
)

type vpc struct {
	Head
	Blocks       []block // the first is the VPC's own
	Default      bool
	DNSSupport   bool
	DNSHostnames bool
}

type block struct{ ID, CIDR string }

type subnet struct {
	Head
	CIDR      string
	Zone      string
	Default   bool
	PublicIPs bool
	ACL       string
	ACLAssoc  string
}

type routeTable struct {
	Head
	Routes []route
	Assocs []association
}

// association is of a subnet, or without one the main route table's.
type association struct{ ID, Subnet string }

type route struct {
	To     string // a CIDR or a prefix list's id
	Target string // "local", or an id
	Made   bool   // by CreateRouteTable
}

// gateway is an internet gateway, or an egress-only one. VPC is what it is
// attached to.
type gateway struct{ Head }

type nat struct {
	Head
	Subnet, Allocation, Public, Private, Interface string
}

type group struct {
	Head
	Name, Description string
	Rules             []rule
}

// rule is one of a security group's; of CIDR, PrefixList and Group it has one.
type rule struct {
	ID          string
	Egress      bool
	Protocol    string // "-1", "tcp", "udp", "icmp", "icmpv6", or a number
	From, To    int64  // -1 for all
	CIDR        string
	PrefixList  string
	Group       string
	Description string
	Tags        []tag
}

type prefixList struct {
	Head
	Name     string
	Family   string
	Max      int64
	Version  int64
	Versions map[int64][]listEntry
}

type listEntry struct{ CIDR, Description string }

type acl struct {
	Head
	Default bool
	Entries []aclEntry
}

type aclEntry struct {
	Number   int64
	Egress   bool
	Allow    bool
	Protocol string // a number, "-1" for all
	CIDR     string
	From, To int64 // ports, or of ICMP type and code; -1 for all
}

type iface struct {
	Head
	Subnet, Zone string
	IP           string
	Description  string
	Groups       []string
	Managed      string // the service that made it: "lambda"
	Requester    string // the user id of who had it made
}

type endpoint struct {
	Head
	Service     string
	Gateway     bool
	Policy      string
	RouteTables []string
	Subnets     []string
	Groups      []string
	Interfaces  []string
	PrivateDNS  bool
}

type flowLog struct {
	Head
	Resource string
	Traffic  string
	LogGroup string
	Role     string
	Format   string
	Interval int64
}

var (
	vpcs = define[vpc](&class{name: "vpc", prefix: "vpc", idKey: "ec2:vpcid",
		malformed: "InvalidVpcID.Malformed", missing: "InvalidVpcID.NotFound", text: "The vpc ID '%s' does not exist"})
	subnets = define[subnet](&class{name: "subnet", prefix: "subnet", idKey: "ec2:subnetid",
		malformed: "InvalidSubnetID.Malformed", missing: "InvalidSubnetID.NotFound", text: "The subnet ID '%s' does not exist"})
	routeTables = define[routeTable](&class{name: "route-table", prefix: "rtb", idKey: "ec2:routetableid",
		malformed: "InvalidRouteTableId.Malformed", missing: "InvalidRouteTableID.NotFound", text: "The routeTable ID '%s' does not exist"})
	gateways = define[gateway](&class{name: "internet-gateway", prefix: "igw", idKey: "ec2:internetgatewayid",
		malformed: "InvalidInternetGatewayId.Malformed", missing: "InvalidInternetGatewayID.NotFound", text: "The internetGateway ID '%s' does not exist"})
	egressOnly = define[gateway](&class{name: "egress-only-internet-gateway", prefix: "eigw",
		malformed: "InvalidEgressOnlyInternetGatewayId.Malformed", missing: "InvalidGatewayID.NotFound", text: "The gateway ID '%s' does not exist"})
	nats = define[nat](&class{name: "natgateway", prefix: "nat",
		malformed: "NatGatewayMalformed", missing: "NatGatewayNotFound", text: "The Nat Gateway %s was not found"})
	groups = define[group](&class{name: "security-group", prefix: "sg", idKey: "ec2:securitygroupid",
		malformed: "InvalidGroupId.Malformed", missing: "InvalidGroup.NotFound", text: "The security group '%s' does not exist"})
	prefixLists = define[prefixList](&class{name: "prefix-list", prefix: "pl",
		malformed: "InvalidPrefixListID.Malformed", missing: "InvalidPrefixListID.NotFound", text: "The prefix list ID '%s' does not exist."})
	acls = define[acl](&class{name: "network-acl", prefix: "acl", idKey: "ec2:networkaclid",
		malformed: "InvalidNetworkAclId.Malformed", missing: "InvalidNetworkAclID.NotFound", text: "The networkAcl ID '%s' does not exist"})
	ifaces = define[iface](&class{name: "network-interface", prefix: "eni", idKey: "ec2:networkinterfaceid",
		malformed: "InvalidNetworkInterfaceId.Malformed", missing: "InvalidNetworkInterfaceID.NotFound", text: "The networkInterface ID '%s' does not exist"})
	endpoints = define[endpoint](&class{name: "vpc-endpoint", prefix: "vpce",
		malformed: "InvalidVpcEndpointId.Malformed", missing: "InvalidVpcEndpointId.NotFound", text: "The Vpc Endpoint Id '%s' does not exist"})
	flowLogs = define[flowLog](&class{name: "vpc-flow-log", prefix: "fl",
		malformed: "InvalidFlowLogId.Malformed", missing: "InvalidFlowLogId.NotFound", text: "The following flow log IDs do not exist: %s"})
)

// made tells which regions of an account have got their default network.
var made = store.Define[struct{ Yes bool }]("ec2.default")

// tables are those whose change can change what a flow may do.
var tables = []string{
	vpcs.rows.Table(), subnets.rows.Table(), routeTables.rows.Table(), gateways.rows.Table(), egressOnly.rows.Table(), nats.rows.Table(),
	groups.rows.Table(), prefixLists.rows.Table(), acls.rows.Table(), ifaces.rows.Table(), endpoints.rows.Table(),
}
