package apigatewayv2

import (
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/net/http/httpguts"

	"cloister/internal/door"
	"cloister/internal/gate/event"
	"cloister/internal/gate/tree"
)

// Parameter mapping
// (https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-parameter-mapping.html):
// an integration changes the header, the query and the path of a request, and the
// header and the status of an answer, by values that the request, the answer, the
// context and the stage have.

// outbound is a request as the integration gets it.
type outbound struct {
	*event.Request
	path string // where a mapping sets one
}

// values gives what expressions of a mapping mean.
type values struct {
	c      *door.Call
	x      *exchange
	r      *event.Request
	answer *event.Answer // nil for requests
}

var (
	expression = regexp.MustCompile(`^\$(?:request|response|context|stageVariables)\.`)
	embedded   = regexp.MustCompile(`\$\{((?:request|response|context|stageVariables)\.[^}]+)\}`)
)

// mapRequest makes the request that the integration gets. Mappings see the
// request as the client sent it, in no order that matters.
func (s *Service) mapRequest(c *door.Call, x *exchange) (*outbound, error) {
	out := &outbound{Request: s.request(c, x)}
	parameters := x.route.integration.RequestParameters
	if len(parameters) == 0 {
		return out, nil
	}
	original := *out.Request
	v := &values{c: c, x: x, r: &original}
	out.Header = out.Header.Clone()
	query, err := url.ParseQuery(out.Query)
	if err != nil {
		return nil, refusal(http.StatusBadRequest, err)
	}
	changed := false
	for _, key := range sortedKeys(parameters) {
		m := mappingKey.FindStringSubmatch(key)
		action, what, name := m[1], m[2], m[3]
		value := v.of(parameters[key])
		switch what {
		case "header":
			if err := edit(out.Header, action, http.CanonicalHeaderKey(name), value); err != nil {
				return nil, err
			}
		case "querystring":
			changed = true
			editQuery(query, action, name, value)
		case "path":
			if out.path, err = mappedPath(value); err != nil {
				return nil, err
			}
			out.Path = out.path
		}
	}
	if changed {
		out.Query = query.Encode()
	}
	return out, nil
}

// mappedPath is a path that a mapping made, which has to be one.
func mappedPath(value string) (string, error) {
	if !strings.HasPrefix(value, "/") {
		value = "/" + value
	}
	path := (&url.URL{Path: value}).EscapedPath()
	if _, _, ok := readPath(path); !ok {
		return "", refusal(http.StatusBadRequest, errors.New("a mapped path is none"))
	}
	return path, nil
}

func sortedKeys(m map[string]string) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

// edit changes a header. A value that is not of HTTP's grammar is refused: it may
// have come from anywhere.
func edit(h http.Header, action, name, value string) error {
	switch {
	case action == "remove":
		h.Del(name)
	case value == "":
	case !httpguts.ValidHeaderFieldValue(value):
		return refusal(http.StatusBadRequest, errors.New("a mapped header has a value that no header can have"))
	case action == "append":
		h.Add(name, value)
	default:
		h.Set(name, value)
	}
	return nil
}

func editQuery(query url.Values, action, name, value string) {
	switch {
	case action == "remove":
		query.Del(name)
	case value == "":
	case action == "append":
		query.Add(name, value)
	default:
		query.Set(name, value)
	}
}

// mapResponse changes an answer by the mappings for its status.
func (x *exchange) mapResponse(c *door.Call, answer *event.Answer) error {
	parameters := x.route.integration.ResponseParameters[strconv.Itoa(answer.Status)]
	if len(parameters) == 0 {
		return nil
	}
	original := *answer
	original.Header = answer.Header.Clone()
	v := &values{c: c, x: x, answer: &original}
	for _, key := range sortedKeys(parameters) {
		m := mappingKey.FindStringSubmatch(key)
		value := v.of(parameters[key])
		if m[2] == "statuscode" {
			status, err := strconv.Atoi(value)
			if err != nil || status < 200 || status > 599 {
				return refusal(http.StatusBadGateway, errors.New("a mapped status is none"))
			}
			answer.Status = status
			continue
		}
		if err := edit(answer.Header, m[1], http.CanonicalHeaderKey(m[3]), value); err != nil {
			return refusal(http.StatusBadGateway, err)
		}
	}
	return nil
}

// of is what a value means: one expression, or text with expressions in it.
func (v *values) of(text string) string {
	if expression.MatchString(text) {
		return v.expression(text[1:])
	}
	return embedded.ReplaceAllStringFunc(text, func(found string) string { return v.expression(found[2 : len(found)-1]) })
}

func (v *values) expression(text string) string {
	from, rest, _ := strings.Cut(text, ".")
	switch from {
	case "context":
		return v.x.context(v.c.RequestID, v.c.SourceIP, rest)
	case "stageVariables":
		return v.x.stage.variables[rest]
	case "request":
		if v.r != nil {
			return v.request(rest)
		}
	case "response":
		if v.answer != nil {
			return v.response(rest)
		}
	}
	return ""
}

func (v *values) request(text string) string {
	what, name, _ := strings.Cut(text, ".")
	switch what {
	case "header":
		return strings.Join(v.r.Header.Values(name), ",")
	case "querystring":
		query, err := url.ParseQuery(v.r.Query)
		if err != nil {
			return ""
		}
		return strings.Join(query[name], ",")
	case "path":
		if name == "" {
			return v.x.path
		}
		return v.x.params[name]
	case "body":
		return inBody(v.r.Body, name)
	}
	return ""
}

func (v *values) response(text string) string {
	what, name, _ := strings.Cut(text, ".")
	switch what {
	case "header":
		return strings.Join(v.answer.Header.Values(name), ",")
	case "body":
		return inBody(v.answer.Body, name)
	case "statuscode":
		return strconv.Itoa(v.answer.Status)
	}
	return ""
}

// mostMapped is how large a body may be in which mappings look.
const mostMapped = 512 << 10

// inBody finds a value in a JSON body, "" for none.
func inBody(body []byte, path string) string {
	if len(body) > mostMapped {
		return ""
	}
	document, err := tree.Parse(body)
	if err != nil {
		return ""
	}
	p, err := tree.ParsePath("$." + path)
	if err != nil {
		return ""
	}
	found, ok, err := p.Find(document)
	if err != nil || !ok || found == nil {
		return ""
	}
	text, _ := tree.String(found, mostMapped)
	return text
}
