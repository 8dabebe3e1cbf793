package awsapi_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"cloister/internal/awsapi"
	"cloister/internal/awsapi/iam"
	"cloister/internal/awsapi/lambda"
	"cloister/internal/awsapi/logs"
)

// decodeAnd decodes fuzzed bytes as op's input and holds what must hold of
// anything: no panic, errors worded and encodable, valid JSON in the audit log,
// and what was decoded survives a round trip.
func decodeAnd(t *testing.T, op *awsapi.Operation, p awsapi.Protocol, req *http.Request, body []byte, in any) {
	t.Helper()
	m := &awsapi.Match{Service: op.Service, Operation: op, Protocol: p}
	if err := m.Decode(req, body, in); err != nil {
		encodable(t, m, err)
		return
	}
	if err := m.Validate(in); err != nil {
		encodable(t, m, err)
	}
	if audit := awsapi.Redact(op.Input, in); !json.Valid(audit) {
		t.Errorf("the audit rendering is not JSON: %s", audit)
	}
}

func encodable(t *testing.T, m *awsapi.Match, err *awsapi.Error) {
	t.Helper()
	if err.Code == "" || err.Message == "" {
		t.Errorf("an error without words: %+v", err)
	}
	w := httptest.NewRecorder()
	m.EncodeError(w, "id", err)
	if w.Code < 400 || w.Code > 499 {
		t.Errorf("status %d for bad input: %v", w.Code, err)
	}
}

func FuzzJSON(f *testing.F) {
	f.Add([]byte(`{"FunctionName":"f","Role":"r","Code":{"ZipFile":"UEs="},"Environment":{"Variables":{"A":"b"}},"Layers":["x"],"Timeout":3.0,"x":[1,{"y":null}]}`))
	f.Add([]byte(`{"FunctionName":"\ud83d\ude00\ud800\u0000","Code":null,"Tags":{"a":"b","a":"c"}}`))
	f.Add([]byte(`{"Layers":[null]}`))
	f.Add([]byte(strings.Repeat(`{"x":[`, 200)))
	f.Fuzz(func(t *testing.T, body []byte) {
		in := &lambda.CreateFunctionRequest{}
		req := httptest.NewRequest("POST", "/2015-03-31/functions", nil)
		decodeAnd(t, lambda.OpCreateFunction.Operation, awsapi.RestJSON, req, body, in)
		m := &awsapi.Match{Service: &lambda.Service, Operation: lambda.OpCreateFunction.Operation, Protocol: awsapi.RestJSON}
		if err := m.Decode(req, body, &lambda.CreateFunctionRequest{}); err == nil && len(bytes.TrimSpace(body)) > 0 && !json.Valid(body) {
			t.Errorf("accepted what is not JSON: %q", body)
		}
	})
}

func FuzzQuery(f *testing.F) {
	f.Add("Action=CreateUser&Version=2010-05-08&UserName=u&Tags.member.1.Key=k&Tags.member.1.Value=v")
	f.Add("Action=CreateUser&Version=2010-05-08&Tags.member.2.Key=k&Tags.member.02.Key=v&Tags=")
	f.Add("Action=CreateUser&Version=2010-05-08&UserName.x=1&Tags.member.99999999999.Key")
	f.Add("Action=CreateUser&Version=2010-05-08&" + strings.Repeat("a.", 500))
	r := awsapi.NewRouter(generated...)
	f.Fuzz(func(t *testing.T, form string) {
		req := httptest.NewRequest("POST", "/", nil)
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		m, err := r.Recognise(req, "iam", []byte(form))
		if err != nil {
			encodable(t, m, err)
			return
		}
		if m.Operation.Input == nil {
			return
		}
		in := awsapi.New(m.Operation.Input)
		if err := m.Decode(req, []byte(form), in); err != nil {
			encodable(t, m, err)
			return
		}
		if err := m.Validate(in); err != nil {
			encodable(t, m, err)
		}
	})
}

func FuzzXML(f *testing.F) {
	f.Add([]byte(`<CreateUserRequest><UserName>u</UserName><Tags><member><Key>k</Key><Value>v</Value></member></Tags></CreateUserRequest>`))
	f.Add([]byte(`<!DOCTYPE a [<!ENTITY b "c">]><a><UserName>&b;</UserName></a>`))
	f.Add([]byte(strings.Repeat(`<a>`, 500)))
	f.Add([]byte(`<a/><b/>`))
	f.Fuzz(func(t *testing.T, body []byte) {
		decodeAnd(t, iam.OpCreateUser.Operation, awsapi.RestXML, httptest.NewRequest("POST", "/", nil), body, &iam.CreateUserRequest{})
	})
}

func FuzzCBOR(f *testing.F) {
	f.Add([]byte("\xbflogGroupNameagmlogStreamNameaiilogEvents\x81\xbfitimestamp\x1a\x00\x01\x00\x00gmessage\x7faaab\xff\xff\xff"))
	f.Add([]byte("\xa1\x69logEvents\x9f\xf6\xff"))
	f.Add([]byte("\xa1\x61x\xc1\xc1\xc1\xf9\x7c\x00"))
	f.Add(bytes.Repeat([]byte{0xa1, 0x61, 'x'}, 200))
	f.Add([]byte{0xbb, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, body []byte) {
		decodeAnd(t, logs.OpPutLogEvents.Operation, awsapi.CBOR, httptest.NewRequest("POST", "/", nil), body, &logs.PutLogEventsRequest{})
	})
}

func FuzzEventStream(f *testing.F) {
	frame, err := awsapi.AppendEvent(nil, &awsapi.EventMessage{
		Headers: []awsapi.EventHeaderValue{{Name: ":message-type", Value: "event"}, {Name: "n", Value: int32(7)}, {Name: "u", Value: [16]byte{1}}, {Name: "b", Value: []byte{2}}, {Name: "t", Value: true}},
		Payload: []byte("payload"),
	})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(frame)
	f.Add(append(frame[:len(frame)-1:len(frame)-1], 0))
	f.Add([]byte{0xff, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, stream []byte) {
		r := bytes.NewReader(stream)
		for {
			before := len(stream) - r.Len()
			m, err := awsapi.ReadEvent(r)
			if err != nil {
				return
			}
			again, err := awsapi.AppendEvent(nil, m)
			if err != nil || !bytes.Equal(again, stream[before:len(stream)-r.Len()]) {
				t.Errorf("read %+v, which is written as %x (%v)", m, again, err)
			}
		}
	})
}

func FuzzRoute(f *testing.F) {
	f.Add("GET", "/2015-03-31/functions/f?Qualifier=1", "lambda", "", "")
	f.Add("POST", "/2017-03-31/tags/arn%3Aaws%3Alambda", "", "", "")
	f.Add("POST", "/", "logs", "Logs_20140328.PutLogEvents", "")
	f.Add("GET", "/?Action=GetUser&Version=2010-05-08", "iam", "", "rpc-v2-cbor")
	f.Add("POST", "/service/Logs_20140328/operation/PutLogEvents", "", "", "rpc-v2-cbor")
	r := awsapi.NewRouter(generated...)
	f.Fuzz(func(t *testing.T, method, uri, scope, target, smithy string) {
		u, err := url.ParseRequestURI(uri)
		if err != nil || !strings.HasPrefix(uri, "/") {
			return
		}
		req := &http.Request{Method: method, URL: u, Header: http.Header{}, Host: "localhost"}
		req.Header.Set("X-Amz-Target", target)
		req.Header.Set("Smithy-Protocol", smithy)
		m, wireErr := r.Recognise(req, scope, nil)
		if wireErr != nil {
			encodable(t, m, wireErr)
			return
		}
		if scope != "" && m.Service.SigningName != scope {
			t.Errorf("%s is recognised as %v though signed for %s", uri, m.Operation, scope)
		}
		for name, value := range m.Params {
			if value == "" {
				t.Errorf("%s: label %s is empty", uri, name)
			}
		}
	})
}

func FuzzValidate(f *testing.F) {
	f.Add("f", "arn:aws:iam::123456789012:role/r", "python3.14", "KEY", "value", int64(3))
	f.Add("", "", "", "", "\xff\x00", int64(-1))
	f.Fuzz(func(t *testing.T, name, role, runtime, key, value string, n int64) {
		in := &lambda.CreateFunctionRequest{
			FunctionName: &name, Role: &role, Runtime: &runtime, Timeout: &n, MemorySize: &n, Layers: []string{name},
			Code:        &lambda.FunctionCode{S3Bucket: &key, ZipFile: []byte(value)},
			Environment: &lambda.Environment{Variables: map[string]string{key: "MARK" + value}}, Tags: map[string]string{key: value},
		}
		err := awsapi.Validate(lambda.OpCreateFunction.Operation, in)
		if err == nil {
			return
		}
		if strings.Contains(err.Message, "MARK") {
			t.Errorf("a sensitive value is shown: %s", err.Message)
		}
		encodable(t, &awsapi.Match{Service: &lambda.Service, Operation: lambda.OpCreateFunction.Operation, Protocol: awsapi.RestJSON}, err)
	})
}
