package sigv4

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"time"

	"cloister/internal/awsapi"
)

const (
	algorithm  = "AWS4-HMAC-SHA256"
	terminator = "aws4_request"
	emptyHash  = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
)

// Signature is what a request claims: who signed it, when, and for what. Until
// Verify has returned nil, none of it is to be believed. It refers to the
// request it was parsed from, which must not be changed meanwhile. Not safe
// for concurrent use.
type Signature struct {
	AccessKeyID  string
	Date         string // of the credential scope, YYYYMMDD
	Region       string // of the credential scope
	Service      string // of the credential scope: the signing name, such as "lambda"
	SessionToken string // empty for long-term keys; the caller decides whether it goes with AccessKeyID
	Presigned    bool   // signed by query parameters, not by a header
	Time         time.Time
	Expires      time.Duration // of a presigned request; 0 when it says nothing

	// PayloadHash is what the signature says of the body: its SHA-256 in
	// lower-case hex, UNSIGNED-PAYLOAD or STREAMING-…. It is empty when the
	// request does not say and has a body: see NeedsBody.
	PayloadHash string

	// AllowUnsignedPayload lets Verify accept a signature that does not cover
	// the body. Set it only for S3, and for operations whose model has the
	// unsigned-payload trait.
	AllowUnsignedPayload bool

	request   *http.Request
	stamp     string   // Time, as it was signed
	scope     string   // DATE/REGION/SERVICE/aws4_request
	signed    []string // names of the signed headers, strictly ascending
	names     string   // the same, as it was signed
	signature string
	body      bodyState
}

// bodyState is what HashBody found.
type bodyState uint8

const (
	bodyUnseen bodyState = iota
	bodyMatches
	bodyDiffers
)

// Parse finds the signature of a request: in the Authorization header or in
// the query. It returns nil and no error when there is none, also when the
// Authorization header is of another scheme. The body is not touched.
func Parse(r *http.Request) (*Signature, *awsapi.Error) {
	header := authorization(r)
	query := querySignature(r.URL.RawQuery)
	switch {
	case header != "" && query != nil:
		return nil, forbidden(codeMismatch, "Found both 'X-Amz-Algorithm' as a query-string param and 'Authorization' as HTTP header.")
	case query != nil:
		return parseQuery(r, query)
	case isOurs(header):
		return parseHeader(r, header)
	}
	return nil, nil
}

// NeedsBody reports whether the request does not say what its body's hash is,
// so that HashBody must be called before Verify. Only S3's clients always say.
func (s *Signature) NeedsBody() bool { return s.PayloadHash == "" }

// HashBody takes the whole body, for a caller that has it in memory. If the
// request said no hash, this one is what must have been signed; if it said
// another, Verify will fail. Body need not be used after it, unless Streaming.
func (s *Signature) HashBody(body []byte) {
	if s.PayloadHash != "" && !isHash(s.PayloadHash) {
		return
	}
	sum := sha256.Sum256(body)
	text := hex.EncodeToString(sum[:])
	s.body = bodyMatches
	if s.PayloadHash == "" {
		s.PayloadHash = text
	} else if s.PayloadHash != text {
		s.body = bodyDiffers
	}
}
