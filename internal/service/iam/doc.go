// Package iam is AWS Identity and Access Management: users, groups, roles,
// access keys and managed policies, by IAM's own API, and the door's directory
// of who holds an access key and which policies bind them.
//
// What holds:
//   - A change is acknowledged only after this node decides by it. What the
//     directory remembers is made from rows; the store tells it of every row
//     that changed before the change is acknowledged, and what was made from
//     that row is forgotten then. A row that changes while it is being read is
//     never remembered as it was.
//   - An access key, a session, a membership and the principals of a trust policy
//     are bound to the unique id of a user, role or group, never to its name:
//     what is made again under an old name inherits nothing.
//   - Everything is denied to a principal whose policies cannot be read in
//     full, for a policy left out might be the one that denies.
//   - A secret access key is answered once, by CreateAccessKey, and is sealed by
//     the store like every other value.
//
// AWS's own managed policies lie in the folder managed; they exist in every
// account under arn:aws:iam::aws:policy/ and change with this program only.
package iam
