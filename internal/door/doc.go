// Package door is the one way in, for the wire and for calls between services
// alike. What it promises:
//
//   - No operation exists without its permission: registering one takes an
//     Auth, and the few that AWS leaves without permission (SignedOnly, Public)
//     stand in one golden list that a reviewer sees change.
//   - No handler runs before its caller is authenticated, its input validated
//     against the model, and every Need of the call allowed. What maps to no
//     Need is denied.
//   - A handler's state change, its outcome and its audit leaf commit together,
//     or none of them does. What the authorisation read is read again inside
//     that transaction.
//   - A read, an invocation or a refusal is in the audit file before its answer
//     leaves. Of callers whom nobody knows, what one source is refused beyond a
//     hundred times in a second is one record that says how often.
//   - Nothing in this process answers once the store or the audit log can no
//     longer keep what it acknowledges.
//
// Services register with Write, Read and Act, and reach each other with Do, as
// a principal: the caller's own, a session of a role, or a service.
package door
