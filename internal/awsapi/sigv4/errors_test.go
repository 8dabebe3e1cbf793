package sigv4

import (
	"bufio"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cloister/internal/awsapi"
)

// Each file of testdata/errors has cases separated by a line of "---": a
// request, a line "=>", and what Parse and then Verify at testTime say of it,
// with the key that the credential scope asks for; @digest is the hash of the
// Authorization header. "unsigned" is a request in
// which Parse finds no signature; "ok" is one that verifies.
func TestErrorsAreAWSs(t *testing.T) {
	files, _ := filepath.Glob("testdata/errors/*.txt")
	if len(files) == 0 {
		t.Fatal("no cases")
	}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for i, text := range strings.Split(string(content), "\n---\n") {
			request, want, ok := strings.Cut(text, "\n=>\n")
			if !ok {
				t.Fatalf("%s: case %d has no result", file, i)
			}
			t.Run(fmt.Sprintf("%s/%d", filepath.Base(file), i), func(t *testing.T) {
				got := outcome(t, request)
				want = strings.ReplaceAll(want, "@digest", digest(authorizationOf(request)))
				if strings.TrimSpace(got) != strings.TrimSpace(want) {
					t.Errorf("%s\ngot:  %s\nwant: %s", request, got, want)
				}
			})
		}
	}
}

func outcome(t *testing.T, text string) string {
	t.Helper()
	text = strings.ReplaceAll(strings.TrimSpace(text), "\n", "\r\n") + "\r\n\r\n"
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(text)))
	if err != nil {
		t.Fatal(err)
	}
	s, refused := Parse(r)
	switch {
	case refused != nil:
		return show(refused)
	case s == nil:
		return "unsigned"
	}
	if refused := s.Verify(DeriveKey(testSecret, s.Date, s.Region, s.Service), testTime); refused != nil {
		return show(refused)
	}
	return "ok"
}

func authorizationOf(request string) string {
	_, after, _ := strings.Cut(request, "Authorization: ")
	value, _, _ := strings.Cut(after, "\n")
	return value
}

func show(e *awsapi.Error) string { return fmt.Sprintf("%d %s: %s", e.Status, e.Code, e.Message) }

func TestErrorsInEachProtocol(t *testing.T) {
	skewed := forbidden(codeSkewed, "Signature expired: …")
	other := awsapi.Errorf("BadDigest", "x")
	for _, c := range []struct {
		in       *awsapi.Error
		protocol awsapi.Protocol
		want     string
	}{
		{MissingAuthenticationToken(), awsapi.Query, "403 MissingAuthenticationToken: Request is missing Authentication Token"},
		{MissingAuthenticationToken(), awsapi.RestJSON, "403 MissingAuthenticationTokenException: Missing Authentication Token"},
		{MissingAuthenticationToken(), awsapi.RestXML, "403 AccessDenied: Access Denied"},
		{InvalidClientTokenID(), awsapi.Query, "403 InvalidClientTokenId: The security token included in the request is invalid."},
		{InvalidClientTokenID(), awsapi.JSON11, "400 UnrecognizedClientException: The security token included in the request is invalid."},
		{InvalidClientTokenID(), awsapi.RestJSON, "403 UnrecognizedClientException: The security token included in the request is invalid."},
		{InvalidClientTokenID(), awsapi.RestXML, "403 InvalidAccessKeyId: The AWS Access Key Id you provided does not exist in our records."},
		{ExpiredToken(), awsapi.Query, "403 ExpiredToken: The security token included in the request is expired"},
		{ExpiredToken(), awsapi.CBOR, "400 ExpiredTokenException: The security token included in the request is expired"},
		{ExpiredToken(), awsapi.RestXML, "400 ExpiredToken: The provided token has expired."},
		{mismatch(), awsapi.Query, "403 SignatureDoesNotMatch: " + mismatchMessage},
		{mismatch(), awsapi.JSON10, "400 InvalidSignatureException: " + mismatchMessage},
		{incomplete("m"), awsapi.Query, "400 IncompleteSignature: m"},
		{incomplete("m"), awsapi.JSON10, "400 IncompleteSignatureException: m"},
		{incomplete("m"), awsapi.RestXML, "400 AuthorizationHeaderMalformed: m"},
		{skewed, awsapi.Query, "403 SignatureDoesNotMatch: Signature expired: …"},
		{skewed, awsapi.JSON11, "400 InvalidSignatureException: Signature expired: …"},
		{skewed, awsapi.RestXML, "403 RequestTimeTooSkewed: The difference between the request time and the current time is too large."},
		{other, awsapi.JSON11, "0 BadDigest: x"},
	} {
		if got := show(ForProtocol(c.in, c.protocol)); got != c.want {
			t.Errorf("%s in %s: %s, want %s", c.in.Code, c.protocol, got, c.want)
		}
	}
}

// A request that does not say its body's hash must not verify before the body
// was seen, whatever was signed.
func TestBodyMustBeHashedFirst(t *testing.T) {
	r := newRequest(t, "POST", "https://iam.amazonaws.com/", "Action=ListUsers")
	sign(t, r, "", "iam", testTime, "host", "x-amz-date")
	s, err := Parse(r)
	if err != nil || !s.NeedsBody() {
		t.Fatalf("%v, needs its body: %v", err, s.NeedsBody())
	}
	if s.Verify(DeriveKey(testSecret, s.Date, s.Region, s.Service), testTime) == nil {
		t.Error("verified without the body")
	}
}

func TestUnsignedPayloadOnlyWhereAllowed(t *testing.T) {
	r := newRequest(t, "PUT", "https://b.s3.amazonaws.com/k", "hello")
	r.Header.Set("X-Amz-Content-Sha256", unsignedPayload)
	sign(t, r, unsignedPayload, "s3", testTime, "host", "x-amz-content-sha256", "x-amz-date")
	s, err := Parse(r)
	if err != nil {
		t.Fatal(err)
	}
	s.HashBody([]byte("hello"))
	key := DeriveKey(testSecret, s.Date, s.Region, s.Service)
	if s.Verify(key, testTime) == nil {
		t.Error("verified though the body is not signed")
	}
	s.AllowUnsignedPayload = true
	if err := s.Verify(key, testTime); err != nil {
		t.Error(err)
	}
}

// What a client sent comes back in messages only in part.
func TestMessagesAreBounded(t *testing.T) {
	long := strings.Repeat("\xff/", 10_000)
	for _, header := range []string{
		"AWS4-" + long + " Credential=a",
		algorithm + " Credential=" + long + ", SignedHeaders=host, Signature=0",
		algorithm + " Credential=k/" + strings.Repeat("d", 10_000) + "/r/s/t, SignedHeaders=host, Signature=0",
		algorithm + " " + long,
	} {
		r := newRequest(t, "GET", "https://example.com/", "")
		r.Header.Set("Authorization", header)
		r.Header.Set("X-Amz-Date", testTime.Format(stampLayout))
		_, err := Parse(r)
		if err == nil || len(err.Message) > 1000 {
			t.Errorf("%.40s: %v", header, err)
		}
	}
}
