package apigateway

import (
	"errors"
	"net/http"
	"strconv"
	"strings"

	"golang.org/x/net/http/httpguts"

	"cloister/internal/door"
	"cloister/internal/gate/event"
	"cloister/internal/gate/tree"
)

// mapHeaders sets the headers that the integration response maps, and what templates
// said instead.
func (x *exchange) mapHeaders(c *door.Call, r *answer, out *event.Answer, header http.Header, body []byte) error {
	context := x.contextOf(c)
	for to, from := range r.response.ResponseParameters {
		name := responseParameter.FindStringSubmatch(to)
		if name == nil {
			continue
		}
		if value, ok := x.backParameter(from, context, header, body); ok {
			if err := setHeader(out.Header, name[1], value); err != nil {
				return x.badGateway(err)
			}
		}
	}
	if x.overrides.response == nil {
		return nil
	}
	if code := x.overrides.response.Get("status"); code != nil {
		n, err := strconv.Atoi(s2(code))
		if err != nil || n < 200 || n > 599 {
			return x.badGateway(errors.New("the template's status is none"))
		}
		out.Status = n
	}
	headers, _ := x.overrides.response.Get("header").(*tree.Map)
	if headers == nil {
		return nil
	}
	for _, name := range headers.Keys() {
		if err := setHeader(out.Header, name, s2(headers.Get(name))); err != nil {
			return x.badGateway(err)
		}
	}
	return nil
}

// setHeader sets a header of HTTP's grammar that is not the connection's.
func setHeader(h http.Header, name, value string) error {
	if !httpguts.ValidHeaderFieldName(name) || !httpguts.ValidHeaderFieldValue(value) {
		return errors.New("a header is not of HTTP's grammar")
	}
	if !event.Hop(name) {
		h.Set(name, value)
	}
	return nil
}

// backParameter is the value of what a response mapping names.
func (x *exchange) backParameter(from string, context *tree.Map, header http.Header, body []byte) (string, bool) {
	if rest, ok := strings.CutPrefix(from, "integration.response.body"); ok {
		return inBody(string(body), rest)
	}
	if name, ok := strings.CutPrefix(from, "integration.response.header."); ok {
		all := header.Values(name)
		return joined(all, "header"), len(all) > 0
	}
	if name, ok := strings.CutPrefix(from, "integration.response.multivalueheader."); ok {
		all := header.Values(name)
		return joined(all, "multivalueheader"), len(all) > 0
	}
	return x.parameter(from, context, "")
}
