// Package node puts the house together: it opens the data directory, starts
// the services behind the door, serves the wire, and stops it all in order.
//
// A node owns its data directory alone; a second one is refused. What it
// acknowledged is durable: stopping it hard at any moment loses nothing.
package node
