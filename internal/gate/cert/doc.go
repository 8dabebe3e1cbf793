// Package cert is the certificates that a node shows besides those of its local
// CA: from files, which may be renewed while the node runs, or from an authority
// that speaks ACME (RFC 8555).
package cert
