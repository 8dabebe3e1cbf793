package sigv4

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// What the tests sign with.
const (
	testKeyID  = "AKIDEXAMPLE"
	testSecret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
	testRegion = "eu-central-1"
)

var testTime = time.Date(2026, 11, 24, 7, 30, 0, 0, time.UTC)

// failer is what testing.T and rapid.T have in common.
type failer interface {
	Helper()
	Fatalf(format string, args ...any)
}

func newRequest(t failer, method, url, body string) *http.Request {
	t.Helper()
	r, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		t.Fatalf("%v", err)
	}
	return r
}

// arrive sends a request over a wire and reads it as a server does.
func arrive(t failer, r *http.Request) *http.Request {
	t.Helper()
	var wire bytes.Buffer
	if err := r.Write(&wire); err != nil {
		t.Fatalf("%v", err)
	}
	got, err := http.ReadRequest(bufio.NewReader(&wire))
	if err != nil {
		t.Fatalf("%v", err)
	}
	return got
}

// verify does what a server does with a request whose body is small.
func verify(r *http.Request, now time.Time) error {
	s, err := Parse(r)
	if err != nil {
		return err
	}
	if s == nil {
		return MissingAuthenticationToken()
	}
	body, readErr := io.ReadAll(r.Body)
	if readErr != nil {
		return readErr
	}
	s.HashBody(body)
	s.AllowUnsignedPayload = true
	if err := s.Verify(DeriveKey(testSecret, s.Date, s.Region, s.Service), now); err != nil {
		return err
	}
	return nil
}

func hashOf(body string) string {
	sum := sha256.Sum256([]byte(body))
	return hex.EncodeToString(sum[:])
}

// sign signs r's headers with this package's own parts; the other signers of
// these tests prove those. It is for what the others cannot be asked to sign.
func sign(t testing.TB, r *http.Request, payloadHash, service string, at time.Time, headers ...string) {
	t.Helper()
	r.RequestURI = r.URL.RequestURI()
	r.Header.Set("X-Amz-Date", at.Format(stampLayout))
	s := &Signature{
		request:     r,
		Service:     service,
		PayloadHash: payloadHash,
		stamp:       at.Format(stampLayout),
		scope:       at.Format("20060102") + "/" + testRegion + "/" + service + "/" + terminator,
		signed:      headers,
		names:       strings.Join(headers, ";"),
	}
	canonical, ok := s.appendCanonical(nil, true)
	if !ok {
		t.Fatalf("a header to sign is missing from %v", r.Header)
	}
	hash := sha256.Sum256(canonical)
	key := DeriveKey(testSecret, at.Format("20060102"), testRegion, service)
	signature := key.sign(hash[:], algorithm, s.stamp, s.scope)
	r.Header.Set("Authorization", algorithm+" Credential="+testKeyID+"/"+s.scope+", SignedHeaders="+s.names+", Signature="+string(signature[:]))
}
