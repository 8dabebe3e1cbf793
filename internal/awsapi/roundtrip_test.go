package awsapi_test

import (
	"flag"
	"net/http/httptest"
	"testing"

	"pgregory.net/rapid"

	"cloister/internal/awsapi"
)

// eachOperation visits every generated operation in every protocol that could
// carry it.
func eachOperation(t *testing.T, visit func(t *testing.T, r *awsapi.Router, op *awsapi.Operation, p awsapi.Protocol)) {
	for _, generatedService := range generated {
		s := awsapi.AllProtocols(generatedService)
		r := awsapi.NewRouter(s)
		for _, op := range s.Operations {
			for _, p := range s.Protocols {
				if p == awsapi.EC2Query {
					continue // its names for members are those of its own models
				}
				t.Run(s.Name+"/"+op.Name+"/"+p.String(), func(t *testing.T) { visit(t, r, op, p) })
			}
		}
	}
}

// TestWhatClientsSendIsDecoded: encoding any input and decoding it gives the
// same input back, for every operation in every protocol.
func TestWhatClientsSendIsDecoded(t *testing.T) {
	eachOperation(t, func(t *testing.T, r *awsapi.Router, op *awsapi.Operation, p awsapi.Protocol) {
		if op.Input == nil {
			return
		}
		check(t, func(t *rapid.T) {
			in := awsapi.Draw(t, op.Input, p)
			req, body := awsapi.Request(op, p, in)
			m, wireErr := r.Recognise(req, op.Service.SigningName, body)
			if wireErr != nil || m.Operation.Name != op.Name {
				t.Fatalf("%s %s is recognised as %v: %v", req.Method, req.URL, m.Operation, wireErr)
			}
			got := awsapi.New(op.Input)
			if err := m.Decode(req, body, got); err != nil {
				t.Fatalf("%s\n%q\nis not decoded: %v", req.URL, body, err)
			}
			if err := awsapi.Same(op.Input, got, in); err != nil {
				t.Fatalf("%v\nfrom %s %q", err, req.URL, body)
			}
		})
	})
}

// TestWhatIsAnsweredIsRead: a client reads from our answer the output that was
// encoded, for every operation in every protocol.
func TestWhatIsAnsweredIsRead(t *testing.T) {
	eachOperation(t, func(t *testing.T, r *awsapi.Router, op *awsapi.Operation, p awsapi.Protocol) {
		if op.Output == nil || op.StatusCode == 204 {
			return
		}
		check(t, func(t *rapid.T) {
			out := awsapi.Draw(t, op.Output, p)
			m := &awsapi.Match{Service: op.Service, Operation: op, Protocol: p}
			w := httptest.NewRecorder()
			if err := m.Encode(w, "id", out); err != nil {
				t.Fatal(err)
			}
			got := awsapi.New(op.Output)
			if err := awsapi.ReadAnswer(op, p, w.Result(), got); err != nil {
				t.Fatalf("a client cannot read %s: %v", w.Body, err)
			}
			awsapi.ForgetStatus(op.Output, got)
			if err := awsapi.Same(op.Output, got, out); err != nil {
				t.Fatalf("%v\nfrom %s", err, w.Body)
			}
		})
	})
}

// check runs a property few times: there are hundreds of operations.
func check(t *testing.T, property func(*rapid.T)) {
	t.Helper()
	flag.Set("rapid.checks", "10")
	rapid.Check(t, property)
}
