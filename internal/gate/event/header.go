package event

import (
	"net"
	"net/http"
	"net/textproto"
	"strings"
)

// Header is a request's header as functions are told it: without what belongs to
// the connection and what the client says of where it comes from, and with what
// the gate knows of that.
func Header(r *http.Request, sourceIP string) http.Header {
	out := http.Header{}
	drop := named(r.Header["Connection"])
	for name, values := range r.Header {
		if Hop(name) && name != "Content-Length" || drop[name] || name == "Forwarded" || name == "Expect" || strings.HasPrefix(name, "X-Forwarded-") {
			continue
		}
		out[name] = values
	}
	scheme, port := "https", "443"
	if r.TLS == nil {
		scheme, port = "http", "80"
	}
	if _, given, err := net.SplitHostPort(r.Host); err == nil {
		port = given
	}
	out["X-Forwarded-For"], out["X-Forwarded-Proto"], out["X-Forwarded-Port"] = []string{sourceIP}, []string{scheme}, []string{port}
	return out
}

// named are the headers that a list of names names.
func named(lines []string) map[string]bool {
	names := map[string]bool{}
	for _, line := range lines {
		for _, name := range strings.Split(line, ",") {
			names[textproto.CanonicalMIMEHeaderKey(textproto.TrimString(name))] = true
		}
	}
	return names
}
