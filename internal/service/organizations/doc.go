// Package organizations is AWS Organizations: several accounts on one node, in a
// tree of organisational units, and the service control and resource control
// policies that limit what they may do
// (https://docs.aws.amazon.com/organizations/latest/userguide/orgs_introduction.html).
//
// It says which accounts exist: an account that it does not know, or that was
// closed, can call nothing. The door asks it on every call, and gets the answer
// from memory. A change to an organisation is acknowledged only after that
// answer has changed; what cannot be read denies.
package organizations
