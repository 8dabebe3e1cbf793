package lambda

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/lambda"
	"cloister/internal/cell"
	"cloister/internal/service/lambda/invoke"
)

func TestAnInvocationReachesTheDataPlane(t *testing.T) {
	h := newHarness(t)
	h.create("f", "one")
	h.fleet.answers(func(*invoke.Function, *invoke.Request) (*invoke.Result, error) {
		return &invoke.Result{Payload: []byte(`"out"`), LogTail: []byte("tail"), FunctionError: "Unhandled", ExecutedVersion: "$LATEST"}, nil
	})
	out, err := do(h, h.Root(), api.OpInvoke, &api.InvocationRequest{
		FunctionName: ptr("f"), Qualifier: ptr("$LATEST"), Payload: []byte(`1`), LogType: ptr("Tail"), ClientContext: ptr("eyJhIjoxfQ=="),
	})
	h.must(err)
	got := h.fleet.last()
	if !got.req.LogTail || string(got.req.Payload) != "1" || got.req.ClientContext != `{"a":1}` || got.req.RequestID == "" ||
		got.req.InvokedARN != "arn:aws:lambda:us-east-1:123456789012:function:f:$LATEST" {
		t.Errorf("the request is %+v", got.req)
	}
	if got.fn.RoleARN != goodRole || got.fn.Reserved != invoke.Unreserved || got.fn.LogGroup != "/aws/lambda/f" || got.fn.Handler != "m.f" {
		t.Errorf("the function is %+v", got.fn)
	}
	if string(out.Payload) != `"out"` || val(out.LogResult) != "dGFpbA==" || val(out.FunctionError) != "Unhandled" || val(out.StatusCode) != 200 {
		t.Errorf("the answer is %+v", out)
	}
}

func TestPayloadLimits(t *testing.T) {
	h := newHarness(t)
	h.create("f", "one")
	for _, c := range []struct {
		kind  string
		bytes int
		ok    bool
	}{
		{"RequestResponse", maxPayload, true},
		{"RequestResponse", maxPayload + 1, false},
		{"DryRun", maxPayload + 1, false},
		{"Event", maxAsyncPayload, true},
		{"Event", maxAsyncPayload + 1, false},
	} {
		_, err := do(h, h.Root(), api.OpInvoke, &api.InvocationRequest{
			FunctionName: ptr("f"), InvocationType: ptr(c.kind), Payload: []byte(strings.Repeat(" ", c.bytes-1) + "1"),
		})
		if c.ok && err != nil || !c.ok && !coded(err, "RequestTooLargeException") {
			t.Errorf("%s with %d bytes: %v", c.kind, c.bytes, err)
		}
	}
	_, err := do(h, h.Root(), api.OpInvokeAsync, &api.InvokeAsyncRequest{FunctionName: ptr("f"), InvokeArgs: make([]byte, maxAsyncPayload+1)})
	if !coded(err, "RequestTooLargeException") {
		t.Errorf("InvokeAsync: %v", err)
	}
	var wire *awsapi.Error
	if errors.As(err, &wire) && wire.Status != http.StatusRequestEntityTooLarge {
		t.Errorf("the status is %d, want 413", wire.Status)
	}
}

func TestInvocationErrors(t *testing.T) {
	h := newHarness(t)
	h.create("f", "one")
	for _, c := range []struct {
		err    error
		want   string
		reason any
	}{
		{&invoke.ThrottleError{Reason: invoke.ReasonReserved}, "429 TooManyRequestsException: Rate Exceeded.", invoke.ReasonReserved},
		{&invoke.ThrottleError{Reason: invoke.ReasonAccount}, "429 TooManyRequestsException: Rate Exceeded.", invoke.ReasonAccount},
		{&invoke.StartError{Err: errors.New("secret detail")}, "500 ServiceException: The function could not be started. The node's own log says why.", nil},
		{&invoke.StartError{Err: &cell.UnavailableError{}}, "500 ServiceException: This machine cannot contain functions, so none is run: " + (&cell.UnavailableError{}).Error() + ". Run cloister doctor.", nil},
		{invoke.ErrShuttingDown, "500 ServiceException: the node is shutting down: call another node, or again when it is up", nil},
		{errors.New("secret detail"), "500 InternalFailure: The request processing has failed because of an unknown error, exception or failure.", nil},
	} {
		h.fleet.answers(func(*invoke.Function, *invoke.Request) (*invoke.Result, error) { return nil, c.err })
		_, err := do(h, h.Root(), api.OpInvoke, &api.InvocationRequest{FunctionName: ptr("f")})
		var wire *awsapi.Error
		if !errors.As(err, &wire) {
			t.Fatal(err)
		}
		if got := onWire(api.OpInvoke.Operation, wire); got != c.want {
			t.Errorf("%v becomes %s, want %s", c.err, got, c.want)
		}
		if c.reason != nil && wire.Members["Reason"] != c.reason {
			t.Errorf("the reason is %v, want %v", wire.Members["Reason"], c.reason)
		}
	}
}

// streamed calls InvokeWithResponseStream and returns the events' texts.
func (h *harness) streamed(ctx context.Context, answer func(w func(string) io.Writer) (*invoke.Result, error)) (string, error) {
	h.fleet.answers(func(_ *invoke.Function, req *invoke.Request) (*invoke.Result, error) { return answer(req.Stream) })
	out, err := do(h, h.Root(), api.OpInvokeWithResponseStream, &api.InvokeWithResponseStreamRequest{FunctionName: ptr("f"), LogType: ptr("Tail")})
	if err != nil {
		return "", err
	}
	text := val(out.ResponseStreamContentType) + ":"
	err = out.EventStream(ctx, func(member string, event any) error {
		switch e := event.(type) {
		case *api.InvokeResponseStreamUpdate:
			text += string(e.Payload)
		case *api.InvokeWithResponseStreamCompleteEvent:
			text += " " + member + " " + val(e.ErrorCode) + " " + val(e.ErrorDetails) + " " + val(e.LogResult)
		}
		return nil
	})
	return text, err
}

func TestResponseStreams(t *testing.T) {
	h := newHarness(t)
	h.create("f", "one")
	long := strings.Repeat("x", 3*chunkSize)
	write := func(open func(string) io.Writer, parts ...string) {
		w := open("text/plain")
		for _, p := range parts {
			if _, err := io.WriteString(w, p); err != nil {
				t.Error(err)
			}
		}
	}
	for _, c := range []struct {
		name   string
		answer func(open func(string) io.Writer) (*invoke.Result, error)
		want   string
	}{
		{"whole", func(o func(string) io.Writer) (*invoke.Result, error) {
			write(o, "a", "b", long)
			return &invoke.Result{Streamed: true, LogTail: []byte("tail")}, nil
		}, "text/plain:ab" + long + " InvokeComplete   dGFpbA=="},
		{"empty", func(func(string) io.Writer) (*invoke.Result, error) {
			return &invoke.Result{ContentType: "a/b"}, nil
		}, "a/b: InvokeComplete   "},
		{"failed at once", func(func(string) io.Writer) (*invoke.Result, error) {
			return &invoke.Result{FunctionError: "Unhandled", ErrorType: "Runtime.ExitError", Payload: []byte(`{"e":1}`)}, nil
		}, `: InvokeComplete Runtime.ExitError {"e":1} `},
		{"failed in the middle", func(o func(string) io.Writer) (*invoke.Result, error) {
			write(o, "half")
			return &invoke.Result{Streamed: true, FunctionError: "Unhandled", ErrorType: "Boom", Payload: []byte(`{}`)}, nil
		}, "text/plain:half InvokeComplete Boom {} "},
		{"lost in the middle", func(o func(string) io.Writer) (*invoke.Result, error) {
			write(o, "half")
			return nil, errors.New("secret detail")
		}, "text/plain:half InvokeComplete InternalError The invocation was cut short. "},
	} {
		if got, err := h.streamed(context.Background(), c.answer); err != nil || got != c.want {
			t.Errorf("%s: %.200q, %v; want %.200q", c.name, got, err, c.want)
		}
	}
	_, err := h.streamed(context.Background(), func(func(string) io.Writer) (*invoke.Result, error) { return throttled() })
	if !coded(err, "TooManyRequestsException") {
		t.Errorf("throttled: %v", err)
	}
}

// A client that goes away must not leave the function waiting for a reader.
func TestAStreamEndsWithItsClient(t *testing.T) {
	fleet := newFakeFleet()
	broken := make(chan error, 1)
	fleet.answers(func(_ *invoke.Function, req *invoke.Request) (*invoke.Result, error) {
		_, err := req.Stream("text/plain").Write([]byte("x"))
		broken <- err
		return &invoke.Result{Streamed: true}, nil
	})
	ctx, gone := context.WithCancel(context.Background())
	s := newStream()
	go s.run(fleet, ctx, &invoke.Function{}, &invoke.Request{})
	if _, err := s.begun(); err != nil {
		t.Fatal(err)
	}
	gone()
	if err := <-broken; !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("the function's write ended with %v", err)
	}
}

// An alias with a weight sends that share of the invocations elsewhere.
func TestWeights(t *testing.T) {
	main, other := &invoke.Function{Version: "1"}, &invoke.Function{Version: "2"}
	for _, c := range []struct{ share, atLeast, atMost float64 }{
		{0, 0, 0}, {0.1, 0.08, 0.12}, {0.5, 0.47, 0.53}, {1, 1, 1},
	} {
		tg := &target{main: main, other: other, share: c.share}
		random := rand.New(rand.NewPCG(1, 2))
		n := 0
		for range 10_000 {
			if tg.choose(random.Float64()) == other {
				n++
			}
		}
		if share := float64(n) / 10_000; share < c.atLeast || share > c.atMost {
			t.Errorf("a weight of %v sent %v there", c.share, share)
		}
	}
	if (&target{main: main}).choose(0) != main {
		t.Error("without a weight all go to the main version")
	}
}
