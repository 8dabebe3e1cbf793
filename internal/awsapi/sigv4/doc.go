// Package sigv4 verifies AWS Signature Version 4 on the server: a request that
// passes was made by a holder of the secret key, within its time, and nothing
// that the signature covers was changed since.
//
// [Parse] reads who claims to have signed; [Signature.Verify] decides with that
// holder's key; [Signature.Body] gives the body, and fails in place of io.EOF
// when it is not the one that was signed. What a request may leave unsigned is
// only what AWS leaves: headers that do not begin with x-amz-, the session
// token (which is a credential of its own), and the body where
// [Signature.AllowUnsignedPayload] says so. Anything not understood is refused.
//
// Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html;
// where AWS's services differ from that page, the errors follow what they are
// seen to answer.
package sigv4
