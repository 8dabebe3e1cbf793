// Package gate stands before the door on the node's listener. It tells by a
// request's host name and path whether it is one of AWS's own protocols, which
// is the door's, or one for what users have put up here: an API, a function's
// URL, an identity provider's pages. Those go to their front, which takes them
// through the door in turn (door.Enter), so that they are authorised and audited
// like everything else.
//
// Names have the form NAME.KIND.SUFFIX, where KIND says which front it is
// ("execute-api", "lambda-url", "auth") and SUFFIX is one of the node's. The same
// is reached at /_aws/KIND/NAME/… of the node's own address. Other hosts may be
// the domains of users, which fronts claim.
package gate
