package lambda

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"unicode/utf8"

	api "cloister/internal/awsapi/lambda"
	"cloister/internal/door"
	"cloister/internal/service/lambda/invoke"
	"cloister/internal/store"
)

// Limits of what an invocation takes, in bytes
// (https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html).
const (
	maxPayload      = 6291456
	maxAsyncPayload = 1048576
)

func (s *Service) needsOfInvoke(c *door.Call, r store.Reader, in *api.InvocationRequest) ([]door.Need, error) {
	return s.invokeNeeds(c, r, in.FunctionName, in.Qualifier)
}

func (s *Service) needsOfInvokeAsync(c *door.Call, r store.Reader, in *api.InvokeAsyncRequest) ([]door.Need, error) {
	return s.invokeNeeds(c, r, in.FunctionName, nil)
}

func (s *Service) needsOfInvokeStream(c *door.Call, r store.Reader, in *api.InvokeWithResponseStreamRequest) ([]door.Need, error) {
	return s.invokeNeeds(c, r, in.FunctionName, in.Qualifier)
}

// invokeNeeds is permission to invoke.
func (s *Service) invokeNeeds(c *door.Call, r store.Reader, name, qualifier *string) ([]door.Need, error) {
	f, err := parseRef(c, name, qualifier)
	if err != nil {
		return nil, err
	}
	need, _, err := s.targetNeed(r, "lambda:InvokeFunction", f)
	return []door.Need{need}, err
}

func (s *Service) invoke(c *door.Call, in *api.InvocationRequest) (*api.InvocationResponse, error) {
	f, t, err := s.invoked(c, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	kind := or(in.InvocationType, "RequestResponse")
	if err := checkPayload(in.Payload, kind); err != nil {
		return nil, err
	}
	context, err := clientContext(in.ClientContext)
	if err != nil {
		return nil, err
	}
	switch kind {
	case "DryRun":
		return &api.InvocationResponse{StatusCode: ptr(int64(http.StatusNoContent))}, nil
	case "Event":
		err := s.accept(c, f, in.Payload, context)
		return &api.InvocationResponse{StatusCode: ptr(int64(http.StatusAccepted))}, err
	}
	result, err := s.fleet.Invoke(c, t.pick(), &invoke.Request{
		RequestID: c.RequestID, InvokedARN: f.arn(), Payload: eventOf(in.Payload), TraceID: traceOf(c),
		ClientContext: context, LogTail: val(in.LogType) == "Tail",
	})
	if err != nil {
		return nil, invokeError(err)
	}
	return response(result), nil
}

// invoked finds what an invocation is of.
func (s *Service) invoked(c *door.Call, name, qualifier *string) (ref, *target, error) {
	f, err := parseRef(c, name, qualifier)
	if err != nil {
		return f, nil, err
	}
	t, err := s.targets.get(c, f)
	return f, t, err
}

func response(r *invoke.Result) *api.InvocationResponse {
	out := &api.InvocationResponse{StatusCode: ptr(int64(http.StatusOK)), Payload: r.Payload, ExecutedVersion: ptr(r.ExecutedVersion)}
	if r.FunctionError != "" {
		out.FunctionError = ptr(r.FunctionError)
	}
	if r.LogTail != nil {
		out.LogResult = ptr(base64.StdEncoding.EncodeToString(r.LogTail))
	}
	return out
}

// eventOf is what the function gets for an empty payload.
func eventOf(payload []byte) []byte {
	if len(payload) == 0 {
		return []byte("{}")
	}
	return payload
}

// maxTrace is more than a trace header needs, in bytes.
const maxTrace = 1024

// traceOf is the call's trace header; one that is no text is as good as none.
func traceOf(c *door.Call) string {
	trace := c.Header.Get("X-Amzn-Trace-Id")
	if len(trace) > maxTrace || !utf8.ValidString(trace) {
		return ""
	}
	return trace
}

func checkPayload(payload []byte, kind string) error {
	limit := maxPayload
	if kind == "Event" {
		limit = maxAsyncPayload
	}
	if len(payload) > limit {
		return tooLarge("RequestTooLargeException", "Request must be smaller than %d bytes for the InvokeFunction operation", limit)
	}
	if len(payload) > 0 && !validJSON(payload) {
		return fail("InvalidRequestContentException", "Could not parse request body into json: the payload is not valid JSON.")
	}
	return nil
}

// validJSON is stricter than encoding/json, which lets bytes that are no text
// into strings.
func validJSON(text []byte) bool { return utf8.Valid(text) && json.Valid(text) }

// clientContext decodes the header's base64; what is in it must be JSON.
func clientContext(given *string) (string, error) {
	if val(given) == "" {
		return "", nil
	}
	text, err := base64.StdEncoding.DecodeString(*given)
	if err != nil || !validJSON(text) || len(text) > 3583 {
		return "", fail("InvalidRequestContentException", "Client context must be a valid Base64-encoded JSON object of at most 3583 bytes.")
	}
	return string(text), nil
}

// invokeError is the API's error for an invocation that did not come about.
func invokeError(err error) error {
	var throttled *invoke.ThrottleError
	var start *invoke.StartError
	var environment *invoke.EnvironmentError
	var code *invoke.CodeError
	switch {
	case errors.As(err, &throttled):
		e := fail("TooManyRequestsException", "Rate Exceeded.")
		return withReason(e, throttled.Reason)
	case errors.As(err, &environment):
		return environmentError(environment.Err)
	case errors.As(err, &code):
		return codeError(code.Err)
	case errors.As(err, &start):
		return cannotStart(start)
	case errors.Is(err, invoke.ErrShuttingDown):
		return fail("ServiceException", "%s", err.Error())
	}
	return err
}

// invokeStream answers with events: the payload as it comes, then how it ended.
func (s *Service) invokeStream(c *door.Call, in *api.InvokeWithResponseStreamRequest) (*api.InvokeWithResponseStreamResponse, error) {
	f, t, err := s.invoked(c, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	if err := checkPayload(in.Payload, ""); err != nil {
		return nil, err
	}
	context, err := clientContext(in.ClientContext)
	if err != nil {
		return nil, err
	}
	if val(in.InvocationType) == "DryRun" {
		return &api.InvokeWithResponseStreamResponse{StatusCode: ptr(int64(http.StatusNoContent))}, nil
	}
	stream := newStream()
	fn := t.pick()
	go stream.run(s.fleet, c, fn, &invoke.Request{
		RequestID: c.RequestID, InvokedARN: f.arn(), Payload: eventOf(in.Payload), TraceID: traceOf(c),
		ClientContext: context, LogTail: val(in.LogType) == "Tail",
	})
	contentType, err := stream.begun()
	if err != nil {
		return nil, invokeError(err)
	}
	return &api.InvokeWithResponseStreamResponse{
		StatusCode: ptr(int64(http.StatusOK)), ExecutedVersion: ptr(fn.Version),
		ResponseStreamContentType: ptr(contentType), EventStream: stream.events,
	}, nil
}

// invokeAsync is the older form of an Event invocation.
func (s *Service) invokeAsync(c *door.Call, in *api.InvokeAsyncRequest) (*api.InvokeAsyncResponse, error) {
	f, _, err := s.invoked(c, in.FunctionName, nil)
	if err != nil {
		return nil, err
	}
	if err := checkPayload(in.InvokeArgs, "Event"); err != nil {
		return nil, err
	}
	return &api.InvokeAsyncResponse{Status: ptr(int64(http.StatusAccepted))}, s.accept(c, f, in.InvokeArgs, "")
}
