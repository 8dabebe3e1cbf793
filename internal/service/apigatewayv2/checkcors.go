package apigatewayv2

import (
	"net/url"
	"strings"

	"golang.org/x/net/http/httpguts"

	api "cloister/internal/awsapi/apigatewayv2"
)

// checkCORS refuses a configuration that is none; an empty one is no CORS
// (https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-cors.html).
func checkCORS(c *api.Cors) (*api.Cors, error) {
	if c == nil || len(c.AllowHeaders)+len(c.AllowMethods)+len(c.AllowOrigins)+len(c.ExposeHeaders) == 0 && c.MaxAge == nil && c.AllowCredentials == nil {
		return nil, nil
	}
	for _, o := range c.AllowOrigins {
		if err := checkOrigin(o, val(c.AllowCredentials)); err != nil {
			return nil, err
		}
	}
	for _, names := range [][]string{c.AllowHeaders, c.ExposeHeaders, c.AllowMethods} {
		for _, name := range names {
			if !httpguts.ValidHeaderFieldName(name) {
				return nil, badRequest("Invalid value in the CORS configuration: %.100q is no name of a header or method", name)
			}
		}
	}
	for _, m := range c.AllowMethods {
		if m != "*" && !methods[m] {
			return nil, badRequest("Invalid allowMethods: %.100q", m)
		}
	}
	return c, nil
}

func checkOrigin(o string, credentials bool) error {
	if o == "*" {
		if credentials {
			return badRequest("allowCredentials is not supported when allowOrigins is *")
		}
		return nil
	}
	host, wild := strings.CutSuffix(o, "://*")
	if wild && !credentials && (host == "https" || host == "http") {
		return nil
	}
	u, err := url.Parse(o)
	if err != nil || u.Scheme == "" || u.Host == "" && u.Opaque == "" || u.User != nil || u.Path != "" || u.RawQuery != "" || u.Fragment != "" || strings.ContainsAny(o, "* ,\r\n") {
		return badRequest("Invalid format for origin %.100q: an origin is a scheme and a host", o)
	}
	return nil
}
