// Package network is the way out of a cell, as its policy has it: it decides on
// every flow, opens it, and tells what became of it. What it promises:
//
//   - Every flow is decided on by the policy as it is when the flow begins, and
//     connected to the very address that was decided on.
//   - When the policy changes, what is established is decided on again, and closed
//     where EC2 would interrupt it.
//   - Of a TCP flow that only a rule with names allows, nothing is passed on before
//     the name in its first TLS record is known and right.
//   - A name is resolved only if the policy has a use for it.
package network
