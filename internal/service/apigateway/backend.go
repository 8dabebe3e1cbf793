package apigateway

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"

	"golang.org/x/net/http/httpguts"

	api "cloister/internal/awsapi/apigateway"
	"cloister/internal/door"
	"cloister/internal/gate/event"
	"cloister/internal/gate/tree"
)

// callBackend has an HTTP server answer: what passes as it is, or what templates make
// of it.
func (s *Service) callBackend(ctx context.Context, c *door.Call, x *exchange) (*event.Answer, error) {
	i := x.method.method.MethodIntegration
	passes := val(i.Type) == typeHTTPPx
	body := x.body
	if !passes {
		var err error
		if body, err = x.mapped(c); err != nil {
			return nil, err
		}
	}
	r, err := s.backendRequest(ctx, c, x, body)
	if err != nil {
		return nil, x.refuse("API_CONFIGURATION_ERROR", err)
	}
	said, err := s.backends.RoundTrip(r)
	if err != nil {
		x.problem = &refused{kind: "INTEGRATION_FAILURE", message: "Network error communicating with endpoint", cause: err}
		return nil, x.problem.wire()
	}
	defer func() { _ = said.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(said.Body, maxBody+1))
	if err == nil && len(text) > maxBody {
		err = errors.New("the answer is too large")
	}
	if err != nil {
		return nil, x.badGateway(err)
	}
	if !passes {
		return x.answered(c, itoa(said.StatusCode), said.Header, text)
	}
	out := &event.Answer{Status: said.StatusCode, Header: http.Header{}, Body: text}
	if out.Status < 200 {
		return nil, x.badGateway(errors.New("the status is none"))
	}
	for name, values := range plain(said.Header) {
		out.Header[name] = values
	}
	return out, nil
}

func (s *Service) backendRequest(ctx context.Context, c *door.Call, x *exchange, body []byte) (*http.Request, error) {
	i := x.method.method.MethodIntegration
	to := map[string]string{}
	for name, value := range x.overridesOf("path") {
		to[name] = x.inPlace("", value)
	}
	query, header := url.Values{}, http.Header{}
	passes := val(i.Type) == typeHTTPPx
	if passes {
		query, header = x.query(), x.header.Clone()
		header.Del("Authorization")
		header.Del("X-Api-Key")
	} else if kind := x.header.Get("Content-Type"); kind != "" {
		header.Set("Content-Type", kind)
	}
	context := x.contextOf(c)
	for _, place := range keysOf(i.RequestParameters) {
		m := target.FindStringSubmatch(place)
		value, ok := x.parameter(i.RequestParameters[place], context, string(x.body))
		if m == nil || !ok {
			continue
		}
		switch m[1] {
		case "path":
			to[m[2]] = x.inPlace(strings.TrimPrefix(i.RequestParameters[place], "method.request.path."), value)
		case "querystring":
			query.Set(m[2], value)
		case "header":
			if !httpguts.ValidHeaderFieldValue(value) {
				return nil, errors.New("a header is not of HTTP's grammar")
			}
			header.Set(m[2], value)
		}
	}
	if passes {
		for name, value := range x.params {
			if _, mapped := to[name]; !mapped {
				to[name] = x.inPlace(name, value)
			}
		}
	}
	for name, value := range x.overridesOf("querystring") {
		query.Set(name, value)
	}
	for name, value := range x.overridesOf("header") {
		if err := setHeader(header, name, value); err != nil {
			return nil, err
		}
	}
	return newRequest(ctx, x, i, to, query, header, body)
}

// inPlace is a value for a part of a backend's path: slashes in it count as such only
// if it is what a greedy variable took of the request's own.
func (x *exchange) inPlace(name, value string) string {
	for _, seg := range x.resource.segments {
		if seg.greedy && seg.text == name {
			return value
		}
	}
	return strings.ReplaceAll(value, "/", "%2F")
}

// overridesOf are what a template has set of a request's header, query or path.
func (x *exchange) overridesOf(what string) map[string]string {
	out := map[string]string{}
	if x.overrides.request == nil {
		return out
	}
	m, ok := x.overrides.request.Get(what).(*tree.Map)
	if !ok {
		return out
	}
	for _, name := range m.Keys() {
		out[name] = s2(m.Get(name))
	}
	return out
}

// newRequest puts parameters into the places that the URI has for them. None names a
// host, and none leaves its part of the path.
func newRequest(ctx context.Context, x *exchange, i *api.Integration, to map[string]string, query url.Values, header http.Header, body []byte) (*http.Request, error) {
	text := x.substitute(val(i.Uri))
	if _, err := parseTarget(text); err != nil {
		return nil, err
	}
	for name, value := range to {
		if leaves(value) {
			return nil, errors.New("a parameter would leave its part of the path")
		}
		text = strings.ReplaceAll(text, "{"+name+"+}", escapeParts(value))
		text = strings.ReplaceAll(text, "{"+name+"}", escapeParts(value))
	}
	u, err := parseTarget(text)
	if err != nil || strings.ContainsAny(text, "{}") {
		return nil, errors.New("the integration's URI has places that nothing fills")
	}
	all := u.Query()
	for name, values := range query {
		all[name] = values
	}
	u.RawQuery = all.Encode()
	name := val(i.HttpMethod)
	if name == "ANY" {
		name = x.r.Method
	}
	r, err := http.NewRequestWithContext(ctx, name, u.String(), bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	if len(body) == 0 {
		r.Body, r.ContentLength = http.NoBody, 0
	}
	r.Header = header
	header.Set("X-Amzn-Apigateway-Api-Id", x.api.row.id())
	return r, nil
}

// leaves says whether a part of a value, as the next server may read it, is a dot
// segment.
func leaves(value string) bool {
	plain := strings.NewReplacer("%2F", "/", "%2f", "/", `\`, "/").Replace(value)
	for _, p := range strings.Split(plain, "/") {
		if name, _, _ := strings.Cut(p, ";"); name == "." || name == ".." {
			return true
		}
	}
	return false
}

// escapeParts escapes a decoded value for a path: its slashes are those that the
// request had.
func escapeParts(value string) string {
	parts := strings.Split(value, "/")
	for i, p := range parts {
		parts[i] = strings.ReplaceAll(url.PathEscape(p), "%252F", "%2F")
	}
	return strings.Join(parts, "/")
}
