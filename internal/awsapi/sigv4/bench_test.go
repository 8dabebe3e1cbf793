package sigv4

import (
	"testing"
)

// A Lambda invocation as the Go SDK signs it, its hash given.
func BenchmarkVerify(b *testing.B) {
	r := arrive(b, signWithSDK(b, call{
		method: "POST", service: "lambda", body: "{}",
		path:    "/2015-03-31/functions/arn%3Aaws%3Alambda%3Aeu-central-1%3A123456789012%3Afunction%3Ahello/invocations",
		headers: map[string]string{"Content-Type": "application/octet-stream", "X-Amz-Invocation-Type": "RequestResponse", "X-Amz-Log-Type": "None"},
		token:   "AQoDYXdzEPT//////////wE==",
	}))
	cache, body := NewKeyCache(100), []byte("{}")
	b.ReportAllocs()
	for b.Loop() {
		s, err := Parse(r)
		if err != nil {
			b.Fatal(err)
		}
		s.HashBody(body)
		key := keyOf(cache, s, testSecret)
		if err := s.Verify(key, testTime); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDeriveKey(b *testing.B) {
	for b.Loop() {
		DeriveKey(testSecret, "20261124", testRegion, "lambda")
	}
}
