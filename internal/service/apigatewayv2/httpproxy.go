package apigatewayv2

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"

	"cloister/internal/dial"
	"cloister/internal/gate/event"
)

// forward passes a request on to the backend of an HTTP integration, and gives its
// answer. Where it goes is decided by the dialer, which lets nobody reach what only
// the platform can.
func (s *Service) forward(ctx context.Context, x *exchange, out *outbound) (*event.Answer, error) {
	target, err := x.backend(out)
	if err != nil {
		return nil, err
	}
	method := val(x.route.integration.IntegrationMethod)
	if method == "ANY" {
		method = x.r.Method
	}
	request, err := http.NewRequestWithContext(ctx, method, target.String(), bytes.NewReader(out.Body))
	if err != nil {
		return nil, refusal(http.StatusInternalServerError, err)
	}
	request.Header = out.Header.Clone()
	request.Header.Del("Content-Length") // the request's own
	if request.Header.Get("User-Agent") == "" {
		request.Header.Set("User-Agent", "AmazonAPIGateway_"+x.api.row.id())
	}
	request.Header.Set("Forwarded", "for="+forwardedFor(out.SourceIP)+";host=\""+strings.ReplaceAll(out.DomainName, `"`, "")+"\";proto="+out.Header.Get("X-Forwarded-Proto"))
	answer, err := s.backends.RoundTrip(request)
	if err != nil {
		return nil, backendError(err)
	}
	defer func() { _ = answer.Body.Close() }()
	received, release, err := s.readBackend(answer)
	earlier := x.release
	x.release = func() { earlier(); release() }
	return received, err
}

// forwardedFor writes an address as RFC 7239 has it.
func forwardedFor(ip string) string {
	if strings.Contains(ip, ":") {
		return `"[` + ip + `]"`
	}
	return ip
}

func backendError(err error) error {
	if errors.Is(err, dial.ErrRefused) {
		return refusal(http.StatusInternalServerError, err)
	}
	return refusal(http.StatusServiceUnavailable, err)
}

// mostAnswers is the memory that the answers of all backends may take together, in
// bytes, and answerStep in what steps it is taken.
const (
	mostAnswers = 256 << 20
	answerStep  = 64 << 10
)

// readBackend reads an answer of at most maxBody. What is in memory of all answers
// is bounded: beyond it the backend counts as unavailable.
func (s *Service) readBackend(answer *http.Response) (*event.Answer, func(), error) {
	var body bytes.Buffer
	taken := int64(0)
	release := func() { s.answers.Add(-taken) }
	for {
		taken += answerStep
		if s.answers.Add(answerStep) > mostAnswers {
			return nil, release, refusal(http.StatusServiceUnavailable, errors.New("the answers of backends take too much memory"))
		}
		n, err := io.CopyN(&body, answer.Body, answerStep)
		if body.Len() > maxBody {
			return nil, release, refusal(http.StatusBadGateway, errors.New("the backend's answer is too large"))
		}
		if errors.Is(err, io.EOF) || err == nil && n == 0 {
			break
		}
		if err != nil {
			return nil, release, backendError(err)
		}
	}
	if answer.StatusCode < 200 || answer.StatusCode > 599 {
		return nil, release, refusal(http.StatusBadGateway, errors.New("the backend's answer is none"))
	}
	return &event.Answer{Status: answer.StatusCode, Header: plain(answer.Header), Body: body.Bytes()}, release, nil
}

// backend is the URL of an integration with the variables of the path and of the
// stage in their places, each within its part of the path, and the query.
func (x *exchange) backend(out *outbound) (*url.URL, error) {
	text := x.substitute(val(x.route.integration.IntegrationUri))
	scheme, rest, _ := strings.Cut(text, "://")
	host, path, _ := strings.Cut(rest, "/")
	for name, value := range x.params {
		escaped := escapeSegments(value)
		path = strings.NewReplacer("{"+name+"}", escaped, "{"+name+"+}", escaped).Replace(path)
	}
	u, err := parseTarget(scheme + "://" + host + "/" + path)
	if err != nil {
		return nil, refusal(http.StatusInternalServerError, errors.New("the stage's variables make no URL of the integration"))
	}
	if out.path != "" {
		u.RawPath, u.Path = out.path, unescapeAll(out.path)
	}
	if _, _, ok := readPath(u.EscapedPath()); !ok && u.Path != "" {
		return nil, refusal(http.StatusBadRequest, errors.New("the path of the backend is none"))
	}
	if u.RawQuery != "" && out.Query != "" {
		u.RawQuery += "&"
	}
	u.RawQuery += out.Query
	return u, nil
}

// escapeSegments escapes a variable's value; an encoded slash is one still.
func escapeSegments(value string) string {
	parts := strings.Split(value, "/")
	for i := range parts {
		parts[i] = strings.ReplaceAll(url.PathEscape(parts[i]), "%252F", "%2F")
	}
	return strings.Join(parts, "/")
}

func unescapeAll(path string) string {
	if plain, err := url.PathUnescape(path); err == nil {
		return plain
	}
	return path
}
