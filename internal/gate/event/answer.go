package event

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"golang.org/x/net/http/httpguts"
)

// ErrMalformed is for what a function answered that is no answer.
var ErrMalformed = errors.New("the function's answer is malformed")

// Answer is what a client gets.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
}

type answered struct {
	Status     *json.RawMessage           `json:"statusCode"`
	Headers    map[string]json.RawMessage `json:"headers"`
	AllHeaders map[string][]string        `json:"multiValueHeaders"`
	Cookies    []string                   `json:"cookies"`
	Body       *string                    `json:"body"`
	IsBase64   bool                       `json:"isBase64Encoded"`
}

// AnswerV2 reads what a function answers in payload format 2.0. What has no
// status code is the body of an answer, as JSON. The error wraps ErrMalformed.
func AnswerV2(payload []byte) (*Answer, error) {
	if !json.Valid(payload) {
		return nil, ErrMalformed
	}
	var members map[string]json.RawMessage
	if json.Unmarshal(payload, &members) != nil || members["statusCode"] == nil {
		return &Answer{http.StatusOK, http.Header{"Content-Type": {"application/json"}}, payload}, nil
	}
	var a answered
	if err := json.Unmarshal(payload, &a); err != nil || a.Status == nil {
		return nil, ErrMalformed
	}
	a.AllHeaders = nil
	return a.answer("text/plain;charset=utf-8")
}

// AnswerV1 reads what a function answers in payload format 1.0, and behind REST
// APIs. The error wraps ErrMalformed.
func AnswerV1(payload []byte) (*Answer, error) {
	var a answered
	if err := json.Unmarshal(payload, &a); err != nil || a.Status == nil {
		return nil, ErrMalformed
	}
	a.Cookies = nil
	return a.answer("application/json")
}

// answer makes the answer; kind is what it is if the function does not say.
func (a *answered) answer(kind string) (*Answer, error) {
	out := &Answer{Header: http.Header{}}
	var err error
	if out.Status, err = statusOf(*a.Status); err != nil {
		return nil, err
	}
	for name, text := range a.Headers {
		value, err := scalar(text)
		if err != nil {
			return nil, err
		}
		if _, several := a.AllHeaders[name]; several {
			continue
		}
		if err := out.add(name, value); err != nil {
			return nil, err
		}
	}
	for name, values := range a.AllHeaders {
		for _, value := range values {
			if err := out.add(name, value); err != nil {
				return nil, err
			}
		}
	}
	for _, c := range a.Cookies {
		if err := out.add("Set-Cookie", c); err != nil {
			return nil, err
		}
	}
	if a.Body != nil {
		out.Body = []byte(*a.Body)
	}
	if a.IsBase64 {
		if out.Body, err = base64.StdEncoding.DecodeString(string(out.Body)); err != nil {
			return nil, fmt.Errorf("%w: its body is not base64", ErrMalformed)
		}
	}
	if out.Header.Get("Content-Type") == "" && len(out.Body) > 0 {
		out.Header.Set("Content-Type", kind)
	}
	return out, nil
}

// statusOf reads a status that is a number or the text of one. Those below 200
// are not an answer's.
func statusOf(text json.RawMessage) (int, error) {
	var s string
	if json.Unmarshal(text, &s) != nil {
		s = string(text)
	}
	status, err := strconv.Atoi(s)
	if err != nil || status < 200 || status > 599 {
		return 0, fmt.Errorf("%w: its status is none", ErrMalformed)
	}
	return status, nil
}

// scalar reads a header's value.
func scalar(text json.RawMessage) (string, error) {
	var s string
	if json.Unmarshal(text, &s) == nil {
		return s, nil
	}
	switch text[0] {
	case '{', '[':
		return "", fmt.Errorf("%w: a header is not text", ErrMalformed)
	}
	return string(text), nil
}

// connection are the headers of a connection (RFC 9110, section 7.6.1), and of
// how a body is cut, which are the gate's own.
var connection = map[string]bool{
	"Connection": true, "Keep-Alive": true, "Proxy-Connection": true, "Proxy-Authenticate": true, "Proxy-Authorization": true,
	"Te": true, "Trailer": true, "Transfer-Encoding": true, "Upgrade": true, "Content-Length": true,
}

// Hop says whether a header belongs to a connection, and passes no gate.
func Hop(name string) bool { return connection[http.CanonicalHeaderKey(name)] }

// add adds a header of HTTP's grammar, unless it belongs to a connection.
func (a *Answer) add(name, value string) error {
	if !httpguts.ValidHeaderFieldName(name) || !httpguts.ValidHeaderFieldValue(value) {
		return fmt.Errorf("%w: a header is not of HTTP's grammar", ErrMalformed)
	}
	if !Hop(name) {
		a.Header.Add(name, strings.TrimSpace(value))
	}
	return nil
}

// Set sets a header of HTTP's grammar; the error wraps ErrMalformed.
func (a *Answer) Set(name, value string) error {
	a.Header.Del(name)
	return a.add(name, value)
}

// Begin sends the status and headers of an answer whose body comes later.
func (a *Answer) Begin(w http.ResponseWriter) {
	h := w.Header()
	for name, values := range a.Header {
		h[name] = append(h[name], values...)
	}
	w.WriteHeader(a.Status)
}

// Write sends the answer. The body of one that may not have any is left out.
func (a *Answer) Write(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	for name, values := range a.Header {
		h[name] = append(h[name], values...)
	}
	if a.Status != http.StatusNoContent && a.Status != http.StatusNotModified {
		h.Set("Content-Length", strconv.Itoa(len(a.Body)))
	} else {
		a.Body = nil
	}
	w.WriteHeader(a.Status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(a.Body)
	}
}
