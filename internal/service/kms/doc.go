// Package kms is the Key Management Service: keys whose material nobody ever
// sees, and what is done with them. What it promises:
//
//   - Who may use a key is for its policy to say, for its grants, and for IAM
//     only where the key's policy gives the account a say.
//   - A ciphertext opens under the key, the material and the encryption context
//     that it was made with, and whatever else is tried gives one error.
//   - Material is only ever at rest under a wrapping key of its own, which lies
//     apart from the store. When material is destroyed its wrapping key is, so
//     that older copies of the store do not bring it back (docs/erasure.md).
//   - A key that was disabled, a policy or grant that was taken away counts
//     before the change is acknowledged: what is remembered is dropped by the
//     store's change feed.
//
// The primitives are Go's own, whose FIPS 140-3 module GOFIPS140 and
// GODEBUG=fips140 choose; secp256k1 and AES key wrap, which Go has not, come
// from libraries.
package kms
