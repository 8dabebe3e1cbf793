// Package cors answers cross-origin requests for APIs (Fetch Standard, "CORS
// protocol"; https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-cors.html).
// An origin that is not among those allowed gets no header at all.
package cors

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// Config is what an API allows other origins.
type Config struct {
	AllowOrigins, AllowMethods, AllowHeaders, ExposeHeaders []string

	AllowCredentials bool
	MaxAge           *int64 // seconds
}

// IsPreflight says whether a browser asks, and does not yet do.
func IsPreflight(r *http.Request) bool {
	return r.Method == http.MethodOptions && r.Header.Get("Origin") != "" && r.Header.Get("Access-Control-Request-Method") != ""
}

// Preflight writes the answer to a browser that asks, into the header.
func (c *Config) Preflight(h http.Header, r *http.Request) {
	if !c.origin(h, r) {
		return
	}
	set(h, "Access-Control-Allow-Methods", c.AllowMethods)
	set(h, "Access-Control-Allow-Headers", c.AllowHeaders)
	if c.MaxAge != nil {
		h.Set("Access-Control-Max-Age", strconv.FormatInt(*c.MaxAge, 10))
	}
}

// Apply writes what an answer says of other origins, and takes away whatever the
// backend said of them.
func (c *Config) Apply(h http.Header, r *http.Request) {
	for name := range h {
		if strings.HasPrefix(http.CanonicalHeaderKey(name), "Access-Control-") {
			delete(h, name)
		}
	}
	if c.origin(h, r) {
		set(h, "Access-Control-Expose-Headers", c.ExposeHeaders)
	}
}

// origin writes which origin is allowed, and says whether that of r is.
func (c *Config) origin(h http.Header, r *http.Request) bool {
	origin := r.Header.Get("Origin")
	if origin == "" {
		return false
	}
	h.Add("Vary", "Origin")
	allowed := c.allows(origin)
	if allowed == "" {
		return false
	}
	h.Set("Access-Control-Allow-Origin", allowed)
	if c.AllowCredentials {
		h.Set("Access-Control-Allow-Credentials", "true")
	}
	return true
}

// allows gives what an origin is told, "" for those that are not allowed. With
// credentials no origin is allowed for being any.
func (c *Config) allows(origin string) string {
	for _, o := range c.AllowOrigins {
		scheme, any := strings.CutSuffix(o, "*")
		switch {
		case o == "*" && !c.AllowCredentials:
			return "*"
		case strings.EqualFold(o, origin):
			return origin
		case any && (scheme == "https://" || scheme == "http://") && !c.AllowCredentials && strings.HasPrefix(strings.ToLower(origin), scheme):
			return origin
		}
	}
	return ""
}

func set(h http.Header, name string, values []string) {
	if values = slices.DeleteFunc(slices.Clone(values), func(v string) bool { return v == "" }); len(values) > 0 {
		h.Set(name, strings.Join(values, ","))
	}
}
