package door

import (
	"errors"
	"io"
	"net/http"

	"cloister/internal/awsapi"
	"cloister/internal/awsapi/sigv4"
)

// identity is what a request says of who makes it.
type identity struct {
	signed bool
	keyID  string // the access key that it names
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
		// What an unknown caller asks for may be public, and only the body tells.
		body, err := readBody(r, maxUnsigned)
		return identity{}, body, err
	}
	id := identity{signed: true, keyID: signature.AccessKeyID, scope: signature.Service}
	if err := d.checkScope(signature); err != nil {
		return id, nil, err
	}
	credential, wireErr := d.directory.Credential(c, signature.AccessKeyID, signature.SessionToken)
	if wireErr != nil {
		return id, nil, unauthenticated(wireErr)
	}
	key, kept := d.keys.Key(signature, credential.Secret)
	body, err := d.verify(c, signature, key, r)
	if err != nil {
		return id, nil, err
	}
	if !kept {
		d.keys.Keep(signature, credential.Secret, key)
	}
	c.Principal = credential.Principal
	c.Account = accountOf(c.Principal)
	c.Region = signature.Region
	return id, body, nil
}

// checkScope refuses a signature for what is no region or none of the services:
// both names go on into keys, ARNs and caches.
func (d *Door) checkScope(s *sigv4.Signature) error {
	if !isRegion(s.Region) {
		return unauthenticated(scopeError("Credential should be scoped to a valid region. "))
	}
	if !d.signing[s.Service] {
		return unauthenticated(scopeError("Credential should be scoped to correct service. "))
	}
	return nil
}

// verify checks the signature and returns the body that it covers. A body
// whose hash is declared ahead is read only once its signature is known good;
// of an aws-chunked body nothing counts before its own signature is checked.
func (d *Door) verify(c *Call, s *sigv4.Signature, key sigv4.SigningKey, r *http.Request) ([]byte, error) {
	if s.NeedsBody() {
		body, err := readBody(r, maxBody)
		if err != nil {
			return nil, err
		}
		s.HashBody(body)
		return body, verdict(s.Verify(key, c.Time))
	}
	if err := verdict(s.Verify(key, c.Time)); err != nil {
		return nil, err
	}
	if r.ContentLength > maxBody {
		return nil, tooLarge()
	}
	return readVerified(s.Body(key, r.Body), r.ContentLength)
}

func verdict(e *awsapi.Error) error {
	if e == nil {
		return nil
	}
	return unauthenticated(e)
}

// readVerified reads a body that fails at its end if it is not what was signed.
func readVerified(r io.Reader, size int64) ([]byte, error) {
	body, err := readSized(io.LimitReader(r, maxBody+1), size)
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

// entrance refuses a signature made for another service than the operation's,
// and an unsigned call of an operation that is not public.
func (d *Door) entrance(id identity, match *awsapi.Match) error {
	if id.signed {
		if s := match.Service; s != nil && s.SigningName != id.scope {
			return unauthenticated(scopeError("Credential should be scoped to correct service: '" + s.SigningName + "'. "))
		}
		return nil
	}
	if e, ok := d.entries[match.Operation]; !ok || e.class != ClassPublic {
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
