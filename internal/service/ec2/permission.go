package ec2

import (
	"net/netip"
	"strconv"
	"strings"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/ec2"
	"cloister/internal/door"
	"cloister/internal/netpolicy"
	"cloister/internal/store"
)

var protocolNumbers = map[string]int{"icmp": netpolicy.ICMP, "tcp": netpolicy.TCP, "udp": netpolicy.UDP, "icmpv6": netpolicy.ICMPv6}

// protocolOf gives a protocol as EC2's answers have it, and its number.
func protocolOf(text string) (string, int, error) {
	text = strings.ToLower(text)
	if text == "-1" || text == "all" {
		return "-1", netpolicy.Any, nil
	}
	if n, ok := protocolNumbers[text]; ok {
		return text, n, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 || n > 255 || strconv.Itoa(n) != text {
		return "", 0, badValue("Invalid value '%s' for IP protocol. Unknown protocol.", text)
	}
	for name, number := range protocolNumbers {
		if n == number {
			return name, n, nil
		}
	}
	return text, n, nil
}

// portRange checks the ports of a protocol, or the type and code of ICMP. What
// has no ports has all of them.
func portRange(protocol int, from, to *int64) (int64, int64, error) {
	switch protocol {
	case netpolicy.TCP, netpolicy.UDP:
		if from == nil || to == nil {
			return 0, 0, badValue("Invalid value 'Must specify both from and to ports with TCP/UDP.' for portRange.")
		}
		if *from < 0 || *to > 65535 || *from > *to {
			return 0, 0, badValue("Invalid TCP/UDP port range (%d:%d)", *from, *to)
		}
		return *from, *to, nil
	case netpolicy.ICMP, netpolicy.ICMPv6:
		kind, code := int64(-1), int64(-1)
		if from != nil {
			kind = *from
		}
		if to != nil {
			code = *to
		}
		if kind < -1 || kind > 255 || code < -1 || code > 255 || kind == -1 && code != -1 {
			return 0, 0, badValue("Invalid ICMP type and code (%d:%d)", kind, code)
		}
		return kind, code, nil
	}
	return -1, -1, nil
}

// blockOf gives a CIDR of a rule as EC2 writes it.
func blockOf(text string, six bool) (string, error) {
	p, err := netip.ParsePrefix(text)
	if err != nil || p.Addr().Is4() == six || p.Addr().Is4In6() {
		return "", badValue("CIDR block %s is malformed", text)
	}
	return p.Masked().String(), nil
}

// checkAbout refuses a description that EC2 refuses, or one that is meant to name
// destinations and does not.
func checkAbout(text string) error {
	if text == "" {
		return nil
	}
	if !groupText.MatchString(text) {
		return badValue("Invalid rule description. Valid descriptions are strings less than 256 characters from the following set:  a-zA-Z0-9. _-:/()#,@[]+=&;{}!$*")
	}
	if _, err := netpolicy.NamesIn(text); err != nil {
		return badValue("Invalid rule description: %s", err)
	}
	return nil
}

// rulesOf reads permissions into rules without ids. from is what the older,
// plain parameters say, as a permission.
func (g *group) rulesOf(c *door.Call, r store.Reader, egress bool, permissions []*api.IpPermission) ([]rule, error) {
	if len(permissions) == 0 {
		return nil, missing("ipPermissions")
	}
	var all []rule
	for _, p := range permissions {
		some, err := g.rulesIn(c, r, egress, p)
		if err != nil {
			return nil, err
		}
		if len(some) == 0 {
			return nil, awsapi.Errorf("InvalidParameterValue", "Invalid value '' for ipRanges. A permission needs a CIDR block, a prefix list or a security group.")
		}
		all = append(all, some...)
	}
	return all, nil
}

func (g *group) rulesIn(c *door.Call, r store.Reader, egress bool, p *api.IpPermission) (all []rule, err error) {
	if err := required("ipProtocol", p.IpProtocol); err != nil {
		return nil, err
	}
	protocol, number, err := protocolOf(*p.IpProtocol)
	if err != nil {
		return nil, err
	}
	from, to, err := portRange(number, p.FromPort, p.ToPort)
	if err != nil {
		return nil, err
	}
	add := func(peer rule, about *string) {
		peer.Egress, peer.Protocol, peer.From, peer.To, peer.Description = egress, protocol, from, to, val(about)
		if err == nil {
			err = peer.check(g, c, r)
		}
		all = append(all, peer)
	}
	for _, x := range p.IpRanges {
		cidr, bad := blockOf(val(x.CidrIp), false)
		err = firstOf(err, bad)
		add(rule{CIDR: cidr}, x.Description)
	}
	for _, x := range p.Ipv6Ranges {
		cidr, bad := blockOf(val(x.CidrIpv6), true)
		err = firstOf(err, bad)
		add(rule{CIDR: cidr}, x.Description)
	}
	for _, x := range p.PrefixListIds {
		add(rule{PrefixList: val(x.PrefixListId)}, x.Description)
	}
	for _, x := range p.UserIdGroupPairs {
		id, bad := g.peer(c, r, x)
		err = firstOf(err, bad)
		add(rule{Group: id}, x.Description)
	}
	return all, err
}

// peer is the group that a pair names, of the same VPC.
func (g *group) peer(c *door.Call, r store.Reader, x *api.UserIdGroupPair) (string, error) {
	if val(x.UserId) != "" && *x.UserId != c.Account {
		return "", awsapi.Errorf("InvalidGroup.NotFound", "The security group '%s' does not exist", val(x.GroupId)+val(x.GroupName))
	}
	if val(x.GroupId) != "" {
		return *x.GroupId, nil
	}
	within, err := groups.within(r, c.Account, c.Region, g.VPC)
	for _, o := range within {
		if o.Name == val(x.GroupName) {
			return o.ID, err
		}
	}
	return "", firstOf(err, awsapi.Errorf("InvalidGroup.NotFound", "The security group '%s' does not exist", val(x.GroupName)))
}

// check refuses a rule that speaks of what is not there.
func (x rule) check(g *group, c *door.Call, r store.Reader) error {
	if err := checkAbout(x.Description); err != nil {
		return err
	}
	switch {
	case x.Group != "":
		o, err := groups.find(c, r, x.Group)
		if err == nil && o.VPC != g.VPC {
			err = awsapi.Errorf("InvalidGroup.NotFound", "You have specified two resources that belong to different networks.")
		}
		return err
	case x.PrefixList != "":
		_, err := prefixLists.find(c, r, x.PrefixList)
		return err
	}
	return nil
}

func portText(port int64) string {
	if port == -1 {
		return ""
	}
	return strconv.FormatInt(port, 10)
}

func (x rule) cidr4() string {
	if strings.Contains(x.CIDR, ":") {
		return ""
	}
	return x.CIDR
}

func (x rule) cidr6() string {
	if strings.Contains(x.CIDR, ":") {
		return x.CIDR
	}
	return ""
}

// same tells whether two rules allow the same, whatever is said about them.
func (x rule) same(y rule) bool {
	return x.Egress == y.Egress && x.Protocol == y.Protocol && x.From == y.From && x.To == y.To &&
		x.CIDR == y.CIDR && x.PrefixList == y.PrefixList && x.Group == y.Group
}

// String is the rule as EC2's error messages have it.
func (x rule) String() string {
	protocol := strings.ToUpper(x.Protocol)
	if protocol == "-1" {
		return "peer: " + x.CIDR + x.PrefixList + x.Group + ", ALL, ALLOW"
	}
	return "peer: " + x.CIDR + x.PrefixList + x.Group + ", " + protocol + ", from port: " + strconv.FormatInt(x.From, 10) + ", to port: " + strconv.FormatInt(x.To, 10) + ", ALLOW"
}
