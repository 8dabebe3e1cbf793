package sigv4

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strings"

	"cloister/internal/awsapi"
)

// authorization returns the Authorization header; several are one list, which
// then does not parse.
func authorization(r *http.Request) string {
	switch values := r.Header["Authorization"]; len(values) {
	case 0:
		return ""
	case 1:
		return values[0]
	default:
		return strings.Join(values, ", ")
	}
}

// isOurs tells this scheme and its relatives, which are refused, from others.
func isOurs(header string) bool { return strings.HasPrefix(header, "AWS4-") }

// credentials are the three parts of an Authorization header, and of a
// presigned query.
type credentials struct{ credential, signedHeaders, signature string }

func parseHeader(r *http.Request, header string) (*Signature, *awsapi.Error) {
	scheme, rest, _ := strings.Cut(header, " ")
	if scheme != algorithm {
		return nil, unsupported(scheme)
	}
	c, err := splitHeader(header, rest)
	if err != nil {
		return nil, err
	}
	stamp := r.Header.Get("X-Amz-Date")
	if stamp == "" {
		stamp = r.Header.Get("Date")
	}
	if err := missingFromHeader(header, c, stamp); err != nil {
		return nil, err
	}
	s := &Signature{request: r, SessionToken: r.Header.Get("X-Amz-Security-Token")}
	if err := s.fill(c, stamp); err != nil {
		return nil, err
	}
	if err := s.setPayloadHash(r.Header.Get("X-Amz-Content-Sha256")); err != nil {
		return nil, err
	}
	return s, nil
}

func unsupported(algorithmName string) *awsapi.Error {
	return incomplete("Unsupported AWS 'algorithm': '" + clip(algorithmName) + "' (only AWS4-HMAC-SHA256 for now). ")
}

// splitHeader reads "Credential=…, SignedHeaders=…, Signature=…" in any order,
// each once and nothing else.
func splitHeader(header, rest string) (c credentials, _ *awsapi.Error) {
	for rest != "" {
		var pair string
		pair, rest, _ = strings.Cut(rest, ",")
		name, value, ok := strings.Cut(strings.TrimSpace(pair), "=")
		if !ok {
			return c, incomplete("Invalid key=value pair (missing equal-sign) in Authorization header " + hashed + ": '" + digest(header) + "'.")
		}
		field := c.field(name)
		if field == nil || *field != "" {
			return c, incomplete("Authorization header has an unexpected or repeated parameter. " + hashed + " Authorization=" + digest(header))
		}
		*field = value
	}
	return c, nil
}

func (c *credentials) field(name string) *string {
	switch name {
	case "Credential":
		return &c.credential
	case "SignedHeaders":
		return &c.signedHeaders
	case "Signature":
		return &c.signature
	}
	return nil
}

// missingFromHeader names all that is missing in one message, as AWS does.
func missingFromHeader(header string, c credentials, stamp string) *awsapi.Error {
	var missing strings.Builder
	for _, part := range []struct{ value, message string }{
		{c.credential, "Authorization header requires 'Credential' parameter. "},
		{c.signature, "Authorization header requires 'Signature' parameter. "},
		{c.signedHeaders, "Authorization header requires 'SignedHeaders' parameter. "},
		{stamp, "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. "},
	} {
		if part.value == "" {
			missing.WriteString(part.message)
		}
	}
	if missing.Len() == 0 {
		return nil
	}
	return incomplete(missing.String() + hashed + " Authorization=" + digest(header))
}

// AWS no longer repeats an Authorization header in its errors, which end up in
// logs, but a hash of it.
const hashed = "(Hashed with SHA-256 and encoded with Base64)"

func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return base64.StdEncoding.EncodeToString(sum[:])
}
