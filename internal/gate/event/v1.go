package event

import (
	"encoding/json"
	"maps"
	"net/http"
)

type v1 struct {
	Version    string              `json:"version"`
	Resource   string              `json:"resource"`
	Path       string              `json:"path"`
	Method     string              `json:"httpMethod"`
	Headers    map[string]string   `json:"headers"`
	AllHeaders map[string][]string `json:"multiValueHeaders"`
	Query      map[string]string   `json:"queryStringParameters"`
	AllQuery   map[string][]string `json:"multiValueQueryStringParameters"`
	Context    v1Context           `json:"requestContext"`
	Parameters map[string]string   `json:"pathParameters"`
	Variables  map[string]string   `json:"stageVariables"`
	Body       *string             `json:"body"`
	IsBase64   bool                `json:"isBase64Encoded"`
}

type v1Context struct {
	AccountID    string         `json:"accountId"`
	APIID        string         `json:"apiId"`
	Authorizer   map[string]any `json:"authorizer,omitempty"`
	DomainName   string         `json:"domainName"`
	DomainPrefix string         `json:"domainPrefix"`
	ExtendedID   string         `json:"extendedRequestId"`
	Method       string         `json:"httpMethod"`
	Identity     v1Identity     `json:"identity"`
	Path         string         `json:"path"`
	Protocol     string         `json:"protocol"`
	RequestID    string         `json:"requestId"`
	Time         string         `json:"requestTime"`
	TimeEpoch    int64          `json:"requestTimeEpoch"`
	ResourceID   string         `json:"resourceId"`
	ResourcePath string         `json:"resourcePath"`
	Stage        string         `json:"stage"`
}

type v1Identity struct {
	AccessKey      *string            `json:"accessKey"`
	AccountID      *string            `json:"accountId"`
	Caller         *string            `json:"caller"`
	CognitoAMR     *string            `json:"cognitoAmr"`
	AuthProvider   *string            `json:"cognitoAuthenticationProvider"`
	AuthType       *string            `json:"cognitoAuthenticationType"`
	IdentityID     *string            `json:"cognitoIdentityId"`
	IdentityPoolID *string            `json:"cognitoIdentityPoolId"`
	PrincipalOrgID *string            `json:"principalOrgId"`
	SourceIP       string             `json:"sourceIp"`
	User           *string            `json:"user"`
	UserAgent      string             `json:"userAgent"`
	UserARN        *string            `json:"userArn"`
	Certificate    *ClientCertificate `json:"clientCert,omitempty"`
}

// V1 is a request in payload format 1.0 of HTTP APIs.
func V1(r *Request) ([]byte, error) {
	body, encoded := r.body()
	headers, allHeaders := r.plainHeaders()
	query, allQuery := r.lastQuery()
	return json.Marshal(v1{
		Version: "1.0", Resource: resourceOf(r.RouteKey), Path: r.Path, Method: r.Method, Headers: headers, AllHeaders: allHeaders,
		Query: query, AllQuery: allQuery, Context: r.context1(),
		Parameters: orNone(r.PathParameters), Variables: orNone(r.Variables), Body: body, IsBase64: encoded,
	})
}

// plainHeaders are those of the request, the last value of each and all of them.
func (r *Request) plainHeaders() (last map[string]string, all map[string][]string) {
	all = maps.Clone(map[string][]string(r.Header))
	if all == nil {
		all = map[string][]string{}
	}
	all[http.CanonicalHeaderKey("Host")] = []string{r.Host}
	last = make(map[string]string, len(all))
	for name, values := range all {
		if len(values) > 0 {
			last[name] = values[len(values)-1]
		}
	}
	return last, all
}

func (r *Request) lastQuery() (last map[string]string, all map[string][]string) {
	names, all := r.query()
	if len(names) == 0 {
		return nil, nil
	}
	last = make(map[string]string, len(names))
	for _, name := range names {
		last[name] = all[name][len(all[name])-1]
	}
	return last, all
}

// resourceOf is the path of a route, or what stands for the default route.
func resourceOf(routeKey string) string {
	for i := range routeKey {
		if routeKey[i] == ' ' {
			return routeKey[i+1:]
		}
	}
	return routeKey
}

func (r *Request) context1() v1Context {
	c := v1Context{
		AccountID: r.Account, APIID: r.API, DomainName: r.DomainName, DomainPrefix: r.DomainPrefix, ExtendedID: r.RequestID,
		Method: r.Method, Path: r.Path, Protocol: r.Protocol, RequestID: r.RequestID, Time: clock(r.Time), TimeEpoch: r.Time.UnixMilli(),
		ResourceID: r.RouteKey, ResourcePath: resourceOf(r.RouteKey), Stage: r.Stage,
		Identity: v1Identity{SourceIP: r.SourceIP, UserAgent: r.Header.Get("User-Agent"), Certificate: r.ClientCertificate},
	}
	if a := r.Authorizer; a != nil {
		c.Authorizer = a.flat()
		if a.IAM != nil {
			c.Identity.AccessKey, c.Identity.AccountID, c.Identity.Caller = &a.IAM.AccessKey, &a.IAM.AccountID, &a.IAM.CallerID
			c.Identity.User, c.Identity.UserARN, c.Identity.PrincipalOrgID = &a.IAM.UserID, &a.IAM.UserARN, a.IAM.PrincipalOrgID
		}
	}
	return c
}

// flat is an authoriser's word as format 1.0 has it.
func (a *Authorizer) flat() map[string]any {
	if a.JWT != nil {
		return map[string]any{"claims": a.JWT.Claims, "scopes": a.JWT.Scopes}
	}
	return a.Lambda
}
