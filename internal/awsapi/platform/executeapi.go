package platform

import "cloister/internal/awsapi"

// ExecuteAPI is the service that clients of APIs call. It speaks no protocol of
// AWS's: its operation is reached by the gate alone.
var ExecuteAPI = awsapi.Service{Name: "execute-api", ID: "ExecuteAPI", SigningName: "execute-api"}

// OpInvokeAPI is one request to a route of an API.
var OpInvokeAPI = defineIn[InvokeAPIRequest, InvokeAPIResponse](&ExecuteAPI, "Invoke")

// InvokeAPIRequest is what the audit log has of a request to an API. The path is
// the one that was asked for, without its query.
type InvokeAPIRequest struct {
	APIID    string
	Stage    string
	Method   string
	Path     string
	RouteKey string // "" where no route was found

	// Exchange is what the front keeps of the request.
	Exchange any `api:"-"`
}

// InvokeAPIResponse is what the front made of the request: it knows its type.
type InvokeAPIResponse struct {
	Answer any `api:"-"`
}

// OpInvokeRESTAPI is one request to a method of a REST API.
var OpInvokeRESTAPI = defineIn[InvokeRESTAPIRequest, InvokeAPIResponse](&ExecuteAPI, "InvokeREST")

// InvokeRESTAPIRequest is what the audit log has of a request to a REST API. The path
// is the one that was asked for, without its query.
type InvokeRESTAPIRequest struct {
	RestAPIID string
	Stage     string
	Method    string
	Path      string
	Resource  string // "" where none was found

	// Exchange is what the front keeps of the request.
	Exchange any `api:"-"`
}
