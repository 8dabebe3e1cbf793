// Package egress is how a program in a cell reaches a network: it does not. Its
// connections end in this process, which asks an [Egress] whether each may be,
// and whose answer is the connection that the platform itself opened.
//
// What holds, whatever the Egress answers:
//   - Nothing of the cell is ever in the host's network: the program holds
//     sockets of its own network namespace only, and those lead here.
//   - connect() succeeds when the Egress has allowed the flow and the destination
//     has answered, never before. A blocking connect waits, a non-blocking one is
//     in progress until then.
//   - What is denied fails at once, with ENETUNREACH, as everything does in a cell
//     without a network. A destination that refuses gives ECONNREFUSED, one that
//     does not answer EHOSTUNREACH. Where the host does not let a cell's first
//     receive buffer be set (/proc/sys is read-only), a non-blocking connect over IPv4
//     that is denied can, rarely and by a race in the kernel, give no error when it
//     is asked for one; nothing is connected then either, as the first use shows.
//   - The host's loopback and its own addresses, link-local addresses (169.254.169.254
//     among them), multicast and the unspecified address are denied before the
//     Egress is asked; see [Unreachable].
//   - Names are resolved by the Egress only, and what it answered is remembered:
//     [Flow.Names] holds names that this cell asked for and that led to this
//     address, not what a program claims.
//
// How packets get here and connections get out are two things apart, so that a
// cell of another kind (a microVM, gVisor's runsc) can use the same Egress.
package egress

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"time"
)

// Proto is a transport protocol.
type Proto uint8

// The protocols that leave a cell, by their IP protocol numbers. Everything else
// is dropped.
const (
	TCP Proto = 6
	UDP Proto = 17
)

func (p Proto) String() string {
	switch p {
	case TCP:
		return "tcp"
	case UDP:
		return "udp"
	}
	return "unknown"
}

// Flow is one connection that a program asks for, or the datagrams between one of
// its sockets and one destination.
type Flow struct {
	Proto  Proto
	Source netip.AddrPort // in the cell
	Dest   netip.AddrPort // never IPv4-mapped, never with a zone
	// Names are the names, in lower case and without a final dot, that the cell
	// resolved to Dest's address and that have not expired, the last one first. A
	// rule by name allows a flow only by one of these.
	Names []string
}

// ErrDenied is wrapped by the error of what is not allowed.
var ErrDenied = errors.New("not allowed")

// ErrNoName is wrapped by Resolve's error for a name that does not exist.
var ErrNoName = errors.New("no such name")

// Egress decides and dials for one cell. Its methods are called from many
// goroutines at once. All must honour ctx: it ends with the cell, or when the
// program gave up, and has a deadline.
type Egress interface {
	// Connect decides on a flow and opens it. The connection is closed by the
	// caller, once; each Write and Read of UDP is one datagram. Its
	// CloseWrite method passes on the program's half-close; without one, the
	// destination does not learn of it.
	//
	// An error that wraps ErrDenied is a denial; one that wraps a syscall.Errno
	// says what the destination answered.
	//
	// All bytes go through this connection. So an Egress that counts, logs or
	// limits a flow wraps it; one that ends a flow closes it, at any time, from any
	// goroutine; and one that decides by the name in TLS's first record (SNI)
	// returns a connection whose first Writes are kept back until the name is
	// known, and then passed on, or fail.
	Connect(ctx context.Context, f Flow) (net.Conn, error)

	// Resolve answers a question for addresses. An error that wraps ErrDenied or
	// ErrNoName is told to the program as a name that does not exist, another one
	// as a failure of the server. No addresses and no error: the name has none of
	// this kind.
	Resolve(ctx context.Context, q Question) (Answer, error)
}

// Question asks for the addresses of a name.
type Question struct {
	Name string // lower case, without a final dot; letters, digits, '-', '_' and '.'
	IPv6 bool   // AAAA instead of A
}

// Answer is what a name has. Addresses of the other kind than asked for, and
// those that are [Unreachable], are left out.
type Answer struct {
	Addrs []netip.Addr
	TTL   time.Duration
}

// Resolver is the address at which the DNS of every cell is answered, by UDP and
// by TCP; the cell's /etc/resolv.conf names it. RFC 7335 sets its range aside for
// what a machine uses inside itself.
var Resolver = netip.AddrFrom4([4]byte{192, 0, 0, 1})

// DefaultAddress is a cell's own address if nobody chose. Every cell may have the
// same: none can be reached.
var DefaultAddress = netip.AddrFrom4([4]byte{192, 0, 0, 2})

// Network is a cell's network. The zero value but for Egress is good.
type Network struct {
	Egress Egress
	// Address is the cell's own, which programs see as theirs; DefaultAddress if
	// it is the zero Addr. Nothing can connect to it.
	Address netip.Addr
	// Address6 gives the cell IPv6. Without it, connections to IPv6 addresses fail
	// with ENETUNREACH and names have no such addresses.
	Address6 netip.Addr
	// MaxFlows is how many flows there may be at once, those being opened included;
	// 0 means 512. What is over it is denied.
	MaxFlows int
}
