package door

import (
	"net/http"
	"time"

	"cloister/internal/awsapi"
)

// How many bytes a body may have. What carries code is Lambda's 50 MB in one
// call, which base64 makes a third larger, and what carries a payload its 6 MB;
// the rest is documents and, for CloudWatch Logs, batches of 1 MB
// (https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html,
// https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutLogEvents.html).
const (
	maxCodeBody   = 70 << 20
	maxLambdaBody = 6<<20 + 512<<10
	maxLogsBody   = 4 << 20 // JSON may write a byte of a message as six
	maxBody       = 2 << 20
	// maxUnsigned bounds the body of a caller nobody knows.
	maxUnsigned = 1 << 20
)

// carriesCode are Lambda's operations with a package in their body.
var carriesCode = map[string]bool{"CreateFunction": true, "UpdateFunctionCode": true, "PublishLayerVersion": true}

// bodyLimit is how many bytes the body of a recognised request may have.
func bodyLimit(m *awsapi.Match) int64 {
	switch {
	case m.Service == nil:
		return maxBody
	case m.Service.Name == "logs":
		return maxLogsBody
	case m.Service.Name != "lambda":
		return maxBody
	case m.Operation != nil && carriesCode[m.Operation.Name]:
		return maxCodeBody
	}
	return maxLambdaBody
}

// What a body may take of time: half a minute, and what its bytes take on a
// line of half a megabit in the second.
const (
	bodyTime  = 30 * time.Second
	bodySpeed = 64 << 10 // bytes per second
)

func timeFor(bytes int64) time.Duration {
	return bodyTime + time.Duration(bytes/bodySpeed)*time.Second
}

// tooLarge is Lambda's answer to a body of more than limit bytes, which names
// the operation where the request does outside its body.
func tooLarge(op *awsapi.Operation, limit int64) *awsapi.Error {
	e := awsapi.Errorf("RequestEntityTooLargeException", "Request must be smaller than %d bytes", limit)
	if op != nil {
		e.Message += " for the " + op.Name + " operation"
	}
	e.Status = http.StatusRequestEntityTooLarge
	return e
}

// tooMany is the answer while the bodies of other requests take all the memory
// there is for bodies. SDKs wait at this code, and try again.
func tooMany() *awsapi.Error {
	e := awsapi.Errorf("SlowDown", "Please reduce your request rate.")
	e.Status = http.StatusServiceUnavailable
	return e
}

// tooSlow is the answer to a body that did not come in time.
func tooSlow(cause error) *awsapi.Error {
	e := awsapi.Errorf("RequestTimeout", "Your socket connection to the server was not read from or written to within the timeout period. Idle connections will be closed.")
	e.Status, e.Cause = http.StatusRequestTimeout, cause
	return e
}

func badRequest(cause error) *awsapi.Error {
	e := awsapi.Errorf("InvalidRequestException", "The request body could not be read to its end.")
	e.Cause = cause
	return e
}
