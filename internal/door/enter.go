package door

import (
	"bytes"
	"io"
	"net/http"

	"cloister/internal/awsapi"
	"cloister/internal/awsapi/sigv4"
)

// Enter takes a request of another protocol than AWS's through the door, as op,
// which is registered with [AtFront], with the input that the front made of it:
// it is identified, authorised, handled, and audited before Enter returns. The
// region is that of the resource. The error is an *awsapi.Error that tells the
// caller no internal matter; requestID is what the audit log knows the call by.
func Enter[In, Out any](d *Door, r *http.Request, op awsapi.Op[In, Out], region string, in *In) (out *Out, requestID string, err error) {
	c := d.wireCall(r)
	c.Operation, c.Region, c.in = op.Operation, region, in
	if e, ok := d.entries[op.Operation]; !ok || e.class != ClassFront {
		return nil, c.RequestID, d.finish(c, notAvailable(op.Operation))
	}
	if err := awsapi.Validate(op.Operation, in); err != nil {
		return nil, c.RequestID, d.finish(c, err)
	}
	answer, err := d.run(c, in)
	if err != nil {
		return nil, c.RequestID, err
	}
	return answer.(*Out), c.RequestID, nil
}

// Body reads the body of a request at a front: at most limit bytes, in the time
// that so many may take, within the memory that all bodies may take together,
// which release gives back when the request is over. The error is an
// *awsapi.Error with status 413, 408, 503 or 400.
func (d *Door) Body(w http.ResponseWriter, r *http.Request, limit int64) (body []byte, release func(), err error) {
	from := d.newIntake(w, r)
	from.limit = limit
	body, err = from.plain()
	if err != nil {
		from.limitRest()
		from.release()
		return nil, func() {}, err
	}
	return body, from.release, nil
}

// Signed says that r, whose body has been read, is signed with AWS Signature
// Version 4 for the service and the call's region, and makes the signer the
// call's principal. It is for an [Identifier] of an operation at a front; the
// error is the call's answer.
func (c *Call) Signed(r *http.Request, service string, body []byte) error {
	s, malformed := sigv4.Parse(r)
	switch {
	case malformed != nil:
		return unauthenticated(malformed)
	case s == nil:
		return unauthenticated(sigv4.MissingAuthenticationToken())
	case s.Service != service:
		return unauthenticated(scopeError("Credential should be scoped to correct service: '" + service + "'. "))
	case s.Region != c.Region:
		return unauthenticated(scopeError("Credential should be scoped to a valid region. "))
	case s.Streaming():
		return unauthenticated(scopeError("Chunked bodies are not signed here. "))
	}
	d := c.door
	c.Principal = claimant(s.AccessKeyID)
	if err := d.holdBack(c, s.AccessKeyID); err != nil {
		return err
	}
	credential, unknown := d.directory.Credential(c, s.AccessKeyID, s.SessionToken)
	if unknown != nil {
		return unauthenticated(unknown)
	}
	key, kept := d.keys.Key(s, credential.Secret)
	if err := c.covers(s, key, body); err != nil {
		return err
	}
	if !kept {
		d.keys.Keep(s, credential.Secret, key)
	}
	d.directory.Used(s.AccessKeyID, s.Service, s.Region, c.Time)
	c.Principal = credential.Principal
	c.Account = accountOf(c.Principal)
	return d.inItsCell(c)
}

// covers says that the signature is good, and the body is the one that was signed.
func (c *Call) covers(s *sigv4.Signature, key sigv4.SigningKey, body []byte) error {
	if err := verdict(s.Plausible(c.Time)); err != nil {
		return err
	}
	if s.NeedsBody() {
		s.HashBody(body)
		return c.door.prove(c, s, key)
	}
	if err := c.door.prove(c, s, key); err != nil {
		return err
	}
	_, err := io.Copy(io.Discard, verifying{s.Body(key, bytes.NewReader(body))})
	return err
}
