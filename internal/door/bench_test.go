package door_test

import (
	"bytes"
	"io"
	"net/http"
	"testing"

	"cloister/internal/awsapi"
	iam "cloister/internal/awsapi/iam"
	sts "cloister/internal/awsapi/sts"
)

// discard is a ResponseWriter that keeps nothing but the status.
type discard struct {
	header http.Header
	status int
}

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) WriteHeader(status int)      { d.status = status }
func (d *discard) Write(p []byte) (int, error) { return len(p), nil }

// BenchmarkServeHTTP is the whole way of a signed request, from the header to
// the answer, with its authorisation and its audit record.
func BenchmarkServeHTTP(b *testing.B) {
	for _, c := range []struct {
		name    string
		service *awsapi.Service
		request func() *http.Request
	}{
		{"GetCallerIdentity", &sts.Service, getCallerIdentity},
		{"GetUser", &iam.Service, getUser},
	} {
		b.Run(c.name, func(b *testing.B) {
			s := newStage(b)
			r := s.Sign(c.request(), s.Key(s.User("u", allow("iam:*")), c.service))
			body, err := io.ReadAll(r.Body)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				r.Body = io.NopCloser(bytes.NewReader(body))
				w := &discard{header: http.Header{}, status: 200}
				if s.Door.ServeHTTP(w, r); w.status != 200 {
					b.Fatal(w.status)
				}
			}
		})
	}
}
