package door_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"cloister/internal/audit"
	"cloister/internal/awsapi"
	"cloister/internal/awsapi/platform"
	"cloister/internal/door"
	"cloister/internal/store"
	"cloister/policy"
)

// front registers the operation of a front whose resource has the given policy.
// Callers are who signed for execute-api, or nobody.
func front(s *stage, document string) {
	resource := &policy.Named{Name: "route", Policy: mustParse(s.t, policy.KindResource, document)}
	door.Act(s.Door, platform.OpInvokeAPI, door.AtFront(
		func(c *door.Call, in *platform.InvokeAPIRequest) error {
			c.Account = "123456789012"
			r := in.Exchange.(*exchange)
			if r.Header.Get("Authorization") == "" {
				return nil
			}
			return c.Signed(r.Request, "execute-api", r.body)
		},
		func(c *door.Call, _ store.Reader, in *platform.InvokeAPIRequest) ([]door.Need, error) {
			return []door.Need{{Action: "execute-api:Invoke", Resource: "arn:aws:execute-api:us-east-1:123456789012:a1/prod/" + in.Method + in.Path,
				Account: "123456789012", ResourcePolicy: resource}}, nil
		}),
		func(*door.Call, *platform.InvokeAPIRequest) (*platform.InvokeAPIResponse, error) {
			s.runs++
			return &platform.InvokeAPIResponse{Answer: "done"}, nil
		})
}

type exchange struct {
	*http.Request
	body []byte
}

// enter sends a request to the front and returns the error's status, or 200.
func enter(t *testing.T, s *stage, r *http.Request, body string) int {
	t.Helper()
	r.Body = io.NopCloser(strings.NewReader(body))
	read, release, err := s.Door.Body(httptest.NewRecorder(), r, 1<<10)
	defer release()
	if err == nil {
		in := &platform.InvokeAPIRequest{APIID: "a1", Stage: "prod", Method: r.Method, Path: r.URL.Path, Exchange: &exchange{r, read}}
		var out *platform.InvokeAPIResponse
		out, _, err = door.Enter(s.Door, r, platform.OpInvokeAPI, "us-east-1", in)
		if err == nil && out.Answer != "done" {
			t.Errorf("the front got %+v", out)
		}
	}
	var wire *awsapi.Error
	if errors.As(err, &wire) {
		return wire.Status
	}
	return http.StatusOK
}

const openRoute = `{"Version":"2012-10-17","Statement":[
	{"Effect":"Allow","Principal":"*","Action":"execute-api:Invoke","Resource":"arn:aws:execute-api:us-east-1:123456789012:a1/prod/GET/open"}]}`

// toFront is an unsigned request to the front.
func toFront(method, path string) *http.Request {
	return httptest.NewRequest(method, "http://a1.execute-api.localhost"+path, nil)
}

func TestEnter(t *testing.T) {
	s := newStage(t)
	front(s, openRoute)
	u := s.User("u", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"execute-api:Invoke","Resource":"arn:aws:execute-api:*:*:a1/prod/POST/signed"}]}`)
	signed := func(service, method, path, body string) *http.Request {
		key := s.Key(u, &awsapi.Service{SigningName: service})
		r := toFront(method, path)
		r.Body = io.NopCloser(strings.NewReader(body))
		r.ContentLength = int64(len(body))
		return s.Sign(r, key)
	}
	for _, c := range []struct {
		what    string
		r       *http.Request
		body    string
		status  int
		outcome audit.Outcome
		caller  string
	}{
		{"everyone's route", toFront("GET", "/open"), "", 200, audit.Allowed, "Unknown"},
		{"a route that lets nobody in", toFront("GET", "/closed"), "", 403, audit.Denied, "Unknown"},
		{"signed and permitted", signed("execute-api", "POST", "/signed", "{}"), "{}", 200, audit.Allowed, "IAMUser"},
		{"signed, not permitted", signed("execute-api", "POST", "/other", "{}"), "{}", 403, audit.Denied, "IAMUser"},
		{"another body than was signed", signed("execute-api", "POST", "/signed", "{}"), "[]", 403, audit.Denied, "Unknown"},
		{"signed for another service", signed("lambda", "POST", "/signed", "{}"), "{}", 403, audit.Denied, "Unknown"},
	} {
		t.Run(c.what, func(t *testing.T) {
			s.runs = 0
			if got := enter(t, s, c.r, c.body); got != c.status || (s.runs == 1) != (c.status == 200) {
				t.Errorf("status %d, ran %d times", got, s.runs)
			}
			rec := lastRecord(t, s)
			if rec.EventSource != "execute-api.amazonaws.com" || rec.Outcome != c.outcome || rec.Principal.Type != c.caller {
				t.Errorf("the audit log has %s of %s by %s", rec.Outcome, rec.EventSource, rec.Principal.Type)
			}
		})
	}
	if got := enter(t, s, toFront("POST", "/signed"), strings.Repeat("x", 2<<10)); got != http.StatusRequestEntityTooLarge {
		t.Errorf("a large body: %d", got)
	}
}

// Nothing but what is registered for it is reached through Enter.
func TestEnterIsForFronts(t *testing.T) {
	s := newStage(t)
	r := httptest.NewRequest("GET", "/", nil)
	if _, _, err := door.Enter(s.Door, r, platform.OpInvokeAPI, "us-east-1", &platform.InvokeAPIRequest{}); err == nil {
		t.Error("an operation that is not registered was entered")
	}
	if _, _, err := door.Enter(s.Door, r, platform.OpExplain, "us-east-1", &platform.ExplainRequest{}); err == nil {
		t.Error("an operation of another class was entered")
	}
}
