// Package event has the shapes in which functions behind APIs and behind URLs
// are told of requests, and reads what they answer: API Gateway's payload
// formats 1.0 and 2.0
// (https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html).
//
// Nothing that a function answers ends a header or an answer early: names and
// values that are not of HTTP's grammar make the answer malformed, and the
// headers that belong to a connection are left out.
package event

import (
	"encoding/base64"
	"mime"
	"net/http"
	"net/textproto"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"
)

// Request is a request to an API or to a function's URL, told apart from how it
// came. Header and Query are as they came, but for what the gate itself sets.
type Request struct {
	Method   string
	Path     string // not decoded
	Query    string // not decoded, without "?"
	Protocol string // "HTTP/1.1"
	Header   http.Header
	Host     string
	Body     []byte

	Account, API, Stage       string
	DomainName, DomainPrefix  string
	RouteKey                  string
	RequestID                 string
	Time                      time.Time
	SourceIP                  string
	PathParameters, Variables map[string]string
	Authorizer                *Authorizer // nil where nobody was asked for

	ClientCertificate *ClientCertificate // nil without mutual TLS
}

// Authorizer is who calls, as functions are told. One of the members is set.
type Authorizer struct {
	JWT    *JWT           `json:"jwt,omitempty"`
	IAM    *IAM           `json:"iam,omitempty"`
	Lambda map[string]any `json:"lambda,omitempty"`
}

// JWT is what a token says.
type JWT struct {
	Claims map[string]string `json:"claims"`
	Scopes []string          `json:"scopes"` // those of the route that the token has; nil for none
}

// IAM is who signed.
type IAM struct {
	AccessKey       string  `json:"accessKey"`
	AccountID       string  `json:"accountId"`
	CallerID        string  `json:"callerId"`
	CognitoIdentity any     `json:"cognitoIdentity"`
	PrincipalOrgID  *string `json:"principalOrgId"`
	UserARN         string  `json:"userArn"`
	UserID          string  `json:"userId"`
}

// ClientCertificate is what a client showed by mutual TLS.
type ClientCertificate struct {
	PEM       string `json:"clientCertPem"`
	SubjectDN string `json:"subjectDN"`
	IssuerDN  string `json:"issuerDN"`
	Serial    string `json:"serialNumber"`
	Validity  struct {
		NotBefore string `json:"notBefore"`
		NotAfter  string `json:"notAfter"`
	} `json:"validity"`
}

// headers are lower case, with all values of a name in one text and without
// cookies.
func (r *Request) headers() map[string]string {
	all := make(map[string]string, len(r.Header)+1)
	for name, values := range r.Header {
		if name != "Cookie" {
			all[strings.ToLower(name)] = strings.Join(values, ",")
		}
	}
	all["host"] = r.Host
	return all
}

// cookies are those of the request, as it has them.
func (r *Request) cookies() (cookies []string) {
	for _, line := range r.Header["Cookie"] {
		for _, c := range strings.Split(line, ";") {
			if c = textproto.TrimString(c); c != "" {
				cookies = append(cookies, c)
			}
		}
	}
	return cookies
}

// query gives the parameters, decoded, in the order in which they stand. What
// cannot be decoded is as it is written.
func (r *Request) query() (names []string, values map[string][]string) {
	values = map[string][]string{}
	for _, pair := range strings.Split(r.Query, "&") {
		if pair == "" {
			continue
		}
		name, value, _ := strings.Cut(pair, "=")
		name, value = unescape(name), unescape(value)
		if _, known := values[name]; !known {
			names = append(names, name)
		}
		values[name] = append(values[name], value)
	}
	return names, values
}

func unescape(s string) string {
	if plain, err := url.QueryUnescape(s); err == nil && utf8.ValidString(plain) {
		return plain
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}

// body gives the body as text, in base64 if it is none.
func (r *Request) body() (text *string, encoded bool) {
	if len(r.Body) == 0 {
		return nil, false
	}
	s := string(r.Body)
	if encoded = !isText(r.Header) || !utf8.Valid(r.Body); encoded {
		s = base64.StdEncoding.EncodeToString(r.Body)
	}
	return &s, encoded
}

// isText says whether a body is handed over as it is: text, JSON, XML and
// JavaScript that nothing compressed.
func isText(h http.Header) bool {
	if encoding := h.Get("Content-Encoding"); encoding != "" && !strings.EqualFold(encoding, "identity") {
		return false
	}
	kind := h.Get("Content-Type")
	if kind == "" {
		return true
	}
	media, _, err := mime.ParseMediaType(kind)
	if err != nil {
		media, _, _ = strings.Cut(strings.ToLower(kind), ";")
		media = strings.TrimSpace(media)
	}
	switch media {
	case "application/json", "application/xml", "application/javascript":
		return true
	}
	return strings.HasPrefix(media, "text/") || strings.HasSuffix(media, "+json") || strings.HasSuffix(media, "+xml")
}

// clock is CLF's form of a time, in UTC.
func clock(t time.Time) string { return t.UTC().Format("02/Jan/2006:15:04:05 -0700") }

// orNone gives nil for an empty map, which JSON then leaves out or has as null.
func orNone(m map[string]string) map[string]string {
	if len(m) == 0 {
		return nil
	}
	return m
}
