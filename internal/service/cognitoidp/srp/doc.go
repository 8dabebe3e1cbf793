// Package srp is the server's side of SRP-6a as Amazon Cognito speaks it: the
// 3072-bit group of RFC 5054 with SHA-256, numbers hashed in two's complement
// (a zero byte before those whose first bit is set), and a proof that is an HMAC
// over the pool, the user, a block of the server's and a time.
//
// What holds:
//   - The server learns no password; it keeps a salt and a verifier. Who steals
//     those can try passwords at the price of one exponentiation each, and can
//     play the server; they cannot sign in with them.
//   - A client's number that is a multiple of the prime is refused, and so is one
//     that makes the scrambling zero (RFC 5054, section 2.5.4).
//   - Proofs are compared in constant time. The exponentiations are those of
//     math/big, whose time depends somewhat on the exponent: the server's is
//     fresh for each exchange and used once.
package srp
