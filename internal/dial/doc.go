// Package dial is the platform's one way out: every connection that the
// platform itself opens to somewhere else is opened here, so that nobody who
// names an address to it (an issuer's URL, a webhook) can have it reach what
// only the platform can reach.
//
// What holds:
//   - The decision is about the address that is really connected to, never
//     about a name: a name is resolved here, each of its addresses is decided
//     on, and the one that passed is dialled by its number. A name that resolves
//     otherwise the next time is decided on anew.
//   - Only addresses of the public internet pass. Loopback, private, link-local
//     (cloud metadata among them), shared, reserved and multicast addresses, the
//     machine's own, and whatever carries one of them inside (IPv4-mapped,
//     NAT64), are refused unless an administrator allowed them; see [Rule].
//   - Nothing takes a proxy from the environment. Time and bodies are bounded,
//     redirects are refused, TLS is 1.2 at least.
package dial
