// Package oidc verifies the ID tokens of OpenID Connect issuers, whose keys it
// fetches and remembers.
//
// What holds:
//   - A token is verified with the keys of its issuer's own documents and no
//     others: whatever key, or address of one, a token carries is not looked at.
//   - Only signatures by RSA and ECDSA keys count, by a list of algorithms that
//     stands in this package; what a key is decides what it verifies, not what a
//     token says.
//   - An issuer is asked at most once at a time, and not again before half a
//     minute has passed, however many tokens name keys that it does not have.
//   - Nothing of a token is in an error or a log.
//
// Whom to believe, and which claims count, is the caller's to decide.
package oidc
