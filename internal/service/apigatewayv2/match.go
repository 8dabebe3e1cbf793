package apigatewayv2

import (
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"
)

// readPath decodes a path once: what a route is looked for by, and policies decide
// about. A slash that is encoded stays so (%2F), and one at the end does not count.
// What has a dot segment or an empty one, which the next server might take away, or
// bytes that are no text, is no path.
func readPath(escaped string) (path string, segments []string, ok bool) {
	rest, ok := strings.CutPrefix(escaped, "/")
	if !ok {
		return "", nil, false
	}
	segments = strings.Split(strings.TrimSuffix(rest, "/"), "/")
	for i, part := range segments {
		plain, err := url.PathUnescape(part)
		if err != nil || !utf8.ValidString(plain) || hasControl(plain) || plain == "" && rest != "" {
			return "", nil, false
		}
		for _, inner := range strings.FieldsFunc(plain, func(r rune) bool { return r == '/' || r == '\\' }) {
			if name, _, _ := strings.Cut(inner, ";"); name == "." || name == ".." {
				return "", nil, false
			}
		}
		if strings.Contains(plain, `\`) {
			return "", nil, false
		}
		segments[i] = strings.ReplaceAll(plain, "/", "%2F")
	}
	return "/" + strings.Join(segments, "/"), segments, true
}

func hasControl(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return r < 0x20 || r == 0x7f })
}

// order sorts routes so that the first that takes a request is the one that AWS
// chooses: a full match before one by a greedy variable, that before the default
// route; of two of a kind the one that says more, from the left; of the same path
// the one with the method
// (https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-routes.html).
func order(routes []*route) {
	slices.SortStableFunc(routes, func(a, b *route) int {
		if d := rank(a.key) - rank(b.key); d != 0 {
			return d
		}
		for i := range min(len(a.key.segments), len(b.key.segments)) {
			if d := vagueness(a.key.segments[i]) - vagueness(b.key.segments[i]); d != 0 {
				return d
			}
		}
		if d := len(b.key.segments) - len(a.key.segments); d != 0 {
			return d
		}
		return isAny(a.key) - isAny(b.key)
	})
}

func rank(k *routeKey) int {
	switch {
	case k.method == "":
		return 2
	case len(k.segments) > 0 && k.segments[len(k.segments)-1].greedy:
		return 1
	}
	return 0
}

func vagueness(s segment) int {
	switch {
	case s.greedy:
		return 2
	case s.isVar:
		return 1
	}
	return 0
}

func isAny(k *routeKey) int {
	if k.method == "ANY" {
		return 1
	}
	return 0
}

// match finds the route of a request, and what its variables are.
func match(routes []*route, method string, segments []string) (*route, map[string]string) {
	for _, r := range routes {
		if parameters, ok := r.key.takes(method, segments); ok {
			return r, parameters
		}
	}
	return nil, nil
}

func (k *routeKey) takes(method string, segments []string) (parameters map[string]string, ok bool) {
	if k.method == "" {
		return nil, true
	}
	if k.method != "ANY" && k.method != method {
		return nil, false
	}
	if len(k.segments) == 0 {
		return nil, len(segments) == 1 && segments[0] == ""
	}
	last := k.segments[len(k.segments)-1]
	if len(segments) < len(k.segments) || len(segments) > len(k.segments) && !last.greedy {
		return nil, false
	}
	for i, s := range k.segments {
		switch {
		case s.greedy:
			rest := strings.Join(segments[i:], "/")
			return with(parameters, s.text, rest), rest != ""
		case s.isVar && segments[i] != "":
			parameters = with(parameters, s.text, segments[i])
		case s.isVar || s.text != segments[i]:
			return nil, false
		}
	}
	return parameters, true
}

func with(m map[string]string, name, value string) map[string]string {
	if m == nil {
		m = map[string]string{}
	}
	m[name] = value
	return m
}
