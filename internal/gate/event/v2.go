package event

import (
	"encoding/json"
	"strings"
)

type v2 struct {
	Version  string `json:"version"`
	RouteKey string `json:"routeKey"`
	shared
	Context  v2Context `json:"requestContext"`
	Body     *string   `json:"body,omitempty"`
	IsBase64 bool      `json:"isBase64Encoded"`
}

// shared is what functions and authorisers are told alike.
type shared struct {
	RawPath        string            `json:"rawPath"`
	RawQuery       string            `json:"rawQueryString"`
	Cookies        []string          `json:"cookies,omitempty"`
	Headers        map[string]string `json:"headers"`
	Query          map[string]string `json:"queryStringParameters,omitempty"`
	PathParameters map[string]string `json:"pathParameters,omitempty"`
	Variables      map[string]string `json:"stageVariables,omitempty"`
}

type v2Context struct {
	AccountID      string      `json:"accountId"`
	APIID          string      `json:"apiId"`
	Authentication any         `json:"authentication,omitempty"`
	Authorizer     *Authorizer `json:"authorizer,omitempty"`
	DomainName     string      `json:"domainName"`
	DomainPrefix   string      `json:"domainPrefix"`
	HTTP           v2HTTP      `json:"http"`
	RequestID      string      `json:"requestId"`
	RouteKey       string      `json:"routeKey"`
	Stage          string      `json:"stage"`
	Time           string      `json:"time"`
	TimeEpoch      int64       `json:"timeEpoch"`
}

type v2HTTP struct {
	Method    string `json:"method"`
	Path      string `json:"path"`
	Protocol  string `json:"protocol"`
	SourceIP  string `json:"sourceIp"`
	UserAgent string `json:"userAgent"`
}

// V2 is a request in payload format 2.0, which function URLs use as well.
func V2(r *Request) ([]byte, error) {
	body, encoded := r.body()
	return json.Marshal(v2{Version: "2.0", RouteKey: r.RouteKey, shared: r.shared(), Context: r.context2(), Body: body, IsBase64: encoded})
}

func (r *Request) shared() shared {
	return shared{
		RawPath: r.Path, RawQuery: r.Query, Cookies: r.cookies(), Headers: r.headers(), Query: r.joinedQuery(),
		PathParameters: orNone(r.PathParameters), Variables: orNone(r.Variables),
	}
}

func (r *Request) joinedQuery() map[string]string {
	names, values := r.query()
	joined := make(map[string]string, len(names))
	for _, name := range names {
		joined[name] = strings.Join(values[name], ",")
	}
	return orNone(joined)
}

func (r *Request) context2() v2Context {
	c := v2Context{
		AccountID: r.Account, APIID: r.API, Authorizer: r.Authorizer, DomainName: r.DomainName, DomainPrefix: r.DomainPrefix,
		HTTP:      v2HTTP{r.Method, r.Path, r.Protocol, r.SourceIP, r.Header.Get("User-Agent")},
		RequestID: r.RequestID, RouteKey: r.RouteKey, Stage: r.Stage, Time: clock(r.Time), TimeEpoch: r.Time.UnixMilli(),
	}
	if r.ClientCertificate != nil {
		c.Authentication = map[string]any{"clientCert": r.ClientCertificate}
	}
	return c
}
