// Package cognitoidp is Amazon Cognito user pools: an identity provider with
// users of its own. What holds:
//
//   - A password is kept as its argon2id hash and as an SRP verifier, both in a
//     row that is sealed; no answer, log or audit record holds either, or a
//     password, a code, a token or a client's secret that came in.
//   - Who does not know whether a user exists does not learn it from a client
//     that prevents it: answers and work are the same.
//   - A sign-in is a row. Every token of it is worth nothing to this service
//     once the row is gone, whatever time it still had.
//   - Wrong passwords and codes slow down where they come from. They keep nobody
//     out who signs in from an address that is known to be theirs.
//   - A challenge is answered rightly once.
package cognitoidp
