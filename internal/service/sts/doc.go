// Package sts is AWS Security Token Service: temporary credentials for roles
// and users.
//
// What holds:
//   - A role's sessions are given only to whom both its trust policy and, but
//     for a trust policy that names the caller itself, the caller's own policies
//     allow it. A role that does not exist is refused in the words in which one
//     that does not trust the caller is.
//   - A session is never more than its role: session policies, tags and duration
//     narrow it, and a chain of roles cannot shed its transitive tags or its
//     source identity.
//   - A user of an identity provider is believed what a token says that the
//     provider's issuer has signed, and no issuer is asked for its keys but those
//     that the account has a provider for and that the role trusts.
//   - A federated user's session does what both its user's policies and its
//     session policies allow, and ends with the user.
//   - Issuing credentials writes nothing. The token carries the session, sealed;
//     see package session.
//
// Trust policies and identity providers are IAM's. STS reads them, and nothing
// else of IAM's, through session.Roles, in the snapshot on which the door decides.
package sts
