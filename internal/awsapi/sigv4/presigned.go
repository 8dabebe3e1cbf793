package sigv4

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"cloister/internal/awsapi"
)

// maxExpires is the longest life of a presigned request
// (https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html).
const maxExpires = 7 * 24 * time.Hour

// queryAuth holds the parameters of a presigned request, decoded.
type queryAuth struct {
	credentials
	algorithm, date, expires, token, payloadHash string
	repeated                                     bool
}

func (q *queryAuth) field(name string) *string {
	switch name {
	case "X-Amz-Algorithm":
		return &q.algorithm
	case "X-Amz-Credential":
		return &q.credential
	case "X-Amz-Signature":
		return &q.signature
	case "X-Amz-SignedHeaders":
		return &q.signedHeaders
	case "X-Amz-Date":
		return &q.date
	case "X-Amz-Expires":
		return &q.expires
	case "X-Amz-Security-Token":
		return &q.token
	case "X-Amz-Content-Sha256":
		return &q.payloadHash
	}
	return nil
}

// querySignature returns nil when the query has none of the three parameters
// that only a presigned request has.
func querySignature(rawQuery string) *queryAuth {
	if !strings.Contains(rawQuery, "Amz") {
		return nil
	}
	q, found := &queryAuth{}, false
	eachParameter(rawQuery, func(rawName, rawValue string) {
		name := unescape(rawName)
		field := q.field(name)
		if field == nil {
			return
		}
		q.repeated = q.repeated || *field != ""
		*field = unescape(rawValue)
		found = found || field == &q.algorithm || field == &q.credential || field == &q.signature
	})
	if !found {
		return nil
	}
	return q
}

func parseQuery(r *http.Request, q *queryAuth) (*Signature, *awsapi.Error) {
	if err := missingFromQuery(q); err != nil {
		return nil, err
	}
	if q.repeated {
		return nil, incomplete("AWS query-string parameters must not be repeated. Re-examine the query-string parameters.")
	}
	if q.algorithm != algorithm {
		return nil, unsupported(q.algorithm)
	}
	s := &Signature{request: r, Presigned: true, SessionToken: q.token}
	if err := s.setExpires(q.expires); err != nil {
		return nil, err
	}
	if err := s.fill(q.credentials, q.date); err != nil {
		return nil, err
	}
	if err := s.setPayloadHash(presignedHash(r, q, s.Service)); err != nil {
		return nil, err
	}
	return s, nil
}

func missingFromQuery(q *queryAuth) *awsapi.Error {
	var missing strings.Builder
	for _, part := range []struct{ name, value string }{
		{"X-Amz-Algorithm", q.algorithm},
		{"X-Amz-Credential", q.credential},
		{"X-Amz-Signature", q.signature},
		{"X-Amz-SignedHeaders", q.signedHeaders},
		{"X-Amz-Date", q.date},
	} {
		if part.value == "" {
			missing.WriteString("AWS query-string parameters must include '" + part.name + "'. ")
		}
	}
	if missing.Len() == 0 {
		return nil
	}
	return incomplete(missing.String() + "Re-examine the query-string parameters.")
}

// setExpires takes X-Amz-Expires; a request without it lives as long as one
// that is signed by header.
func (s *Signature) setExpires(text string) *awsapi.Error {
	if text == "" {
		return nil
	}
	seconds, err := strconv.ParseUint(text, 10, 32)
	switch {
	case err != nil:
		return incomplete("X-Amz-Expires should be a number")
	case seconds == 0:
		return incomplete("X-Amz-Expires must be non-negative")
	case time.Duration(seconds)*time.Second > maxExpires:
		return incomplete("X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires must be less than 604800 seconds")
	}
	s.Expires = time.Duration(seconds) * time.Second
	return nil
}

// presignedHash is what a presigned request says of its body: S3's say nothing
// and mean UNSIGNED-PAYLOAD, those of other services mean the body's hash.
func presignedHash(r *http.Request, q *queryAuth, service string) string {
	switch header := r.Header.Get("X-Amz-Content-Sha256"); {
	case q.payloadHash != "":
		return q.payloadHash
	case header != "":
		return header
	case isS3(service):
		return unsignedPayload
	}
	return ""
}
