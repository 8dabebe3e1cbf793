package apigateway

import (
	"net/http"
	"regexp"
	"strconv"
	"strings"

	"golang.org/x/net/http/httpguts"

	"cloister/internal/gate/event"
	"cloister/internal/gate/tree"
)

// respond makes the answer of a refusal, as the API's gateway responses have it.
func (s *Service) respond(x *exchange, f *refused, requestID string) *event.Answer {
	d := (*definition)(nil)
	if x.stage != nil && !f.hidden {
		d = x.stage.definition
	}
	r := responseOf(d, f.kind)
	code, err := strconv.Atoi(val(r.StatusCode))
	if err != nil || code < 200 || f.status != 0 && val(r.DefaultResponse) {
		code = refusalTypes[f.kind].status
	}
	if f.status != 0 && (d == nil || d.Responses[f.kind] == nil) {
		code = f.status
	}
	message := any(f.message)
	if f.message == "" {
		if message = refusalTypes[f.kind].message; message == "" {
			message = nil
		}
	}
	context := x.errorContext(f, requestID, message)
	kind, template := chosen(r.ResponseTemplates, x.r.Header.Get("Accept"))
	a := &event.Answer{Status: code, Header: http.Header{"Content-Type": {kind}}, Body: []byte(x.fill(template, context))}
	for to, from := range r.ResponseParameters {
		name := responseHeader.FindStringSubmatch(to)
		value, ok := x.parameter(from, context, "")
		if name != nil && ok && httpguts.ValidHeaderFieldName(name[1]) && httpguts.ValidHeaderFieldValue(value) && !event.Hop(name[1]) {
			a.Header.Set(name[1], value)
		}
	}
	return a
}

func (x *exchange) errorContext(f *refused, requestID string, message any) *tree.Map {
	context := x.contextOf(nil)
	context.Put("requestId", requestID)
	context.Put("extendedRequestId", requestID)
	e := tree.NewMap()
	e.Put("message", message)
	text, _ := tree.JSON(message, 4096)
	e.Put("messageString", text)
	e.Put("responseType", f.kind)
	e.Put("validationErrorString", "")
	context.Put("error", e)
	return context
}

// chosen is the template for what a client accepts, else that for JSON, else the
// first.
func chosen[T any](templates map[string]T, accept string) (kind string, t T) {
	for _, wanted := range append(strings.Split(accept, ","), "application/json") {
		wanted, _, _ = strings.Cut(wanted, ";")
		if t, ok := templates[strings.TrimSpace(wanted)]; ok {
			return strings.TrimSpace(wanted), t
		}
	}
	for _, kind := range keysOf(templates) {
		return kind, templates[kind]
	}
	return "application/json", t
}

var placeholder = regexp.MustCompile(`\$(?:context|stageVariables|method\.request\.(?:path|querystring|header))\.[A-Za-z0-9_.-]*[A-Za-z0-9_-]`)

// fill puts variables into a gateway response's template, which is no Velocity.
func (x *exchange) fill(template string, context *tree.Map) string {
	return placeholder.ReplaceAllStringFunc(template, func(found string) string {
		value, ok := x.parameter(strings.TrimPrefix(found, "$"), context, "")
		if !ok {
			return ""
		}
		return value
	})
}

// parameter is the value of what a mapping names: a constant in quotes, a part of the
// request, the context or a stage variable. found is false for none.
func (x *exchange) parameter(from string, context *tree.Map, body string) (value string, found bool) {
	if len(from) >= 2 && from[0] == '\'' && from[len(from)-1] == '\'' {
		return from[1 : len(from)-1], true
	}
	kind, name, _ := strings.Cut(from, ".")
	switch kind {
	case "context":
		v := member(context, name)
		return s2(v), v != nil
	case "stageVariables":
		if x.stage == nil {
			return "", false
		}
		value, found = x.stage.variables[name]
		return value, found
	}
	place, ok := strings.CutPrefix(from, "method.request.")
	if !ok {
		return "", false
	}
	if rest, ok := strings.CutPrefix(place, "body"); ok {
		return inBody(body, rest)
	}
	place, name, _ = strings.Cut(place, ".")
	switch place {
	case "path":
		value, found = x.params[name]
	case "querystring", "multivaluequerystring":
		all := x.query()[name]
		return joined(all, place), len(all) > 0
	case "header", "multivalueheader":
		all := x.r.Header.Values(name)
		if strings.EqualFold(name, "host") {
			all = []string{x.r.Host}
		}
		return joined(all, place), len(all) > 0
	}
	return value, found
}

func joined(all []string, place string) string {
	if len(all) == 0 {
		return ""
	}
	if strings.HasPrefix(place, "multivalue") {
		return strings.Join(all, ",")
	}
	return all[len(all)-1]
}

// inBody is a place in a JSON body.
func inBody(body, path string) (string, bool) {
	if path == "" {
		return body, true
	}
	p, err := tree.ParsePath("$" + path)
	if err != nil {
		return "", false
	}
	document, err := tree.Parse([]byte(body))
	if err != nil {
		return "", false
	}
	v, found, err := p.Find(document)
	if err != nil || !found || v == nil {
		return "", false
	}
	if s, plain := v.(string); plain {
		return s, true
	}
	return tree.JSON(v, 64<<10)
}
