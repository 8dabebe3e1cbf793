package apigateway

import (
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"
)

// segment is one part of a resource's path.
type segment struct {
	text   string // or the variable's name
	isVar  bool
	greedy bool
}

func segmentsOf(path string) (all []segment) {
	if path == "/" {
		return nil
	}
	for _, p := range strings.Split(path[1:], "/") {
		s := segment{text: p}
		if name, ok := strings.CutPrefix(p, "{"); ok {
			s = segment{text: strings.TrimSuffix(strings.TrimSuffix(name, "}"), "+"), isVar: true, greedy: strings.HasSuffix(p, "+}")}
		}
		all = append(all, s)
	}
	return all
}

// readPath decodes a path once: what a resource is looked for by, and policies decide
// about. A slash that is encoded stays so (%2F). What has a dot segment, which the
// next one might take away, or bytes that are no text is no path.
func readPath(escaped string) (segments []string, ok bool) {
	rest, ok := strings.CutPrefix(escaped, "/")
	if !ok {
		return nil, false
	}
	segments = strings.Split(rest, "/")
	for i, part := range segments {
		plain, err := url.PathUnescape(part)
		if err != nil || !utf8.ValidString(plain) || strings.ContainsFunc(plain, func(r rune) bool { return r < 0x20 || r == 0x7f || r == '\\' }) {
			return nil, false
		}
		for _, piece := range strings.Split(plain, "/") {
			if name, _, _ := strings.Cut(piece, ";"); name == "." || name == ".." {
				return nil, false
			}
		}
		segments[i] = strings.ReplaceAll(plain, "/", "%2F")
	}
	return segments, true
}

// order sorts resources so that the first that takes a path is the one that says
// most, from the left.
func order(resources []*resource) {
	slices.SortStableFunc(resources, func(a, b *resource) int {
		for i := range min(len(a.segments), len(b.segments)) {
			if d := vagueness(a.segments[i]) - vagueness(b.segments[i]); d != 0 {
				return d
			}
			if d := strings.Compare(a.segments[i].text, b.segments[i].text); d != 0 && !a.segments[i].isVar {
				return d
			}
		}
		return len(b.segments) - len(a.segments)
	})
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

// match finds the resource of a path, and what its variables are.
func match(resources []*resource, segments []string) (*resource, map[string]string) {
	for _, r := range resources {
		if parameters, ok := takes(r.segments, segments); ok {
			return r, parameters
		}
	}
	return nil, nil
}

func takes(pattern []segment, segments []string) (parameters map[string]string, ok bool) {
	if len(pattern) == 0 {
		return nil, len(segments) == 1 && segments[0] == ""
	}
	greedy := pattern[len(pattern)-1].greedy
	if len(segments) < len(pattern) || len(segments) > len(pattern) && !greedy {
		return nil, false
	}
	parameters = map[string]string{}
	for i, s := range pattern {
		switch {
		case s.greedy:
			parameters[s.text] = strings.Join(segments[i:], "/")
			return parameters, parameters[s.text] != ""
		case s.isVar && segments[i] != "":
			parameters[s.text] = segments[i]
		case s.isVar || s.text != segments[i]:
			return nil, false
		}
	}
	return parameters, true
}
