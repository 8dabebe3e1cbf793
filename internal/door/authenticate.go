package door

import (
	"errors"
	"io"
	"net/http"

	"cloister/internal/awsapi"
	"cloister/internal/awsapi/sigv4"
)

// authenticate finds who calls and sets it in c. It returns the body, whose
// hash the signature has been checked against. What the header alone shows to
// be wrong is refused before the body is read.
func (d *Door) authenticate(c *Call, s *sigv4.Signature, match *awsapi.Match, from *intake) ([]byte, error) {
	if s == nil {
		return d.unsigned(match, from)
	}
	c.Principal = claimant(s.AccessKeyID)
	if err := d.checkScope(s, match); err != nil {
		return nil, err
	}
	if err := d.holdBack(c, s.AccessKeyID); err != nil {
		return nil, err
	}
	credential, wireErr := d.directory.Credential(c, s.AccessKeyID, s.SessionToken)
	if wireErr != nil {
		return nil, unauthenticated(wireErr)
	}
	key, kept := d.keys.Key(s, credential.Secret)
	body, err := d.verify(c, s, key, from)
	if err != nil {
		return nil, err
	}
	if !kept {
		d.keys.Keep(s, credential.Secret, key)
	}
	c.Principal = credential.Principal
	c.Account = accountOf(c.Principal)
	c.Region = s.Region
	return body, nil
}

// unsigned returns the body of an unsigned request, which is read only where
// the request may be for an operation that need not be signed.
func (d *Door) unsigned(match *awsapi.Match, from *intake) ([]byte, error) {
	if !d.mayBePublic(match) {
		return nil, unauthenticated(sigv4.MissingAuthenticationToken())
	}
	from.limit = min(from.limit, maxUnsigned)
	return from.plain()
}

func (d *Door) mayBePublic(match *awsapi.Match) bool {
	if isForm(match) {
		return d.publicForms
	}
	return d.isPublic(match.Operation)
}

func (d *Door) isPublic(op *awsapi.Operation) bool {
	e, ok := d.entries[op]
	return ok && e.unsigned()
}

// checkScope refuses a signature for what is no region, or for another service
// than the request is for: both names go on into keys, ARNs and caches.
func (d *Door) checkScope(s *sigv4.Signature, match *awsapi.Match) error {
	switch {
	case !isRegion(s.Region):
		return unauthenticated(scopeError("Credential should be scoped to a valid region. "))
	case match.Service != nil && match.Service.SigningName != s.Service:
		return unauthenticated(scopeError("Credential should be scoped to correct service: '" + match.Service.SigningName + "'. "))
	case !d.signing[s.Service]:
		return unauthenticated(scopeError("Credential should be scoped to correct service. "))
	}
	return nil
}

// verify checks the signature and returns the body that it covers. A body
// whose hash is declared ahead is read only once its signature is known good;
// of an aws-chunked body nothing counts before its own signature is checked.
func (d *Door) verify(c *Call, s *sigv4.Signature, key sigv4.SigningKey, from *intake) ([]byte, error) {
	if err := verdict(s.Plausible(c.Time)); err != nil {
		return nil, err
	}
	if s.NeedsBody() {
		body, err := from.plain()
		if err != nil {
			return nil, err
		}
		s.HashBody(body)
		return body, d.prove(c, s, key)
	}
	if err := d.prove(c, s, key); err != nil {
		return nil, err
	}
	return from.read(verifying{s.Body(key, from.request.Body)})
}

// prove says that the signature is the key's.
func (d *Door) prove(c *Call, s *sigv4.Signature, key sigv4.SigningKey) error {
	e := s.Verify(key, c.Time)
	d.guessed(c, s.AccessKeyID, e != nil)
	return verdict(e)
}

// verifying is a reader whose wire errors say that the body is not the one that
// was signed.
type verifying struct{ io.Reader }

func (v verifying) Read(p []byte) (int, error) {
	n, err := v.Reader.Read(p)
	var wire *awsapi.Error
	if errors.As(err, &wire) {
		err = unauthenticated(wire)
	}
	return n, err
}

func verdict(e *awsapi.Error) error {
	if e == nil {
		return nil
	}
	return unauthenticated(e)
}

// entrance refuses an unsigned call of an operation that has to be signed, and
// one signed with what works elsewhere only. Of a signed one, whose signature is
// good and for the right service by now, it notes that the key was used.
func (d *Door) entrance(c *Call, s *sigv4.Signature, match *awsapi.Match) error {
	if s != nil {
		d.directory.Used(s.AccessKeyID, s.Service, s.Region, c.Time)
		return d.inItsCell(c)
	}
	if !d.isPublic(match.Operation) {
		return unauthenticated(sigv4.MissingAuthenticationToken())
	}
	return nil
}

// isRegion reports whether a name may stand in keys and ARNs as a region's.
func isRegion(name string) bool {
	for i := range len(name) {
		if c := name[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return name != "" && len(name) <= 32
}

func scopeError(message string) *awsapi.Error {
	return &awsapi.Error{Code: "SignatureDoesNotMatch", Message: message, Status: http.StatusForbidden}
}

// claimant stands for a caller who named an access key and did not prove that
// it is theirs.
func claimant(keyID string) *Principal {
	return &Principal{Principal: anonymous.Principal, AccessKeyID: keyID}
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
