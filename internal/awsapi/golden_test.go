package awsapi_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"net/http/httptest"
	"os"
	"sort"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"cloister/internal/awsapi"
)

var rewrite = flag.Bool("rewrite", false, "write what is into the golden files instead of comparing")

// golden runs every file of an archive: its name is the case, its content what
// must come out.
func golden(t *testing.T, path string, run func(t *testing.T, name string) string) {
	archive, err := txtar.ParseFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i, f := range archive.Files {
		t.Run(f.Name, func(t *testing.T) {
			got := strings.TrimSpace(run(t, f.Name)) + "\n\n"
			if *rewrite {
				archive.Files[i].Data = []byte(got)
			} else if strings.TrimSpace(got) != strings.TrimSpace(string(f.Data)) {
				t.Errorf("got:\n%s\nwant:\n%s", got, f.Data)
			}
		})
	}
	if *rewrite {
		if err := os.WriteFile(path, txtar.Format(archive), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// operation finds "lambda:Invoke".
func operation(t *testing.T, name string) *awsapi.Operation {
	t.Helper()
	service, op, _ := strings.Cut(name, ":")
	for _, s := range generated {
		if s.Name == service {
			if o := s.Operation(op); o != nil {
				return o
			}
		}
	}
	t.Fatalf("no operation %s", name)
	return nil
}

var protocolsByName = map[string]awsapi.Protocol{
	"query": awsapi.Query, "ec2": awsapi.EC2Query, "json-1.0": awsapi.JSON10, "json-1.1": awsapi.JSON11,
	"rest-json": awsapi.RestJSON, "rest-xml": awsapi.RestXML, "cbor": awsapi.CBOR,
}

// TestErrors: a case is `PROTOCOL SERVICE:OPERATION {"Code":…,"Message":…}`.
func TestErrors(t *testing.T) {
	golden(t, "testdata/errors.txtar", func(t *testing.T, name string) string {
		words := strings.SplitN(name, " ", 3)
		var e awsapi.Error
		if err := json.Unmarshal([]byte(words[2]), &e); err != nil {
			t.Fatal(err)
		}
		op := operation(t, words[1])
		m := &awsapi.Match{Service: op.Service, Operation: op, Protocol: protocolsByName[words[0]]}
		w := httptest.NewRecorder()
		m.EncodeError(w, "7a62c49f-347e-4fc4-9331-6e8e", &e)
		if w.Code != m.StatusOf(&e) {
			t.Errorf("StatusOf says %d", m.StatusOf(&e))
		}
		return answerText(w)
	})
}

func answerText(w *httptest.ResponseRecorder) string {
	var headers []string
	for name, values := range w.Header() {
		if name != "Content-Length" {
			headers = append(headers, name+": "+strings.Join(values, ", "))
		}
	}
	sort.Strings(headers)
	body := w.Body.String()
	if strings.Contains(w.Header().Get("Content-Type"), "cbor") {
		body = fmt.Sprintf("%q", body)
	}
	return fmt.Sprintf("%d\n%s\n\n%s", w.Code, strings.Join(headers, "\n"), body)
}

// TestRoutes: a case is `METHOD URI [scope=…] [host=…] [Header=value] [body=…]`.
func TestRoutes(t *testing.T) {
	r := awsapi.NewRouter(generated...)
	golden(t, "testdata/routes.txtar", func(t *testing.T, name string) string {
		words := strings.Fields(name)
		req := httptest.NewRequest(words[0], words[1], nil)
		scope, body := "", ""
		for _, word := range words[2:] {
			key, value, _ := strings.Cut(word, "=")
			switch key {
			case "scope":
				scope = value
			case "host":
				req.Host = value
			case "body":
				body = value
				req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			default:
				req.Header.Set(key, value)
			}
		}
		m, err := r.Recognise(req, scope, []byte(body))
		if err != nil {
			return fmt.Sprintf("%s %d %s", m.Protocol, m.StatusOf(err), m.CodeOf(err)+": "+err.Message)
		}
		return fmt.Sprint(m.Protocol, " ", m.Operation, " ", params(m.Params))
	})
}

func params(m map[string]string) string {
	var list []string
	for name, value := range m {
		list = append(list, name+"="+value)
	}
	sort.Strings(list)
	return strings.Join(list, " ")
}

// TestValidation: a case is `SERVICE:OPERATION {input}`.
func TestValidation(t *testing.T) {
	golden(t, "testdata/validation.txtar", func(t *testing.T, name string) string {
		opName, input, _ := strings.Cut(name, " ")
		op := operation(t, opName)
		in := fromJSON(t, op.Input, input)
		err := awsapi.Validate(op, in)
		if err == nil {
			return "ok"
		}
		m := &awsapi.Match{Service: op.Service, Operation: op, Protocol: op.Service.Protocols[0]}
		return m.CodeOf(err) + "\n" + err.Message
	})
}

func fromJSON(t *testing.T, s *awsapi.Shape, text string) any {
	t.Helper()
	var given any
	if err := json.Unmarshal([]byte(text), &given); err != nil {
		t.Fatal(err)
	}
	in := awsapi.New(s)
	awsapi.Fill(s, in, given)
	return in
}

// TestRedaction: a case is `SERVICE:OPERATION in|out {value}`.
func TestRedaction(t *testing.T) {
	golden(t, "testdata/redaction.txtar", func(t *testing.T, name string) string {
		words := strings.SplitN(name, " ", 3)
		op := operation(t, words[0])
		s := op.Input
		if words[1] == "out" {
			s = op.Output
		}
		return string(awsapi.Redact(s, fromJSON(t, s, words[2])))
	})
}
