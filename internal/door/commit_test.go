package door_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"cloister/internal/audit"
	"cloister/internal/awsapi"
	iam "cloister/internal/awsapi/iam"
	logs "cloister/internal/awsapi/logs"
	sts "cloister/internal/awsapi/sts"
	"cloister/internal/door"
	"cloister/internal/door/doortest"
	"cloister/internal/store"
	"cloister/internal/store/pebbleengine"
)

// A change and its audit record are there, once.
func TestWrite(t *testing.T) {
	s := newStage(t)
	answered(t, s.as(s.Root(), &logs.Service, createGroup("g")), 200)
	rec := s.last(1)
	if !s.has("g") || rec.Outcome != audit.Allowed || rec.EventName != "CreateLogGroup" || rec.EventSource != "logs.amazonaws.com" || rec.ReadOnly {
		t.Errorf("audited as %+v", rec)
	}
	if string(rec.Request) != `{"logGroupName":"g"}` {
		t.Errorf("the record's request is %s", rec.Request)
	}
}

// Whatever ends a handler, nothing of it stays but a failed record, and the
// caller learns no more than is theirs.
func TestFailedWrite(t *testing.T) {
	for name, c := range map[string]struct {
		end  func() error
		code string
	}{
		"the wire's error":    {func() error { return awsapi.Errorf("ResourceAlreadyExistsException", "there") }, "ResourceAlreadyExistsException"},
		"an error of its own": {func() error { return errors.New("secret detail") }, "InternalFailure"},
		"a panic":             {func() error { panic("secret detail") }, "InternalFailure"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t)
			s.write = func(*door.Call, *store.Tx) error { return c.end() }
			w := s.as(s.Root(), &logs.Service, createGroup("g"))
			answered(t, w, map[bool]int{true: 500, false: 400}[c.code == "InternalFailure"], c.code)
			rec := s.last(1)
			if s.has("g") || rec.Outcome != audit.Failed || rec.ErrorCode != c.code {
				t.Errorf("audited as %+v", rec)
			}
			for _, text := range []string{w.Body.String(), rec.ErrorMessage} {
				if strings.Contains(text, "secret") {
					t.Errorf("tells the cause: %s", text)
				}
			}
			s.write = func(*door.Call, *store.Tx) error { return nil }
			answered(t, s.as(s.Root(), &logs.Service, createGroup("h")), 200)
		})
	}
}

// A panic in a resolver or while reading is one failed call, too.
func TestPanics(t *testing.T) {
	s := newStage(t)
	s.resolve = func(*door.Call) { panic("secret detail") }
	answered(t, s.as(s.Root(), &iam.Service, getUser()), 500, "InternalFailure")
	s.resolve = func(*door.Call) {}
	s.read = func(*door.Call, store.Reader) error { panic("secret detail") }
	answered(t, s.as(s.Root(), &iam.Service, getUser()), 500, "InternalFailure")
	r := s.Sign(getUser(), s.Key(s.Root(), &iam.Service))
	r.Body = panicBody{}
	answered(t, s.Serve(r), 500, "unknown error")
	if rec := s.last(3); rec.Outcome != audit.Failed || s.runs != 1 {
		t.Errorf("audited as %+v", rec)
	}
}

type panicBody struct{ http.Request }

func (panicBody) Read([]byte) (int, error) { panic("secret detail") }
func (panicBody) Close() error             { return nil }

func TestAct(t *testing.T) {
	put := func(name string) func(*store.Tx) error {
		return func(tx *store.Tx) error { return notes.Put(tx, store.K(name), &note{name}) }
	}
	fails := errors.New("fails")
	for name, c := range map[string]struct {
		act      func(c *door.Call) error
		status   int
		kept     string // notes that are there
		outcomes []audit.Outcome
	}{
		"commits nothing": {func(*door.Call) error { return nil }, 200, "", []audit.Outcome{audit.Allowed}},
		"commits":         {func(c *door.Call) error { return c.Commit(put("a")) }, 200, "a", []audit.Outcome{audit.Allowed}},
		"commits twice": {func(c *door.Call) error { return errors.Join(c.Commit(put("a")), c.Commit(put("b"))) }, 500, "a",
			[]audit.Outcome{audit.Allowed, audit.Failed}},
		"fails after it committed": {func(c *door.Call) error { return errors.Join(c.Commit(put("a")), fails) }, 500, "a",
			[]audit.Outcome{audit.Allowed, audit.Failed}},
		"fails in its commit": {func(c *door.Call) error {
			return c.Commit(func(tx *store.Tx) error { return errors.Join(put("a")(tx), fails) })
		}, 500, "", []audit.Outcome{audit.Failed}},
		"tries again after a commit that failed": {func(c *door.Call) error {
			if c.Commit(func(*store.Tx) error { return fails }) == nil {
				return errors.New("it did not fail")
			}
			return c.Commit(put("b"))
		}, 200, "b", []audit.Outcome{audit.Allowed}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t)
			s.act = c.act
			answered(t, s.as(s.Root(), &logs.Service, deleteGroup()), c.status)
			kept := ""
			for _, name := range []string{"a", "b"} {
				if s.has(name) {
					kept += name
				}
			}
			if kept != c.kept {
				t.Errorf("%q is there", kept)
			}
			records := s.records()
			if len(records) != len(c.outcomes) {
				t.Fatalf("audited as %+v", records)
			}
			for i, rec := range records {
				if rec.Outcome != c.outcomes[i] || rec.EventName != "DeleteLogGroup" {
					t.Errorf("record %d is %+v", i, rec)
				}
			}
		})
	}
}

// The commit of an action is authorised anew.
func TestActRevokedBetween(t *testing.T) {
	s := newStage(t)
	u := s.User("u", allow("*"))
	s.act = func(c *door.Call) error {
		s.Users.Remove(u)
		return c.Commit(func(tx *store.Tx) error { return notes.Put(tx, store.K("a"), &note{"a"}) })
	}
	answered(t, s.as(u, &logs.Service, deleteGroup()), 400, "UnrecognizedClientException")
	if rec := s.last(1); s.has("a") || rec.Outcome != audit.Denied {
		t.Errorf("audited as %+v", rec)
	}
}

// recorder looks into the audit log when the first byte of the answer leaves.
type recorder struct {
	*httptest.ResponseRecorder
	s     *stage
	found bool
}

func (r *recorder) WriteHeader(status int) {
	id := r.Header().Get("X-Amzn-Requestid")
	for _, rec := range r.s.records() {
		r.found = r.found || rec.RequestID == id
	}
	r.ResponseRecorder.WriteHeader(status)
}

func (r *recorder) Write(p []byte) (int, error) {
	if !r.Flushed && !r.found {
		r.WriteHeader(200)
	}
	return r.ResponseRecorder.Write(p)
}

func TestAuditedBeforeAnswer(t *testing.T) {
	s := newStage(t)
	nobody := s.User("nobody")
	for name, request := range map[string]*http.Request{
		"a read":      s.Sign(getUser(), s.Key(s.Root(), &iam.Service)),
		"a change":    s.Sign(createGroup("g"), s.Key(s.Root(), &logs.Service)),
		"an action":   s.Sign(deleteGroup(), s.Key(s.Root(), &logs.Service)),
		"a denial":    s.Sign(getUser(), s.Key(nobody, &iam.Service)),
		"unsigned":    getUser(),
		"unknown":     s.Sign(httptest.NewRequest("GET", "/nowhere", nil), s.Key(s.Root(), &iam.Service)),
		"not decoded": s.Sign(doortest.JSON(logs.OpCreateLogGroup.Operation, `{`), s.Key(s.Root(), &logs.Service)),
		"not valid":   s.Sign(doortest.JSON(logs.OpCreateLogGroup.Operation, `{}`), s.Key(s.Root(), &logs.Service)),
		"not here":    s.Sign(doortest.Query(iam.OpDeleteUser.Operation, "&UserName=u"), s.Key(s.Root(), &iam.Service)),
	} {
		w := &recorder{ResponseRecorder: httptest.NewRecorder(), s: s}
		s.Door.ServeHTTP(w, request)
		if !w.found {
			t.Errorf("%s: the answer left before its audit record was written: %d %s", name, w.Code, w.Body)
		}
	}
}

// sick is an engine whose disk fails.
type sick struct {
	store.Engine
	failed error
	fails  bool // at the next update
}

func (e *sick) Healthy() error { return e.failed }

func (e *sick) Update(ctx context.Context, fn func(store.EngineTx) error) error {
	if e.fails {
		e.failed = errors.New("the disk is gone")
		return e.failed
	}
	return e.Engine.Update(ctx, fn)
}

func newSick(t *testing.T) (*stage, *sick) {
	e := &sick{}
	s := newStage(t, func(h *doortest.Harness, c *door.Config) {
		engine, err := pebbleengine.Open(t.TempDir()+"/sick", h.Keys)
		if err != nil {
			t.Fatal(err)
		}
		e.Engine = engine
		if c.DB, err = store.Open(e, h.Keys); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.DB.Close() })
	})
	return s, e
}

// Once the store or the audit log has failed, nobody is answered anything.
func TestUnhealthy(t *testing.T) {
	everything := func(t *testing.T, s *stage) {
		t.Helper()
		runs := s.runs
		for _, w := range []*httptest.ResponseRecorder{
			s.as(s.Root(), &iam.Service, getUser()), s.as(s.Root(), &logs.Service, createGroup("g")), s.as(s.Root(), &logs.Service, deleteGroup()),
			s.as(s.Root(), &sts.Service, getCallerIdentity()), s.Serve(getFunction()), s.Serve(httptest.NewRequest("GET", "/nowhere", nil)),
		} {
			answered(t, w, 503, "The service is unavailable.")
		}
		if _, err := door.Do(context.Background(), s.Door, s.Root(), iam.OpGetUser, &iam.GetUserRequest{}); err == nil {
			t.Error("a call within is answered")
		}
		if s.runs != runs {
			t.Error("a handler ran")
		}
	}
	t.Run("store", func(t *testing.T) {
		s, engine := newSick(t)
		engine.failed = errors.New("the disk is gone")
		everything(t, s)
	})
	t.Run("audit", func(t *testing.T) {
		s := newStage(t)
		if err := s.Audit.Close(); err != nil {
			t.Fatal(err)
		}
		everything(t, s)
	})
	t.Run("store, in the middle of a change", func(t *testing.T) {
		s, engine := newSick(t)
		engine.fails = true
		answered(t, s.as(s.Root(), &logs.Service, createGroup("g")), 503, "The service is unavailable.")
		everything(t, s)
	})
	t.Run("audit, in the middle of a read", func(t *testing.T) {
		s := newStage(t)
		s.read = func(*door.Call, store.Reader) error { return s.Audit.Close() }
		answered(t, s.as(s.Root(), &iam.Service, getUser()), 503, "The service is unavailable.")
	})
}
