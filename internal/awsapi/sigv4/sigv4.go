package sigv4

import (
	"io"
	"net/http"
	"time"

	"cloister/internal/awsapi"
)

// Signature is what a request claims: who signed it, when, for what.
type Signature struct {
	AccessKeyID  string
	Date         string // YYYYMMDD of the credential scope
	Region       string
	Service      string
	SessionToken string
	Presigned    bool
	Time         time.Time
	Expires      time.Duration // presigned only
	PayloadHash  string        // lower-case hex, UNSIGNED-PAYLOAD, STREAMING-…; empty: call HashBody before Verify

	// AllowUnsignedPayload lets Verify accept a signature that does not cover
	// the body. Set it only for S3 and for operations whose model says so.
	AllowUnsignedPayload bool
}

// Parse finds the signature of a request.
func Parse(r *http.Request) (*Signature, *awsapi.Error) { panic("skeleton") }

// NeedsBody reports whether HashBody must be called before Verify.
func (s *Signature) NeedsBody() bool { panic("skeleton") }

// HashBody hashes the whole body.
func (s *Signature) HashBody(body []byte) { panic("skeleton") }

// Streaming reports whether the body is aws-chunked.
func (s *Signature) Streaming() bool { panic("skeleton") }

// Verify decides whether the request was signed with key.
func (s *Signature) Verify(key SigningKey, now time.Time) *awsapi.Error { panic("skeleton") }

// Body returns the decoded body, failing in place of io.EOF on a mismatch.
func (s *Signature) Body(key SigningKey, r io.Reader) io.Reader { panic("skeleton") }

// SigningKey is a secret key confined to one day, region and service.
type SigningKey [32]byte

// DeriveKey derives the signing key.
func DeriveKey(secret, date, region, service string) SigningKey { panic("skeleton") }

// KeyCache keeps derived signing keys.
type KeyCache struct{}

// NewKeyCache returns a cache of at most max keys.
func NewKeyCache(max int) *KeyCache { panic("skeleton") }

// Key returns the signing key of s, deriving it from secret when needed.
func (c *KeyCache) Key(s *Signature, secret string) SigningKey { panic("skeleton") }

// Forget drops every key of the access key.
func (c *KeyCache) Forget(accessKeyID string) { panic("skeleton") }

// MissingAuthenticationToken is the error of an unsigned request.
func MissingAuthenticationToken() *awsapi.Error { panic("skeleton") }

// InvalidClientTokenID is the error of an access key that does not exist.
func InvalidClientTokenID() *awsapi.Error { panic("skeleton") }

// ExpiredToken is the error of a session that is over.
func ExpiredToken() *awsapi.Error { panic("skeleton") }

// ForJSON returns the error with the code that awsJson, restJson and CBOR protocols use.
func ForJSON(e *awsapi.Error) *awsapi.Error { panic("skeleton") }
