package load

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"time"
)

// Signer signs requests with AWS Signature Version 4, in the header
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html).
type Signer struct{ KeyID, Secret, Region, Service string }

// Request is a request before it is signed. Path needs no escaping.
type Request struct {
	Method, Path, ContentType string
	Operation                 string // X-Amz-Target, of the JSON protocols
	Body                      []byte
}

// Author writes requests in somebody's name.
type Author interface {
	// Signed returns the whole request to host, as it goes over the wire.
	Signed(host string, r *Request, now time.Time) []byte
}

// Signed returns the whole request to host, as it goes over the wire, signed
// for time now.
func (s Signer) Signed(host string, r *Request, now time.Time) []byte {
	stamp := now.UTC().Format("20060102T150405Z")
	scope := strings.Join([]string{stamp[:8], s.Region, s.Service, "aws4_request"}, "/")
	names, operation, header := "content-type;host;x-amz-date", "", ""
	if r.Operation != "" {
		names += ";x-amz-target"
		operation, header = "x-amz-target:"+r.Operation+"\n", "X-Amz-Target: "+r.Operation+"\r\n"
	}
	canonical := fmt.Sprintf("%s\n%s\n\ncontent-type:%s\nhost:%s\nx-amz-date:%s\n%s\n%s\n%s",
		r.Method, r.Path, r.ContentType, host, stamp, operation, names, digest(r.Body))
	toSign := "AWS4-HMAC-SHA256\n" + stamp + "\n" + scope + "\n" + digest([]byte(canonical))
	signature := hex.EncodeToString(mac(s.key(stamp[:8]), toSign))
	head := fmt.Sprintf("%s %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: Boto3/1.43.0 md/Botocore#1.43.0\r\nContent-Type: %s\r\nX-Amz-Date: %s\r\n"+
		"Authorization: AWS4-HMAC-SHA256 Credential=%s/%s, SignedHeaders=%s, Signature=%s\r\n%sContent-Length: %d\r\n\r\n",
		r.Method, r.Path, host, r.ContentType, stamp, s.KeyID, scope, names, signature, header, len(r.Body))
	return append([]byte(head), r.Body...)
}

func (s Signer) key(date string) []byte {
	key := []byte("AWS4" + s.Secret)
	for _, part := range []string{date, s.Region, s.Service, "aws4_request"} {
		key = mac(key, part)
	}
	return key
}

func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}
