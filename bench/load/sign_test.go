package load

import (
	"bufio"
	"bytes"
	"net/http"
	"testing"
	"time"

	"cloister/internal/awsapi/sigv4"
)

// The requests are measured as they are refused or answered, so a signature
// that the node does not accept would be noticed; this says why.
func TestSignedVerifies(t *testing.T) {
	s := Signer{KeyID: "AKIABENCH", Secret: "secret", Region: "us-east-1", Service: "lambda"}
	now := time.Date(2026, 11, 24, 8, 0, 0, 0, time.UTC)
	for _, request := range []Request{
		{Method: "POST", Path: "/2015-03-31/functions/f/invocations", ContentType: "application/json", Body: []byte(`{"n":1}`)},
		{Method: "POST", Path: "/", ContentType: "application/x-amz-json-1.1", Operation: "TrentService.Encrypt", Body: []byte(`{"n":1}`)},
	} {
		wire := s.Signed("127.0.0.1:4566", &request, now)
		r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(wire)))
		if err != nil {
			t.Fatal(err)
		}
		signature, refused := sigv4.Parse(r)
		if refused != nil {
			t.Fatal(refused)
		}
		signature.HashBody(request.Body)
		if refused := signature.Verify(sigv4.DeriveKey(s.Secret, "20261124", s.Region, s.Service), now); refused != nil {
			t.Errorf("%s: %v", request.Path, refused)
		}
	}
}
