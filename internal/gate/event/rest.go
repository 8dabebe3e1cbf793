package event

import (
	"encoding/base64"
	"encoding/json"
)

// REST is what only requests to REST APIs have, beside [Request]. Values that there
// are none of are empty.
type REST struct {
	ResourceID, ResourcePath, DeploymentID string
	ContextPath                            string // with the stage
	APIKey, APIKeyID                       string
	Authorizer                             map[string]any // nil for none
	Binary                                 bool           // the body goes in base64
}

type rest struct {
	Resource   string              `json:"resource"`
	Path       string              `json:"path"`
	Method     string              `json:"httpMethod"`
	Headers    map[string]string   `json:"headers"`
	AllHeaders map[string][]string `json:"multiValueHeaders"`
	Query      map[string]string   `json:"queryStringParameters"`
	AllQuery   map[string][]string `json:"multiValueQueryStringParameters"`
	Parameters map[string]string   `json:"pathParameters"`
	Variables  map[string]string   `json:"stageVariables"`
	Context    restContext         `json:"requestContext"`
	Body       *string             `json:"body"`
	IsBase64   bool                `json:"isBase64Encoded"`
}

type restContext struct {
	ResourceID   string         `json:"resourceId"`
	Authorizer   map[string]any `json:"authorizer,omitempty"`
	ResourcePath string         `json:"resourcePath"`
	Operation    string         `json:"operationName,omitempty"`
	Method       string         `json:"httpMethod"`
	ExtendedID   string         `json:"extendedRequestId"`
	Time         string         `json:"requestTime"`
	Path         string         `json:"path"`
	AccountID    string         `json:"accountId"`
	Protocol     string         `json:"protocol"`
	Stage        string         `json:"stage"`
	DomainPrefix string         `json:"domainPrefix"`
	TimeEpoch    int64          `json:"requestTimeEpoch"`
	RequestID    string         `json:"requestId"`
	Identity     restIdentity   `json:"identity"`
	DomainName   string         `json:"domainName"`
	DeploymentID string         `json:"deploymentId"`
	APIID        string         `json:"apiId"`
}

type restIdentity struct {
	v1Identity
	APIKey   *string `json:"apiKey,omitempty"`
	APIKeyID *string `json:"apiKeyId,omitempty"`
}

// RESTProxy is a request to a REST API, as functions behind a proxy integration are
// told of it
// (https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html).
func RESTProxy(r *Request, x *REST) ([]byte, error) {
	e := r.rest(x)
	if len(r.Body) > 0 {
		text := string(r.Body)
		if e.IsBase64 = x.Binary; x.Binary {
			text = base64.StdEncoding.EncodeToString(r.Body)
		}
		e.Body = &text
	}
	return json.Marshal(e)
}

func (r *Request) rest(x *REST) *rest {
	headers, allHeaders := r.plainHeaders()
	query, allQuery := r.lastQuery()
	c := r.context1()
	e := &rest{
		Resource: x.ResourcePath, Path: r.Path, Method: r.Method, Headers: headers, AllHeaders: allHeaders, Query: query, AllQuery: allQuery,
		Parameters: orNone(r.PathParameters), Variables: orNone(r.Variables),
		Context: restContext{
			ResourceID: x.ResourceID, Authorizer: x.Authorizer, ResourcePath: x.ResourcePath, Method: r.Method, ExtendedID: c.ExtendedID, Time: c.Time,
			Path: x.ContextPath, AccountID: r.Account, Protocol: r.Protocol, Stage: r.Stage, DomainPrefix: r.DomainPrefix, TimeEpoch: c.TimeEpoch,
			RequestID: r.RequestID, Identity: restIdentity{v1Identity: c.Identity}, DomainName: r.DomainName, DeploymentID: x.DeploymentID, APIID: r.API,
		},
	}
	if x.APIKey != "" {
		e.Context.Identity.APIKey, e.Context.Identity.APIKeyID = &x.APIKey, &x.APIKeyID
	}
	return e
}

// RESTToken is what a TOKEN authoriser of a REST API is told.
func RESTToken(methodARN, token string) ([]byte, error) {
	return json.Marshal(map[string]string{"type": "TOKEN", "methodArn": methodARN, "authorizationToken": token})
}

// RESTRequest is what a REQUEST authoriser of a REST API is told.
func RESTRequest(r *Request, x *REST, methodARN string) ([]byte, error) {
	e := r.rest(x)
	return json.Marshal(struct {
		Type       string              `json:"type"`
		MethodARN  string              `json:"methodArn"`
		Resource   string              `json:"resource"`
		Path       string              `json:"path"`
		Method     string              `json:"httpMethod"`
		Headers    map[string]string   `json:"headers"`
		AllHeaders map[string][]string `json:"multiValueHeaders"`
		Query      map[string]string   `json:"queryStringParameters"`
		AllQuery   map[string][]string `json:"multiValueQueryStringParameters"`
		Parameters map[string]string   `json:"pathParameters"`
		Variables  map[string]string   `json:"stageVariables"`
		Context    restContext         `json:"requestContext"`
	}{"REQUEST", methodARN, e.Resource, e.Path, e.Method, e.Headers, e.AllHeaders, e.Query, e.AllQuery, e.Parameters, e.Variables, e.Context})
}
