package door_test

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"cloister/internal/audit"
	"cloister/internal/awsapi"
	iam "cloister/internal/awsapi/iam"
	lambda "cloister/internal/awsapi/lambda"
	logs "cloister/internal/awsapi/logs"
	"cloister/internal/door"
	"cloister/internal/door/doortest"
)

// protocols are one operation of each, all of them permitted to everybody who
// can sign.
var protocols = []struct {
	name    string
	service *awsapi.Service
	request func() *http.Request
}{
	{"json", &logs.Service, func() *http.Request { return createGroup("g") }},
	{"query", &iam.Service, getUser},
	{"rest", &lambda.Service, getFunction},
}

// What is wrong with a request, and what each protocol answers.
var wrongs = []struct {
	name  string
	spoil func(r *http.Request, k *doortest.Key) (sign bool)
	want  [3]string // by protocol: status and code
}{
	{"unsigned", func(*http.Request, *doortest.Key) bool { return false },
		[3]string{"400 MissingAuthenticationTokenException", "403 <Code>MissingAuthenticationToken<", "403 Missing Authentication Token"}},
	{"unknown key", func(_ *http.Request, k *doortest.Key) bool { k.ID = "AKIANOBODYNOBODYNOBO"; return true },
		[3]string{"400 UnrecognizedClientException", "403 <Code>InvalidClientTokenId<", "403 The security token included in the request is invalid"}},
	{"wrong secret", func(_ *http.Request, k *doortest.Key) bool { k.Secret = strings.Repeat("x", 40); return true },
		[3]string{"400 InvalidSignatureException", "403 <Code>SignatureDoesNotMatch<", "403 The request signature we calculated does not match"}},
	{"another service", func(_ *http.Request, k *doortest.Key) bool { k.Service = "sts"; return true },
		[3]string{"400 InvalidSignatureException", "", ""}},
	{"a service that is none", func(_ *http.Request, k *doortest.Key) bool { k.Service = strings.Repeat("s", 60_000); return true },
		[3]string{"400 correct service", "403 correct service", "403 correct service"}},
	{"a region that is none", func(_ *http.Request, k *doortest.Key) bool { k.Region = "us:east"; return true },
		[3]string{"400 valid region", "403 valid region", "403 valid region"}},
	{"expired", func(_ *http.Request, k *doortest.Key) bool { k.Time = k.Time.Add(-6 * time.Minute); return true },
		[3]string{"400 Signature expired", "403 Signature expired", "403 Signature expired"}},
	{"not yet", func(_ *http.Request, k *doortest.Key) bool { k.Time = k.Time.Add(6 * time.Minute); return true },
		[3]string{"400 Signature not yet current", "403 Signature not yet current", "403 Signature not yet current"}},
}

func TestUnauthenticated(t *testing.T) {
	for _, w := range wrongs {
		for i, p := range protocols {
			t.Run(w.name+"/"+p.name, func(t *testing.T) {
				s := newStage(t)
				r, key := p.request(), s.Key(s.Root(), p.service)
				if w.spoil(r, &key) {
					s.Sign(r, key)
				}
				answer := s.Serve(r)
				if status, text, _ := strings.Cut(w.want[i], " "); status != "" {
					answered(t, answer, map[string]int{"400": 400, "403": 403}[status], text)
				} else if answer.Code < 400 || answer.Code > 499 {
					t.Errorf("status %d: %s", answer.Code, answer.Body)
				}
				if s.runs != 0 {
					t.Error("the handler ran")
				}
				if rec := s.last(1); w.want[i] != "" && (rec.Outcome != audit.Denied || rec.Principal.Type != "Unknown" && w.name != "another service") {
					t.Errorf("audited as %+v", rec)
				}
			})
		}
	}
}

// A body that is not the one that was signed is refused before it is decoded.
func TestChangedBody(t *testing.T) {
	s := newStage(t)
	key := s.Key(s.Root(), &logs.Service)
	for _, declared := range []bool{false, true} {
		r := createGroup("g")
		if declared {
			r.Header.Set("X-Amz-Content-Sha256", "1ad85ed47f56e5d9e5b1ce8efda3e1e26e2ad8c9e2bd4f9b3bcd7a3d0a5a6bd5")
		}
		s.Sign(r, key)
		r.Body = io.NopCloser(strings.NewReader(`{"logGroupName":"h"}`))
		answered(t, s.Serve(r), 400, "InvalidSignatureException")
	}
	if s.runs != 0 || s.has("h") {
		t.Error("the handler ran")
	}
}

// uses is a directory that remembers what was used.
type uses struct {
	door.Directory
	of []string
}

func (u *uses) Used(_, service, region string, _ time.Time) {
	u.of = append(u.of, service+" "+region)
}

// A key counts as used when its signature is good and for the right service.
func TestUsed(t *testing.T) {
	used := &uses{}
	s := newStage(t, func(h *doortest.Harness, c *door.Config) { used.Directory = h.Users; c.Directory = used })
	sign := func(spoil func(k *doortest.Key)) {
		key := s.Key(s.Root(), &logs.Service)
		spoil(&key)
		s.Serve(s.Sign(createGroup("g"), key))
	}
	sign(func(k *doortest.Key) { k.Service = "sts" })
	sign(func(k *doortest.Key) { k.Service = "none" })
	sign(func(k *doortest.Key) { k.Secret = strings.Repeat("x", 40) })
	sign(func(k *doortest.Key) { k.Region = "eu-west-1" })
	if got := strings.Join(used.of, ", "); got != "logs eu-west-1" {
		t.Errorf("used for %s", got)
	}
}

// The audit log tells which key somebody tried.
func TestClaimedKey(t *testing.T) {
	s := newStage(t)
	key := s.Key(s.Root(), &logs.Service)
	key.Secret = strings.Repeat("x", 40)
	s.Serve(s.Sign(createGroup("g"), key))
	rec := s.last(1)
	if rec.Principal.AccessKeyID != key.ID || rec.Principal.ARN != "" || rec.EventName != "CreateLogGroup" || rec.Account != "" {
		t.Errorf("audited as %+v", rec)
	}
}

func TestPublic(t *testing.T) {
	s := newStage(t)
	answered(t, s.Serve(doortest.Query(iam.OpListUsers.Operation, "")), 200)
	answered(t, s.as(s.User("u"), &iam.Service, doortest.Query(iam.OpListUsers.Operation, "")), 200)
	key := s.Key(s.User("u"), &iam.Service)
	key.Secret = strings.Repeat("x", 40)
	answered(t, s.Serve(s.Sign(doortest.Query(iam.OpListUsers.Operation, ""), key)), 403, "SignatureDoesNotMatch")
	if s.runs != 2 {
		t.Errorf("%d runs", s.runs)
	}
}

func TestBodies(t *testing.T) {
	large := func(n int64) *http.Request {
		r := createGroup("g")
		r.Body, r.ContentLength = io.NopCloser(io.LimitReader(zeros{}, n)), n
		return r
	}
	signed := func(s *stage, r *http.Request) *http.Request {
		body := r.Body
		r.Body = io.NopCloser(strings.NewReader(""))
		length := r.ContentLength
		s.Sign(r, s.Key(s.Root(), &logs.Service))
		r.Body, r.ContentLength = body, length
		return r
	}
	broken := func() *http.Request {
		r := createGroup("g")
		r.Body = io.NopCloser(io.MultiReader(strings.NewReader(`{"logGr`), iotest.ErrReader(errors.New("gone"))))
		return r
	}
	// What an unsigned form means only its body tells, and the stage has a
	// public operation in that protocol.
	form := func(body io.Reader, n int64) *http.Request {
		r := getUser()
		r.Body, r.ContentLength = io.NopCloser(body), n
		return r
	}
	chunked := func(n int64) *http.Request { return form(io.LimitReader(zeros{}, n), -1) }
	cases := []struct {
		name    string
		request func(*stage) *http.Request
		status  int
		text    string
	}{
		{"unsigned and too large", func(*stage) *http.Request { return form(io.LimitReader(zeros{}, 1<<20+1), 1<<20+1) }, 413, "RequestEntityTooLarge"},
		{"unsigned, too large and does not say", func(*stage) *http.Request { return chunked(1<<20 + 1) }, 413, "RequestEntityTooLarge"},
		{"unsigned and just not", func(*stage) *http.Request { return large(1 << 20) }, 400, "MissingAuthenticationToken"},
		{"signed and too large", func(s *stage) *http.Request { return signed(s, large(70<<20+1)) }, 413, "RequestEntityTooLarge"},
		{"unsigned and aborted", func(*stage) *http.Request { return form(iotest.ErrReader(errors.New("gone")), 10) }, 400, "InvalidRequest"},
		{"signed and aborted", func(s *stage) *http.Request { return signed(s, broken()) }, 400, "InvalidRequest"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := newStage(t)
			w := s.Serve(c.request(s))
			answered(t, w, c.status, c.text)
			if s.runs != 0 {
				t.Error("the handler ran")
			}
			if rec := s.last(1); rec.ErrorCode == "" {
				t.Errorf("audited as %+v", rec)
			}
			if c.status == 413 && w.Header().Get("Connection") != "close" {
				t.Error("the connection stays open for the rest of the body")
			}
		})
	}
}

// A signature that is wrong costs no reading of the body, if it says the hash.
func TestWrongSignatureBeforeBody(t *testing.T) {
	s := newStage(t)
	key := s.Key(s.Root(), &logs.Service)
	key.Secret = strings.Repeat("x", 40)
	r := createGroup("g")
	r.Header.Set("X-Amz-Content-Sha256", "1ad85ed47f56e5d9e5b1ce8efda3e1e26e2ad8c9e2bd4f9b3bcd7a3d0a5a6bd5")
	s.Sign(r, key)
	r.Body = io.NopCloser(iotest.ErrReader(errors.New("the body was read")))
	answered(t, s.Serve(r), 400, "InvalidSignatureException")
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

func TestOverHTTP(t *testing.T) {
	s := newStage(t)
	server := httptest.NewServer(s.Door)
	defer server.Close()
	r, err := http.NewRequest("GET", server.URL+"/2015-03-31/functions/f", nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(s.Sign(withBody(r), s.Key(s.Root(), &lambda.Service)))
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if body, _ := io.ReadAll(answer.Body); answer.StatusCode != 200 || !strings.Contains(string(body), `"FunctionName":"f"`) {
		t.Errorf("%d %s", answer.StatusCode, body)
	}
	if rec := s.last(1); rec.SourceIP != "127.0.0.1" || rec.Outcome != audit.Allowed || !rec.ReadOnly {
		t.Errorf("audited as %+v", rec)
	}
}

// A client that hangs up in the middle of its body has called nothing, and that
// is in the log.
func TestHangUp(t *testing.T) {
	s := newStage(t)
	done := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.Door.ServeHTTP(w, r)
		close(done)
	}))
	defer server.Close()
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	r := createGroup("g")
	s.Sign(r, s.Key(s.Root(), &logs.Service))
	head := "POST / HTTP/1.1\r\nHost: example.com\r\nContent-Length: 20\r\n"
	for name, values := range r.Header {
		head += name + ": " + values[0] + "\r\n"
	}
	if _, err := io.WriteString(conn, head+"\r\n{\"logGroup"); err != nil {
		t.Fatal(err)
	}
	conn.Close()
	<-done
	if rec := s.last(1); rec.ErrorCode != "InvalidRequestException" || s.runs != 0 {
		t.Errorf("audited as %+v", rec)
	}
}

func withBody(r *http.Request) *http.Request {
	if r.Body == nil {
		r.Body = http.NoBody
	}
	return r
}

// deadlines remembers the time limits that are set for reading.
type deadlines struct {
	*httptest.ResponseRecorder
	set []time.Time
}

func (d *deadlines) SetReadDeadline(t time.Time) error {
	d.set = append(d.set, t)
	return nil
}

// A body has as much time as its size allows, and the handler as much as it
// wants.
func TestSlowBodies(t *testing.T) {
	s := newStage(t)
	key := s.Key(s.Root(), &logs.Service)
	w := &deadlines{ResponseRecorder: httptest.NewRecorder()}
	s.act = func(*door.Call) error {
		if len(w.set) != 2 || !w.set[1].IsZero() {
			t.Errorf("while the handler runs the limits are %v", w.set)
		}
		return nil
	}
	s.Door.ServeHTTP(w, s.Sign(deleteGroup(), key))
	if w.Code != 200 || len(w.set) != 2 || time.Until(w.set[0]) > 31*time.Second {
		t.Errorf("status %d, limits %v", w.Code, w.set)
	}
	w = &deadlines{ResponseRecorder: httptest.NewRecorder()}
	s.Door.ServeHTTP(w, s.Sign(getFunction(), s.Key(s.Root(), &lambda.Service)))
	if w.Code != 200 || w.set != nil {
		t.Errorf("without a body: status %d, limits %v", w.Code, w.set)
	}
}

// A hash that is declared ahead is checked while the body is read.
func TestDeclaredHash(t *testing.T) {
	s := newStage(t)
	sum := sha256.Sum256([]byte(`{"logGroupName":"g"}`))
	r := createGroup("g")
	r.Header.Set("X-Amz-Content-Sha256", hex.EncodeToString(sum[:]))
	answered(t, s.Serve(s.Sign(r, s.Key(s.Root(), &logs.Service))), 200)
	if !s.has("g") {
		t.Error("it did nothing")
	}
}
