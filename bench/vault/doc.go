// Command vault is HashiCorp Vault's server, with nothing in it but what the
// benchmarks ask of it: the secrets engines transit and kv, the credentials
// userpass, the file audit device and raft storage on one node.
//
// It is Vault's own core and HTTP handler, configured as `vault server` does
// it, behind a TLS listener. What is left out are the hundred plugins beside
// them, which take a quarter of an hour to build. It is a module of its own,
// so that nothing of Vault (its licence is the BUSL) reaches the product.
//
// The module has Vault 1.21.3 with its sdk at 0.20.0: Vault's go.mod replaces
// the sdk with a directory that is not part of the module, and the release
// that it names does not compile with it.
package main
