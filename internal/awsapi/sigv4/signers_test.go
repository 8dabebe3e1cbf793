package sigv4

import (
	"context"
	"encoding/hex"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	smithycreds "github.com/aws/smithy-go/aws-http-auth/credentials"
	smithy "github.com/aws/smithy-go/aws-http-auth/sigv4"
	smithyv4 "github.com/aws/smithy-go/aws-http-auth/v4"
	"pgregory.net/rapid"
)

// call is a request that any signer can be asked to sign.
type call struct {
	method, path, query, body, service, token string
	headers                                   map[string]string
	presigned                                 bool
}

// drawCall draws what all three signers agree on: no repeated query names, no
// path that needs normalising (two of the signers leave that to their caller).
func drawCall(t *rapid.T) call {
	c := call{
		method:    rapid.SampledFrom([]string{"GET", "POST", "PUT", "DELETE"}).Draw(t, "method"),
		service:   rapid.SampledFrom([]string{"lambda", "s3", "iam", "execute-api"}).Draw(t, "service"),
		token:     rapid.SampledFrom([]string{"", "AQoDYXdzEPT//////////wE=="}).Draw(t, "token"),
		presigned: rapid.Bool().Draw(t, "presigned"),
		headers:   map[string]string{},
	}
	text := rapid.StringMatching(`[ -~é€]{0,12}`)
	for range rapid.IntRange(1, 4).Draw(t, "segments") {
		segment := rapid.StringMatching(`[a-zA-Z0-9][ -.:-~é]{0,8}`).Draw(t, "segment")
		c.path += "/" + escapeSegment(segment)
	}
	query := url.Values{}
	for range rapid.IntRange(0, 4).Draw(t, "parameters") {
		query.Set(rapid.StringMatching(`[a-zA-Z0-9]{1,5}`).Draw(t, "name"), text.Draw(t, "value"))
	}
	c.query = strings.ReplaceAll(query.Encode(), "+", "%20")
	for _, name := range []string{"X-Amz-Target", "X-Amz-Meta-A", "Content-Type"} {
		if !c.presigned && rapid.Bool().Draw(t, name) {
			c.headers[name] = rapid.StringMatching(`[!-~]([!-~]| [!-~]){0,10}`).Draw(t, "header")
		}
	}
	if c.method != "GET" && !c.presigned {
		c.body = text.Draw(t, "body")
	}
	return c
}

// escapeSegment escapes as the SDKs' serialisers do: all but unreserved octets.
func escapeSegment(text string) (out string) {
	for i := range len(text) {
		out += string(appendEscaped(nil, text[i]))
	}
	return out
}

func (c call) url() string {
	if c.query == "" {
		return "https://example.amazonaws.com" + c.path
	}
	return "https://example.amazonaws.com" + c.path + "?" + c.query
}

func (c call) request(t failer) *http.Request {
	r := newRequest(t, c.method, c.url(), c.body)
	for name, value := range c.headers {
		r.Header.Set(name, value)
	}
	if c.service == "s3" && !c.presigned {
		r.Header.Set("X-Amz-Content-Sha256", hashOf(c.body))
	}
	return r
}

func (c call) payloadHash() string {
	if c.presigned && c.service == "s3" {
		return unsignedPayload
	}
	return hashOf(c.body)
}

// signers sign a call at testTime and return the request that they would send.
var signers = map[string]func(t failer, c call) *http.Request{
	"SDK for Go v2": signWithSDK,
	"smithy-go":     signWithSmithy,
}

func signWithSDK(t failer, c call) *http.Request {
	r := c.request(t)
	credentials := aws.Credentials{AccessKeyID: testKeyID, SecretAccessKey: testSecret, SessionToken: c.token}
	signer := sdk.NewSigner(func(o *sdk.SignerOptions) { o.DisableURIPathEscaping = c.service == "s3" })
	if !c.presigned {
		if err := signer.SignHTTP(context.Background(), credentials, r, c.payloadHash(), c.service, testRegion, testTime); err != nil {
			t.Fatalf("%v", err)
		}
		return r
	}
	query := r.URL.Query()
	query.Set("X-Amz-Expires", "900")
	r.URL.RawQuery = query.Encode()
	signed, _, err := signer.PresignHTTP(context.Background(), credentials, r, c.payloadHash(), c.service, testRegion, testTime)
	if err != nil {
		t.Fatalf("%v", err)
	}
	return newRequest(t, c.method, signed, c.body)
}

func signWithSmithy(t failer, c call) *http.Request {
	r := c.request(t)
	if c.presigned {
		query := r.URL.Query()
		query.Set("X-Amz-Expires", "900")
		r.URL.RawQuery = query.Encode()
	}
	in := &smithy.SignRequestInput{
		Request:     r,
		PayloadHash: []byte(unsignedPayload),
		Credentials: smithycreds.Credentials{AccessKeyID: testKeyID, SecretAccessKey: testSecret, SessionToken: c.token},
		Service:     c.service,
		Region:      testRegion,
		Time:        testTime,
	}
	if c.presigned {
		in.SignatureType = smithyv4.SignatureTypeQueryString
	}
	if hash := c.payloadHash(); hash != unsignedPayload {
		in.PayloadHash, _ = hex.DecodeString(hash)
	}
	err := smithy.New().SignRequest(in, func(o *smithyv4.SignerOptions) { o.DisableDoublePathEscape = c.service == "s3" })
	if err != nil {
		t.Fatalf("%v", err)
	}
	return r
}

func TestIndependentSignersVerify(t *testing.T) {
	for name, signed := range signers {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				c := drawCall(t)
				r := arrive(t, signed(t, c))
				if err := verify(r, testTime.Add(time.Minute)); err != nil {
					t.Fatalf("%+v: %v", c, err)
				}
			})
		})
	}
}

// mutation changes one thing of a signed request. It reports false when there
// is nothing of the kind to change.
type mutation struct {
	name   string
	change func(t *rapid.T, r *http.Request) bool
}

var mutations = []mutation{
	{"method", func(t *rapid.T, r *http.Request) bool {
		r.Method = "PATCH"
		return true
	}},
	{"path", func(t *rapid.T, r *http.Request) bool {
		path, query, _ := strings.Cut(r.RequestURI, "?")
		at := rapid.IntRange(1, len(path)).Draw(t, "at")
		r.RequestURI = path[:at] + "x" + path[at:] + "?" + query
		return true
	}},
	{"query value", func(t *rapid.T, r *http.Request) bool {
		r.URL.RawQuery += "x"
		return strings.Contains(r.URL.RawQuery, "=")
	}},
	{"query parameter added", func(t *rapid.T, r *http.Request) bool {
		r.URL.RawQuery = strings.TrimPrefix(r.URL.RawQuery+"&zzzzzz=1", "&")
		return true
	}},
	{"query parameter dropped", func(t *rapid.T, r *http.Request) bool {
		first, rest, more := strings.Cut(r.URL.RawQuery, "&")
		r.URL.RawQuery = rest
		return first != "" && (more || !strings.Contains(first, "Amz"))
	}},
	{"host", func(t *rapid.T, r *http.Request) bool {
		r.Host = "evil." + r.Host
		return true
	}},
	{"signed header", func(t *rapid.T, r *http.Request) bool {
		for _, name := range []string{"X-Amz-Target", "X-Amz-Meta-A", "X-Amz-Content-Sha256"} {
			if r.Header.Get(name) != "" {
				r.Header[name][0] += "x"
				return true
			}
		}
		return false
	}},
	{"signed header repeated", func(t *rapid.T, r *http.Request) bool {
		for _, name := range []string{"X-Amz-Target", "X-Amz-Meta-A", "X-Amz-Date"} {
			if r.Header.Get(name) != "" {
				r.Header.Add(name, r.Header.Get(name))
				return true
			}
		}
		return false
	}},
	{"signed header dropped", func(t *rapid.T, r *http.Request) bool {
		for _, name := range []string{"X-Amz-Target", "X-Amz-Meta-A"} {
			if r.Header.Get(name) != "" {
				r.Header.Del(name)
				return true
			}
		}
		return false
	}},
	{"x-amz- header added", func(t *rapid.T, r *http.Request) bool {
		r.Header.Set("X-Amz-Acl", "public-read")
		return true
	}},
	{"body", func(t *rapid.T, r *http.Request) bool {
		s, err := Parse(r)
		if err != nil || s.PayloadHash == unsignedPayload {
			return false
		}
		r.Body = newRequest(t, "PUT", "/", "another body that nobody signed").Body
		r.ContentLength = -1
		return true
	}},
	{"date", func(t *rapid.T, r *http.Request) bool { return replaceSigned(r, "T073000Z", "T073001Z") }},
	{"scope's date", func(t *rapid.T, r *http.Request) bool { return replaceSigned(r, "/20261124/", "/20261125/") }},
	{"scope's region", func(t *rapid.T, r *http.Request) bool { return replaceSigned(r, testRegion, "eu-central-2") }},
	{"scope's service", func(t *rapid.T, r *http.Request) bool { return replaceSigned(r, "/aws4_request", "x/aws4_request") }},
	{"scope's end", func(t *rapid.T, r *http.Request) bool { return replaceSigned(r, "/aws4_request", "/aws5_request") }},
	{"algorithm", func(t *rapid.T, r *http.Request) bool {
		return replaceSigned(r, "AWS4-HMAC-SHA256", "AWS4-HMAC-SHA512")
	}},
	{"signed headers", func(t *rapid.T, r *http.Request) bool {
		return replaceSigned(r, "SignedHeaders=host", "SignedHeaders=hosT")
	}},
	{"expiry", func(t *rapid.T, r *http.Request) bool {
		return replaceSigned(r, "X-Amz-Expires=900", "X-Amz-Expires=901")
	}},
	{"signature", func(t *rapid.T, r *http.Request) bool {
		at := rapid.IntRange(0, 63).Draw(t, "digit")
		to := string(rapid.SampledFrom([]byte("0123456789abcdefABCDEF")).Draw(t, "to"))
		flip := func(text string) string {
			i := strings.Index(text, "Signature=")
			if i < 0 {
				return text
			}
			i += len("Signature=") + at
			return text[:i] + to + text[i+1:]
		}
		before, header := r.URL.RawQuery, r.Header.Get("Authorization")
		r.URL.RawQuery = flip(before)
		if header != "" {
			r.Header.Set("Authorization", flip(header))
		}
		return r.URL.RawQuery != before || r.Header.Get("Authorization") != header
	}},
	{"signature cut", func(t *rapid.T, r *http.Request) bool {
		s, _ := Parse(r)
		return replaceSigned(r, s.signature, s.signature[:rapid.IntRange(0, 63).Draw(t, "length")])
	}},
}

// replaceSigned replaces text in the credential, date or query, whichever form
// the signature has.
func replaceSigned(r *http.Request, old, new string) bool {
	escaped := func(text string) string { return strings.ReplaceAll(text, "/", "%2F") }
	query := strings.ReplaceAll(r.URL.RawQuery, escaped(old), escaped(new))
	changed := query != r.URL.RawQuery
	r.URL.RawQuery = query
	for _, name := range []string{"Authorization", "X-Amz-Date"} {
		if value := r.Header.Get(name); strings.Contains(value, old) {
			r.Header.Set(name, strings.ReplaceAll(value, old, new))
			changed = true
		}
	}
	return changed
}

func TestEveryChangeIsRefused(t *testing.T) {
	tried := map[string]int{}
	rapid.Check(t, func(t *rapid.T) {
		c := drawCall(t)
		for i, m := range mutations {
			r := arrive(t, signWithSDK(t, c))
			if !m.change(t, r) {
				continue
			}
			tried[m.name]++
			if verify(r, testTime) == nil {
				t.Fatalf("%s (mutation %s): verified after the change: %s %s %v", m.name, strconv.Itoa(i), r.Method, r.RequestURI, r.Header)
			}
		}
	})
	for _, m := range mutations {
		if tried[m.name] == 0 {
			t.Errorf("%s was never tried", m.name)
		}
	}
}
