package netpolicy

import "net/netip"

// IP protocol numbers that rules speak of. Any stands for all of them.
const (
	Any    = -1
	ICMP   = 1
	TCP    = 6
	UDP    = 17
	ICMPv6 = 58
)

// Flow is one connection, or the datagrams between two sockets.
type Flow struct {
	Ingress  bool // begun by the remote side
	Protocol uint8
	// Local is the interface's own side. Port 0 is one that is not known yet: an
	// ephemeral one.
	Local, Remote netip.AddrPort
	// Type and Code are those of ICMP, which has no ports.
	Type, Code uint8
	// Names are those that were resolved to Remote's address for who begins the
	// flow and that have not expired; lower case, without a final dot.
	Names []string
	// TLS is what is known of the flow's first bytes, and SNI the name in them.
	TLS TLS
	SNI string
}

// TLS is what the first bytes of a TCP flow show.
type TLS uint8

const (
	Unseen TLS = iota // nothing was sent yet
	Plain             // no TLS
	Hello             // a ClientHello, whose name is Flow.SNI
)

// Reason says why a flow was decided on as it was.
type Reason uint8

const (
	ReasonNone          Reason = iota
	ReasonAllowed              // by Verdict.Rule
	ReasonNoEgress             // the interface has no network
	ReasonForbidden            // the address is [Forbidden]
	ReasonSecurityGroup        // no rule of the security groups allows it
	ReasonName                 // a rule would, but for its names
	ReasonSNI                  // a rule would, but TLS asks for another name
	ReasonACL                  // a network ACL denies it
	ReasonACLReturn            // a network ACL denies the answers
	ReasonNoRoute              // no route leads there
	ReasonBlackhole            // the route's target is gone
	ReasonNotPublic            // the route leads to the internet, the address is not of it
	ReasonNoDestination        // the route leads to where nothing answers
)

var reasons = [...]string{
	"none", "allowed", "no-egress", "forbidden-address", "security-group", "name", "sni", "network-acl",
	"network-acl-return", "no-route", "blackhole", "not-public", "no-destination",
}

// String is the reason as flow logs have it: a word without spaces.
func (r Reason) String() string { return reasons[r] }

// Verdict is what was decided on a flow.
type Verdict struct {
	Allowed bool
	Reason  Reason
	// Rule is the id of what decided: a security group's rule, "ACL/NUMBER" of a
	// network ACL ("ACL/*" of its last), a route table. "" where it is the lack of one.
	Rule string
	// Named says that only a rule with names allows it: a TCP flow has to be decided
	// on again when its first bytes are known, before they are passed on.
	Named bool
	// Untracked says that both directions are open to everybody, so that the
	// security groups count for what is established, too; see [Policy.Established].
	Untracked bool
}

func denied(why Reason, rule string) Verdict { return Verdict{Reason: why, Rule: rule} }
