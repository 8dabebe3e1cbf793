// Package session makes and opens the session tokens of temporary credentials.
//
// A token carries its whole session, sealed: issuing one writes nothing, and
// whoever does not hold the root key can neither read, make nor change one. It
// opens only with the access key id that it was made for. A token never says
// what its holder may do, only who the holder is and what narrows the session:
// the role or user is looked up when the token is used, by its unique id, so a
// session ends with its role, also when another of the same name is made.
//
// STS makes tokens and IAM opens them. Neither imports the other; what STS has
// to know of roles it asks a [Roles] for.
package session
