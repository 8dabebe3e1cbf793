package sigv4

import (
	"bufio"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// The worked examples of S3's documentation, one file each: a comment that
// names the page, then the request, CRLF written as line ends. Where the file
// says so, the body follows as runs of "a".
func TestExamplesOfTheS3Documentation(t *testing.T) {
	const secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
	files, _ := filepath.Glob("testdata/s3docs/*.txt")
	if len(files) < 7 {
		t.Fatalf("found %d examples", len(files))
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			r := readExample(t, file)
			s, err := Parse(r)
			if err != nil {
				t.Fatal(err)
			}
			s.AllowUnsignedPayload = true
			key := DeriveKey(secret, s.Date, s.Region, s.Service)
			if err := s.Verify(key, time.Date(2013, 5, 24, 0, 1, 0, 0, time.UTC)); err != nil {
				canonical, _ := s.appendCanonical(nil, true)
				t.Fatalf("%v\n%s", err, canonical)
			}
			body, readErr := io.ReadAll(s.Body(key, r.Body))
			if readErr != nil {
				t.Errorf("body: %v", readErr)
			}
			if s.Streaming() && string(body) != strings.Repeat("a", 66560) {
				t.Errorf("decoded %d bytes, want 66560 times a", len(body))
			}
		})
	}
}

func readExample(t *testing.T, file string) *http.Request {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ := strings.Cut(string(content), "\n") // the comment
	text = strings.ReplaceAll(text, "\n", "\r\n")
	text = strings.ReplaceAll(text, "{65536 a}", strings.Repeat("a", 65536))
	text = strings.ReplaceAll(text, "{1024 a}", strings.Repeat("a", 1024))
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(text)))
	if err != nil {
		t.Fatal(err)
	}
	return r
}
