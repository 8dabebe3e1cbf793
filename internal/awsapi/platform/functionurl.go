package platform

import "cloister/internal/awsapi"

// FunctionURL is the part of Lambda that clients of functions' URLs call, which
// the gate alone reaches.
var FunctionURL = awsapi.Service{Name: "lambda", ID: "FunctionURL", SigningName: "lambda"}

// OpInvokeFunctionURL is one request to a function's URL.
var OpInvokeFunctionURL = defineIn[InvokeFunctionURLRequest, InvokeFunctionURLResponse](&FunctionURL, "InvokeFunctionUrl")

// InvokeFunctionURLRequest is what the audit log has of a request to a function's
// URL. The path is without its query.
type InvokeFunctionURLRequest struct {
	URLID    string
	Function string // ARN; "" where there is no such URL
	Method   string
	Path     string

	// Exchange is what the front keeps of the request.
	Exchange any `api:"-"`
}

// InvokeFunctionURLResponse is what the front made of the request: it knows its type.
type InvokeFunctionURLResponse struct {
	Answer any `api:"-"`
}
