// Package shield stands before everything else on the node's listener: which
// addresses may come at all, how often each may, and counts of both.
//
//   - A client is an address, or the /64 of an IPv6 address, as the connection
//     has it. No header says where a request came from.
//   - Loopback is never refused: no rule keeps the machine's own administrator
//     out.
//   - Memory is bounded whatever addresses come: clients beyond share a limit.
package shield
