package sigv4

import (
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"io"

	"cloister/internal/awsapi"
)

// What x-amz-content-sha256 may say in place of a hash
// (https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-auth-using-authorization-header.html).
const (
	unsignedPayload    = "UNSIGNED-PAYLOAD"
	streamSigned       = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
	streamSignedTail   = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
	streamUnsignedTail = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
)

// setPayloadHash takes what the request says of its body.
func (s *Signature) setPayloadHash(said string) *awsapi.Error {
	switch {
	case said == "" && s.request.ContentLength == 0:
		s.PayloadHash = emptyHash
	case said == "", isHash(said), said == unsignedPayload,
		said == streamSigned, said == streamSignedTail, said == streamUnsignedTail:
		s.PayloadHash = said
	default:
		return incomplete("x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-UNSIGNED-PAYLOAD-TRAILER, STREAMING-AWS4-HMAC-SHA256-PAYLOAD, STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER or a valid sha256 value.")
	}
	return nil
}

func isHash(text string) bool {
	for i := range len(text) {
		if c := text[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return len(text) == hex.EncodedLen(sha256.Size)
}

// unsigned reports whether the signature does not cover the body.
func (s *Signature) unsigned() bool {
	return s.PayloadHash == unsignedPayload || s.PayloadHash == streamUnsignedTail
}

// Streaming reports whether the body is aws-chunked, so that it must be read
// through Body, which decodes it.
func (s *Signature) Streaming() bool {
	return s.PayloadHash == streamSigned || s.PayloadHash == streamSignedTail || s.PayloadHash == streamUnsignedTail
}

// Body returns the request's body from r, decoded where it is aws-chunked. A
// Read returns an *awsapi.Error in place of io.EOF when the body is not the one
// that was signed: nothing that was read counts before io.EOF. A signed chunk
// fails at its own end. Call it after Verify, once.
func (s *Signature) Body(key SigningKey, r io.Reader) io.Reader {
	switch {
	case s.Streaming():
		return newChunkReader(s, key, r)
	case s.body == bodyMatches || s.unsigned():
		return r
	}
	return &hashReader{r: r, hash: sha256.New(), want: s.PayloadHash}
}

// hashReader checks the hash of all that passes when it ends.
type hashReader struct {
	r    io.Reader
	hash hash.Hash
	want string
	err  error
}

func (h *hashReader) Read(p []byte) (int, error) {
	if h.err != nil {
		return 0, h.err
	}
	n, err := h.r.Read(p)
	h.hash.Write(p[:n])
	if err == io.EOF && hex.EncodeToString(h.hash.Sum(nil)) != h.want {
		err = mismatch()
	}
	h.err = err
	return n, err
}
