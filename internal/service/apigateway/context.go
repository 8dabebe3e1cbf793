package apigateway

import (
	"fmt"
	"net/url"
	"strings"
	"time"

	"cloister/internal/door"
	"cloister/internal/gate/event"
	"cloister/internal/gate/tree"
	"cloister/internal/gate/vtl"
)

// overrides are what templates set of a request or of an answer.
type overrides struct{ request, response *tree.Map }

// request is what functions are told.
func (s *Service) request(c *door.Call, x *exchange) (*event.Request, *event.REST) {
	prefix, _, _ := strings.Cut(x.target.Host, ".")
	scheme, port := "https", "443"
	if x.r.TLS == nil {
		scheme, port = "http", "80"
	}
	if i := strings.LastIndexByte(x.r.Host, ':'); i >= 0 && !strings.HasSuffix(x.r.Host, "]") {
		port = x.r.Host[i+1:]
	}
	header := x.header.Clone()
	header.Set("X-Forwarded-For", c.SourceIP)
	header.Set("X-Forwarded-Port", port)
	header.Set("X-Forwarded-Proto", scheme)
	if header.Get("X-Amzn-Trace-Id") == "" {
		header.Set("X-Amzn-Trace-Id", fmt.Sprintf("Root=1-%08x-%s", c.Time.Unix(), strings.ReplaceAll(c.RequestID, "-", "")[:24]))
	}
	contextPath := "/" + x.stage.name + x.path
	if x.base != nil {
		contextPath = x.path
		if b := val(x.base.BasePath); b != noBase {
			contextPath = "/" + b + x.path
		}
	}
	r := &event.Request{
		Method: x.r.Method, Path: x.path, Query: x.r.URL.RawQuery, Protocol: x.r.Proto, Header: header, Host: x.r.Host, Body: x.body,
		Account: x.api.row.Account, API: x.api.row.id(), Stage: x.stage.name, DomainName: x.target.Host, DomainPrefix: prefix,
		RequestID: c.RequestID, Time: c.Time, SourceIP: c.SourceIP, PathParameters: x.params, Variables: x.stage.variables,
	}
	if x.iam != nil {
		r.Authorizer = &event.Authorizer{IAM: x.iam}
	}
	rest := &event.REST{
		ResourceID: x.resource.id, ResourcePath: x.resource.path, DeploymentID: x.stage.deployment, ContextPath: contextPath, Authorizer: x.authorizer,
		Binary: isBinary(x.stage.definition.BinaryTypes, x.header.Get("Content-Type")),
	}
	if x.apiKey != nil {
		rest.APIKey, rest.APIKeyID = val(x.apiKey.Key.Value), val(x.apiKey.Key.Id)
	}
	return r, rest
}

// isBinary says whether bodies of a kind are bytes and no text.
func isBinary(types []string, kind string) bool {
	kind, _, _ = strings.Cut(kind, ";")
	kind = strings.ToLower(strings.TrimSpace(kind))
	for _, t := range types {
		if t = strings.ToLower(t); t == "*/*" || t == kind && kind != "" {
			return true
		}
		if group, ok := strings.CutSuffix(t, "/*"); ok && strings.HasPrefix(kind, group+"/") {
			return true
		}
	}
	return false
}

// contextOf is $context.
func (x *exchange) contextOf(c *door.Call) *tree.Map {
	requestID, sourceIP, at := "", "", x.began
	if c != nil {
		requestID, sourceIP, at = c.RequestID, c.SourceIP, c.Time
	}
	m := tree.NewMap()
	prefix, _, _ := strings.Cut(x.target.Host, ".")
	for _, pair := range [][2]string{
		{"requestId", requestID}, {"extendedRequestId", requestID}, {"httpMethod", x.r.Method}, {"protocol", x.r.Proto}, {"domainName", x.target.Host},
		{"domainPrefix", prefix}, {"requestTime", at.UTC().Format("02/Jan/2006:15:04:05 -0700")},
	} {
		m.Put(pair[0], pair[1])
	}
	m.Put("requestTimeEpoch", at.UnixMilli())
	if x.api != nil {
		m.Put("apiId", x.api.row.id())
		m.Put("accountId", x.api.row.Account)
	}
	if x.stage != nil {
		m.Put("stage", x.stage.name)
		m.Put("path", "/"+x.stage.name+x.path)
		m.Put("deploymentId", x.stage.deployment)
	}
	if x.resource != nil {
		m.Put("resourcePath", x.resource.path)
		m.Put("resourceId", x.resource.id)
	}
	if x.authorizer != nil {
		m.Put("authorizer", tree.Of(x.authorizer))
	}
	m.Put("identity", x.identityOf(sourceIP))
	return m
}

func (x *exchange) identityOf(sourceIP string) *tree.Map {
	m := tree.NewMap()
	m.Put("sourceIp", sourceIP)
	m.Put("userAgent", x.r.UserAgent())
	if x.iam != nil {
		m.Put("accessKey", x.iam.AccessKey)
		m.Put("accountId", x.iam.AccountID)
		m.Put("caller", x.iam.CallerID)
		m.Put("user", x.iam.UserID)
		m.Put("userArn", x.iam.UserARN)
	}
	if x.apiKey != nil {
		m.Put("apiKey", val(x.apiKey.Key.Value))
		m.Put("apiKeyId", val(x.apiKey.Key.Id))
	}
	return m
}

// contextValue is one of $context, by its path; nil for none.
func (x *exchange) contextValue(c *door.Call, name string) any {
	return member(x.contextOf(c), name)
}

func member(v any, name string) any {
	for _, part := range strings.Split(name, ".") {
		m, ok := v.(*tree.Map)
		if !ok {
			return nil
		}
		v = m.Get(part)
	}
	return v
}

// s2 is a value as text; "" for nil.
func s2(v any) string {
	if v == nil {
		return ""
	}
	s, _ := tree.String(v, 64<<10)
	return s
}

// lastOf has the last value of each name.
func lastOf(all map[string][]string) map[string]string {
	out := map[string]string{}
	for name, values := range all {
		if len(values) > 0 {
			out[name] = values[len(values)-1]
		}
	}
	return out
}

// query are the parameters of the query; what cannot be decoded is left out.
func (x *exchange) query() url.Values {
	values, _ := url.ParseQuery(x.r.URL.RawQuery)
	return values
}

// variables are what templates see: the body is that of the request, or of what the
// integration answered.
func (x *exchange) variables(c *door.Call, body string) map[string]any {
	headers := lastOf(x.header)
	headers["Host"] = x.r.Host
	vars := vtl.Variables(vtl.Input{Body: body, Path: x.params, Query: lastOf(x.query()), Headers: headers})
	m := x.contextOf(c)
	if x.overrides.request == nil {
		x.overrides = overrides{overridable("header", "querystring", "path"), overridable("header")}
	}
	m.Put("requestOverride", x.overrides.request)
	m.Put("responseOverride", x.overrides.response)
	vars["context"] = m
	vars["stageVariables"] = vtl.FromMap(x.stage.variables)
	return vars
}

func overridable(names ...string) *tree.Map {
	m := tree.NewMap()
	for _, name := range names {
		m.Put(name, tree.NewMap())
	}
	return m
}

// timeoutOf is how long an integration has.
func timeoutOf(millis *int64) time.Duration {
	return time.Duration(or(millis, 29_000)) * time.Millisecond
}
