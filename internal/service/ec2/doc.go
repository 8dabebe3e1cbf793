// Package ec2 is the part of EC2's API that describes the network of functions:
// VPCs, subnets, route tables, gateways, security groups, network ACLs, prefix
// lists, endpoints, interfaces, flow logs and tags. What it promises:
//
//   - A change counts for every flow that begins after the call has answered; see
//     [Service.Live].
//   - Nothing of one account is seen, named or referred to by another.
//   - A rule whose names cannot be read is refused when it is written, and allows
//     nothing if it is there all the same.
//   - DryRun changes nothing and tells only whether the call would be permitted.
//
// An account has a default VPC in every region, made when it is first asked for.
package ec2
