// Package netpolicy decides whether one flow of a network interface may be, as
// EC2 would: security groups, network ACLs and routes. It knows nothing of who
// asks and opens nothing. What it promises:
//
//   - Some destinations are forbidden whatever the rules say: see [Forbidden].
//   - What leaves a VPC for the internet reaches the public internet's addresses
//     only, and none of this machine's.
//   - A rule with names allows nothing but TCP to an address that one of its
//     names was resolved to, and no TLS that asks for another name.
//   - What is not allowed by each of the layers is denied. A Policy of the zero
//     value denies everything.
//   - A decision allocates nothing.
//
// Sources: "Control traffic to your AWS resources using security groups",
// "Control subnet traffic with network access control lists", "Configure route
// tables" and "Amazon EC2 security group connection tracking", in the VPC and EC2
// user guides.
package netpolicy
