package door

import (
	"errors"
	"io"
	"net/http"

	"cloister/internal/awsapi"
	"cloister/internal/awsapi/sigv4"
)

// identity is what authentication found out.
type identity struct {
	signed bool
	scope  string // the service that the signature is for
}

// authenticate finds who calls and sets it in c. It returns the body, whose
// hash the signature has been checked against. An access key that nobody holds
// is refused before the body is read.
func (d *Door) authenticate(c *Call, r *http.Request) (identity, []byte, error) {
	signature, wireErr := sigv4.Parse(r)
	if wireErr != nil {
		return identity{}, nil, unauthenticated(wireErr)
	}
	if signature == nil {
		body, err := unsignedBody(r)
		return identity{}, body, err
	}
	id := identity{signed: true, scope: signature.Service}
	credential, wireErr := d.directory.Credential(c, signature.AccessKeyID, signature.SessionToken)
	if wireErr != nil {
		return id, nil, unauthenticated(wireErr)
	}
	key := d.keys.Key(signature, credential.Secret)
	body, err := d.verify(c, signature, key, r)
	if err != nil {
		return id, nil, err
	}
	d.directory.Used(signature.AccessKeyID, signature.Service, signature.Region, c.Time)
	c.Principal = credential.Principal
	c.Account = accountOf(c.Principal)
	c.Region = signature.Region
	return id, body, nil
}

// verify checks the signature and returns the body that it covers. A body
// whose hash is declared ahead is read only once its signature is known good;
// of an aws-chunked body nothing counts before its own signature is checked.
func (d *Door) verify(c *Call, s *sigv4.Signature, key sigv4.SigningKey, r *http.Request) ([]byte, error) {
	if s.NeedsBody() {
		body, err := readBody(r)
		if err != nil {
			return nil, err
		}
		s.HashBody(body)
		return body, verdict(s.Verify(key, c.Time))
	}
	if err := verdict(s.Verify(key, c.Time)); err != nil {
		return nil, err
	}
	return readVerified(s.Body(key, r.Body))
}

func verdict(e *awsapi.Error) error {
	if e == nil {
		return nil
	}
	return unauthenticated(e)
}

// readVerified reads a body that fails at its end if it is not what was signed.
func readVerified(r io.Reader) ([]byte, error) {
	body, err := readSized(io.LimitReader(r, maxBody+1), 0)
	var wireErr *awsapi.Error
	switch {
	case errors.As(err, &wireErr):
		return nil, unauthenticated(wireErr)
	case err != nil:
		return nil, badRequest(err)
	case len(body) > maxBody:
		return nil, tooLarge()
	}
	return body, nil
}

// unsignedBody reads the body of a caller nobody knows, who is not given much
// memory: what it asks for may be public, and only the body tells.
func unsignedBody(r *http.Request) ([]byte, error) {
	const limit = 1 << 20
	body, err := readSized(io.LimitReader(r.Body, limit+1), r.ContentLength)
	if err != nil {
		return nil, badRequest(err)
	}
	if len(body) > limit {
		return nil, tooLarge()
	}
	return body, nil
}

// admit refuses an unsigned call of an operation that is not public, and a
// signature made for another service than the operation's.
func (d *Door) admit(c *Call, id identity) error {
	e, ok := d.entries[c.Operation]
	if !id.signed && (!ok || e.class != ClassPublic) {
		return unauthenticated(sigv4.MissingAuthenticationToken())
	}
	if id.signed && id.scope != c.Operation.Service.SigningName {
		return unauthenticated(wrongScope(c.Operation.Service.SigningName))
	}
	return nil
}

func wrongScope(service string) *awsapi.Error {
	e := awsapi.Errorf("SignatureDoesNotMatch", "Credential should be scoped to correct service: '%s'. ", service)
	e.Status = http.StatusForbidden
	return e
}

// unauthenticated marks e for the audit log.
func unauthenticated(e *awsapi.Error) *awsapi.Error {
	marked := *e
	marked.Cause = errUnauthenticated
	return &marked
}

// inProtocol gives e the code and status that its protocol uses for what the
// door itself refuses: the query protocol says AccessDenied where the JSON
// protocols say AccessDeniedException, and so for authentication.
func inProtocol(e *awsapi.Error, p awsapi.Protocol) *awsapi.Error {
	e = sigv4.ForProtocol(e, p)
	if e.Code != "AccessDenied" || p == awsapi.Query || p == awsapi.EC2Query || p == awsapi.RestXML {
		return e
	}
	denied := *e
	denied.Code = "AccessDeniedException"
	if p == awsapi.JSON10 || p == awsapi.JSON11 || p == awsapi.CBOR {
		denied.Status = http.StatusBadRequest
	}
	return &denied
}
