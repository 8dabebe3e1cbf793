package event

import (
	"encoding/json"
	"net/http"
	"time"
)

// Socket is what happens on a connection of a WebSocket API
// (https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-routes-integrations.html).
type Socket struct {
	Kind         string // CONNECT, MESSAGE or DISCONNECT
	RouteKey     string
	ConnectionID string
	Connected    time.Time
	Body         string // of a message

	// Of the request that made the connection, for CONNECT and DISCONNECT.
	Header http.Header
	Query  string

	API, Stage, DomainName string
	RequestID              string
	Time                   time.Time
	SourceIP, UserAgent    string
	Variables              map[string]string
	// Of a caller who signed.
	UserARN, AccountID string
	Status             int // of DISCONNECT: why it was closed
	Reason             string
}

type socketContext struct {
	RouteKey   string         `json:"routeKey"`
	Status     *int           `json:"disconnectStatusCode,omitempty"`
	Reason     *string        `json:"disconnectReason,omitempty"`
	MessageID  string         `json:"messageId,omitempty"`
	EventType  string         `json:"eventType"`
	ExtendedID string         `json:"extendedRequestId"`
	Time       string         `json:"requestTime"`
	Direction  string         `json:"messageDirection"`
	Stage      string         `json:"stage"`
	Connected  int64          `json:"connectedAt"`
	TimeEpoch  int64          `json:"requestTimeEpoch"`
	Identity   map[string]any `json:"identity"`
	RequestID  string         `json:"requestId"`
	DomainName string         `json:"domainName"`
	Connection string         `json:"connectionId"`
	API        string         `json:"apiId"`
}

// ForSocket is an event of a WebSocket API.
func ForSocket(s *Socket) ([]byte, error) {
	c := socketContext{
		RouteKey: s.RouteKey, EventType: s.Kind, ExtendedID: s.RequestID, Time: clock(s.Time), Direction: "IN", Stage: s.Stage,
		Connected: s.Connected.UnixMilli(), TimeEpoch: s.Time.UnixMilli(), RequestID: s.RequestID, DomainName: s.DomainName, Connection: s.ConnectionID, API: s.API,
		Identity: map[string]any{"sourceIp": s.SourceIP},
	}
	if s.UserAgent != "" {
		c.Identity["userAgent"] = s.UserAgent
	}
	if s.UserARN != "" {
		c.Identity["userArn"], c.Identity["accountId"] = s.UserARN, s.AccountID
	}
	out := struct {
		Headers    map[string]string   `json:"headers,omitempty"`
		AllHeaders map[string][]string `json:"multiValueHeaders,omitempty"`
		Query      map[string]string   `json:"queryStringParameters,omitempty"`
		AllQuery   map[string][]string `json:"multiValueQueryStringParameters,omitempty"`
		Context    *socketContext      `json:"requestContext"`
		Variables  map[string]string   `json:"stageVariables,omitempty"`
		Body       string              `json:"body,omitempty"`
		IsBase64   bool                `json:"isBase64Encoded"`
	}{Context: &c, Variables: orNone(s.Variables), Body: s.Body}
	switch s.Kind {
	case "MESSAGE":
		c.MessageID = s.RequestID
	case "DISCONNECT":
		c.Status, c.Reason = &s.Status, &s.Reason
	}
	if s.Kind != "MESSAGE" {
		r := &Request{Header: s.Header, Query: s.Query, Host: s.DomainName}
		out.Headers, out.AllHeaders = r.plainHeaders()
	}
	if s.Kind == "CONNECT" {
		r := &Request{Query: s.Query}
		out.Query, out.AllQuery = r.lastQuery()
	}
	return json.Marshal(out)
}
