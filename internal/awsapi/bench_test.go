package awsapi_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"cloister/internal/awsapi"
	"cloister/internal/awsapi/iam"
	"cloister/internal/awsapi/lambda"
)

// discard is a ResponseWriter that costs nothing.
type discard struct{ header http.Header }

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) Write(b []byte) (int, error) { return io.Discard.Write(b) }
func (d *discard) WriteHeader(int)             {}

func typicalFunction() *lambda.GetFunctionResponse {
	s := awsapi.Ptr[string]
	return &lambda.GetFunctionResponse{
		Code: &lambda.FunctionCodeLocation{Location: s("https://localhost:4566/_cloister/code/0123456789abcdef"), RepositoryType: s("S3")},
		Tags: map[string]string{"team": "payments", "stage": "prod"},
		Configuration: &lambda.FunctionConfiguration{
			FunctionName: s("hello"), FunctionArn: s("arn:aws:lambda:us-east-1:123456789012:function:hello"), Runtime: s("python3.12"),
			Role: s("arn:aws:iam::123456789012:role/r"), Handler: s("index.handler"), CodeSize: awsapi.Ptr[int64](12345), Description: s(""),
			Timeout: awsapi.Ptr[int64](3), MemorySize: awsapi.Ptr[int64](128), LastModified: s("2026-11-24T07:00:00.000+0000"),
			CodeSha256: s("yjLT7r8Wt8s8QHjNn1lfvh6CEqOwsuCVfMzkwLk4X1s="), Version: s("$LATEST"), State: s("Active"), LastUpdateStatus: s("Successful"),
			PackageType: s("Zip"), Architectures: []string{"x86_64"}, RevisionId: s("b3e5a8a0-2f9c-4c7b-9a3e-1f1e0c4f6b11"),
			Environment:   &lambda.EnvironmentResponse{Variables: map[string]string{"A": "1", "B": "2"}},
			TracingConfig: &lambda.TracingConfigResponse{Mode: s("PassThrough")}, EphemeralStorage: &lambda.EphemeralStorage{Size: awsapi.Ptr[int64](512)},
		},
	}
}

func BenchmarkGetFunction(b *testing.B) {
	r := awsapi.NewRouter(generated...)
	req := httptest.NewRequest("GET", "/2015-03-31/functions/hello?Qualifier=%24LATEST", nil)
	out, w := typicalFunction(), &discard{http.Header{}}
	b.ReportAllocs()
	for b.Loop() {
		m, err := r.Recognise(req, "lambda", []byte{})
		if err != nil {
			b.Fatal(err)
		}
		in := &lambda.GetFunctionRequest{}
		if err := m.Decode(req, []byte{}, in); err != nil {
			b.Fatal(err)
		}
		if err := m.Validate(in); err != nil {
			b.Fatal(err)
		}
		clear(w.header)
		if err := m.Encode(w, "b3e5a8a0-2f9c-4c7b-9a3e-1f1e0c4f6b11", out); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkGetUser(b *testing.B) {
	r := awsapi.NewRouter(generated...)
	body := []byte("Action=GetUser&Version=2010-05-08&UserName=alice")
	req := httptest.NewRequest("POST", "/", nil)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
	s := awsapi.Ptr[string]
	out := &iam.GetUserResponse{User: &iam.User{UserName: s("alice"), Arn: s("arn:aws:iam::123456789012:user/alice"), Path: s("/"), UserId: s("AIDACKCEVSQ6C2EXAMPLE"), CreateDate: awsapi.Ptr(time.Unix(1422172800, 0))}}
	w := &discard{http.Header{}}
	b.ReportAllocs()
	for b.Loop() {
		m, err := r.Recognise(req, "iam", body)
		if err != nil {
			b.Fatal(err)
		}
		in := &iam.GetUserRequest{}
		if err := m.Decode(req, body, in); err != nil {
			b.Fatal(err)
		}
		if err := m.Validate(in); err != nil {
			b.Fatal(err)
		}
		clear(w.header)
		if err := m.Encode(w, "id", out); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkInvoke(b *testing.B) {
	r := awsapi.NewRouter(generated...)
	body := []byte(`{"key":"value"}`)
	req := httptest.NewRequest("POST", "/2015-03-31/functions/hello/invocations", nil)
	out, w := &lambda.InvocationResponse{StatusCode: awsapi.Ptr[int64](200), ExecutedVersion: awsapi.Ptr("$LATEST"), Payload: body}, &discard{http.Header{}}
	b.ReportAllocs()
	for b.Loop() {
		m, err := r.Recognise(req, "lambda", body)
		if err != nil {
			b.Fatal(err)
		}
		in := &lambda.InvocationRequest{}
		if err := m.Decode(req, body, in); err != nil {
			b.Fatal(err)
		}
		if err := m.Validate(in); err != nil {
			b.Fatal(err)
		}
		clear(w.header)
		if err := m.Encode(w, "id", out); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCreateFunctionInput(b *testing.B) {
	body := []byte(`{"FunctionName":"hello","Role":"arn:aws:iam::123456789012:role/r","Runtime":"python3.12","Handler":"index.handler","Code":{"S3Bucket":"bucket","S3Key":"k"},"Timeout":3,"MemorySize":128,"Environment":{"Variables":{"AA":"1","BB":"2"}},"Tags":{"team":"payments"}}`)
	req := httptest.NewRequest("POST", "/2015-03-31/functions", nil)
	m := &awsapi.Match{Service: &lambda.Service, Operation: lambda.OpCreateFunction.Operation, Protocol: awsapi.RestJSON}
	b.ReportAllocs()
	for b.Loop() {
		in := &lambda.CreateFunctionRequest{}
		if err := m.Decode(req, body, in); err != nil {
			b.Fatal(err)
		}
		if err := m.Validate(in); err != nil {
			b.Fatal(err)
		}
	}
}
