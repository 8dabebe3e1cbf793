package door_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"cloister/internal/awsapi"
	iam "cloister/internal/awsapi/iam"
	lambda "cloister/internal/awsapi/lambda"
	logs "cloister/internal/awsapi/logs"
	"cloister/internal/door"
	"cloister/internal/door/doortest"
	"cloister/internal/store"
)

func rest(method, path string) *http.Request {
	return httptest.NewRequest(method, path, strings.NewReader("{}"))
}

// unread puts a body in place of r's that fails the test when it is read.
func unread(t *testing.T, r *http.Request, size int64) *http.Request {
	r.Body = io.NopCloser(readFunc(func([]byte) (int, error) {
		t.Error("the body was read")
		return 0, io.EOF
	}))
	r.ContentLength = size
	return r
}

type readFunc func(p []byte) (int, error)

func (f readFunc) Read(p []byte) (int, error) { return f(p) }

// Each operation takes bodies of its own size, and a larger one is not read.
func TestBodyLimits(t *testing.T) {
	const mega = 1 << 20
	for _, c := range []struct {
		name    string
		service *awsapi.Service
		request *http.Request
		limit   int64
		says    string
	}{
		{"CreateFunction", &lambda.Service, rest("POST", "/2015-03-31/functions"), 70 * mega, "smaller than 73400320 bytes for the CreateFunction operation"},
		{"UpdateFunctionCode", &lambda.Service, rest("PUT", "/2015-03-31/functions/f/code"), 70 * mega, "smaller than 73400320 bytes for the UpdateFunctionCode operation"},
		{"PublishLayerVersion", &lambda.Service, rest("POST", "/2018-10-31/layers/l/versions"), 70 * mega, "smaller than 73400320 bytes for the PublishLayerVersion operation"},
		{"Invoke", &lambda.Service, rest("POST", "/2015-03-31/functions/f/invocations"), 6*mega + mega/2, "smaller than 6815744 bytes for the Invoke operation"},
		{"no operation of Lambda's", &lambda.Service, rest("POST", "/2015-03-31/nothing"), 6*mega + mega/2, "smaller than 6815744 bytes"},
		{"CreateLogGroup", &logs.Service, createGroup("g"), 4 * mega, "smaller than 4194304 bytes for the CreateLogGroup operation"},
		{"GetUser", &iam.Service, getUser(), 2 * mega, "smaller than 2097152 bytes"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newStage(t)
			r := s.Sign(c.request, s.Key(s.Root(), c.service))
			answered(t, s.Serve(unread(t, r, c.limit+1)), 413, c.says)
			r.Body, r.ContentLength = io.NopCloser(io.LimitReader(zeros{}, c.limit+1)), -1
			answered(t, s.Serve(r), 413, c.says)
			if rec := s.last(2); rec.ErrorCode != "RequestEntityTooLargeException" {
				t.Errorf("audited as %+v", rec)
			}
			r.Body, r.ContentLength = io.NopCloser(io.LimitReader(zeros{}, c.limit)), c.limit
			if w := s.Serve(r); w.Code != 400 && w.Code != 403 {
				t.Errorf("a body of just the limit: %d %s", w.Code, w.Body)
			}
		})
	}
}

// What the header shows to be wrong costs no reading.
func TestRefusedUnread(t *testing.T) {
	for name, spoil := range map[string]func(k *doortest.Key){
		"unknown key":         func(k *doortest.Key) { k.ID = "AKIANOBODYNOBODYNOBO" },
		"expired":             func(k *doortest.Key) { k.Time = k.Time.Add(-6 * time.Minute) },
		"not yet":             func(k *doortest.Key) { k.Time = k.Time.Add(6 * time.Minute) },
		"another service":     func(k *doortest.Key) { k.Service = "sts" },
		"no service":          func(k *doortest.Key) { k.Service = "s" },
		"a region that is no": func(k *doortest.Key) { k.Region = "us:east" },
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t)
			key := s.Key(s.Root(), &logs.Service)
			spoil(&key)
			answered(t, s.Serve(unread(t, s.Sign(createGroup("g"), key), 20)), 400)
		})
	}
	t.Run("no signature's form", func(t *testing.T) {
		s := newStage(t)
		r := s.Sign(createGroup("g"), s.Key(s.Root(), &logs.Service))
		header := r.Header.Get("Authorization")
		r.Header.Set("Authorization", header[:len(header)-1])
		answered(t, s.Serve(unread(t, r, 20)), 400, "InvalidSignatureException")
	})
	t.Run("a header that is not signed", func(t *testing.T) {
		s := newStage(t)
		r := s.Sign(createGroup("g"), s.Key(s.Root(), &logs.Service))
		r.Header.Set("X-Amz-More", "x")
		answered(t, s.Serve(unread(t, r, 20)), 400, "not signed: X-Amz-More")
	})
}

// An unsigned request is refused unread, in its own protocol, where nothing
// that it might mean is public.
func TestUnsignedUnread(t *testing.T) {
	h := doortest.New(t, []*awsapi.Service{&iam.Service, &lambda.Service, &logs.Service})
	door.Read(h.Door, iam.OpGetUser, door.SignedOnly[iam.GetUserRequest](),
		func(*door.Call, store.Reader, *iam.GetUserRequest) (*iam.GetUserResponse, error) {
			t.Error("the handler ran")
			return nil, nil
		})
	for i, want := range []string{"400 MissingAuthenticationTokenException", "403 <Code>MissingAuthenticationToken<", "403 Missing Authentication Token"} {
		w := h.Serve(unread(t, protocols[i].request(), 20))
		if got := fmt.Sprint(w.Code, " ", w.Body); !strings.HasPrefix(got, want[:3]) || !strings.Contains(got, want[4:]) {
			t.Errorf("%s: %s", protocols[i].name, got)
		}
	}
}

// The bodies in flight share their memory: when it is used up a request is told
// to slow down, and the next is served once there is room again. What large
// bodies leave is for small ones.
func TestBodyBudget(t *testing.T) {
	const budget = 32 << 20 // a body that does not say its size takes a power of two
	s := newStage(t, func(_ *doortest.Harness, c *door.Config) { c.BodyBytes = budget })
	key := s.Key(s.Root(), &lambda.Service)
	code := func(body io.Reader) *http.Request {
		r := s.Sign(rest("POST", "/2015-03-31/functions"), key)
		r.Body, r.ContentLength = io.NopCloser(body), -1
		return r
	}
	large := func() *http.Request { return code(io.LimitReader(zeros{}, 12<<20)) }

	come, end := make(chan bool), make(chan bool)
	held := io.MultiReader(io.LimitReader(zeros{}, 9<<20), readFunc(func([]byte) (int, error) {
		come <- true
		<-end
		return 0, io.EOF
	}))
	done := make(chan bool)
	go func() {
		defer close(done)
		s.Serve(code(held))
	}()
	<-come
	answered(t, s.Serve(large()), 503, "Please reduce your request rate.")
	answered(t, s.as(s.Root(), &logs.Service, createGroup("g")), 200)
	close(end)
	<-done
	answered(t, s.Serve(large()), 403, "signature we calculated does not match") // it was read, and not what was signed
	if s.Door.BodiesInFlight() != 0 {
		t.Errorf("%d bytes are never given back", s.Door.BodiesInFlight())
	}
}

// A body that does not come in time is given up, and its connection with it.
func TestBodyTimeout(t *testing.T) {
	s := newStage(t)
	r := s.Sign(createGroup("g"), s.Key(s.Root(), &logs.Service))
	r.Body = io.NopCloser(iotest.ErrReader(fmt.Errorf("read: %w", os.ErrDeadlineExceeded)))
	w := &deadlines{ResponseRecorder: httptest.NewRecorder()}
	s.Door.ServeHTTP(w, r)
	answered(t, w.ResponseRecorder, 408, "RequestTimeout")
	if w.Header().Get("Connection") != "close" || len(w.set) != 2 || w.set[1].IsZero() {
		t.Errorf("the connection lives on, until %v", w.set)
	}
	if rec := s.last(1); rec.ErrorCode != "RequestTimeout" || s.runs != 0 {
		t.Errorf("audited as %+v", rec)
	}
}

// A refused request's body cannot hold its connection for long.
func TestUnreadBodyHasADeadline(t *testing.T) {
	s := newStage(t)
	w := &deadlines{ResponseRecorder: httptest.NewRecorder()}
	s.Door.ServeHTTP(w, createGroup("g"))
	if len(w.set) != 1 || w.set[0].IsZero() {
		t.Errorf("limits %v", w.set)
	}
}

var errGone = errors.New("gone")

// An aborted body gives back what it held.
func TestAbortedBodyIsGivenBack(t *testing.T) {
	s := newStage(t)
	r := s.Sign(createGroup("g"), s.Key(s.Root(), &logs.Service))
	r.Body = io.NopCloser(io.MultiReader(io.LimitReader(zeros{}, 100_000), iotest.ErrReader(errGone)))
	r.ContentLength = 200_000
	answered(t, s.Serve(r), 400, "InvalidRequest")
	if s.Door.BodiesInFlight() != 0 {
		t.Errorf("%d bytes are never given back", s.Door.BodiesInFlight())
	}
}
