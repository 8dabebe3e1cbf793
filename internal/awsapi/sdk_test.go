package awsapi_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	sdklogs "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	sdkiam "github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	sdklambda "github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	sdksts "github.com/aws/aws-sdk-go-v2/service/sts"

	"cloister/internal/awsapi"
	"cloister/internal/awsapi/iam"
	"cloister/internal/awsapi/lambda"
	"cloister/internal/awsapi/logs"
	"cloister/internal/awsapi/sts"
)

// answering serves one operation: it decodes and validates into in, and
// answers out or err.
func answering(t *testing.T, op *awsapi.Operation, in, out any, err *awsapi.Error) aws.Config {
	t.Helper()
	router := awsapi.NewRouter(generated...)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, _ := io.ReadAll(req.Body)
		m, wireErr := router.Recognise(req, op.Service.SigningName, body)
		if wireErr == nil && m.Operation != op {
			t.Errorf("recognised %v", m.Operation)
		}
		if wireErr == nil {
			wireErr = m.Decode(req, body, in)
		}
		if wireErr == nil {
			wireErr = m.Validate(in)
		}
		if wireErr == nil {
			wireErr = err
		}
		if wireErr != nil {
			m.EncodeError(w, "the-request-id", wireErr)
			return
		}
		_ = m.Encode(w, "the-request-id", out) // a stream's own error is the test's subject
	}))
	t.Cleanup(server.Close)
	return aws.Config{
		Region: "us-east-1", BaseEndpoint: &server.URL, RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider("AKIAIOSFODNN7EXAMPLE", "secret", ""),
	}
}

func TestSDKLambdaCreateFunction(t *testing.T) {
	in := &lambda.CreateFunctionRequest{}
	out := &lambda.FunctionConfiguration{FunctionName: awsapi.Ptr("hello"), MemorySize: awsapi.Ptr[int64](128), Layers: []*lambda.Layer{{Arn: awsapi.Ptr("arn:layer")}}}
	client := sdklambda.NewFromConfig(answering(t, lambda.OpCreateFunction.Operation, in, out, nil))
	got, err := client.CreateFunction(t.Context(), &sdklambda.CreateFunctionInput{
		FunctionName: aws.String("hello"), Role: aws.String("arn:aws:iam::123456789012:role/r"), Runtime: lambdatypes.RuntimePython313,
		Code: &lambdatypes.FunctionCode{ZipFile: []byte("PK")}, Timeout: aws.Int32(7),
		Environment: &lambdatypes.Environment{Variables: map[string]string{"KEY": "value"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if string(in.Code.ZipFile) != "PK" || *in.Timeout != 7 || in.Environment.Variables["KEY"] != "value" || *in.Runtime != "python3.13" {
		t.Errorf("decoded %+v", in)
	}
	if *got.FunctionName != "hello" || *got.MemorySize != 128 || *got.Layers[0].Arn != "arn:layer" {
		t.Errorf("read %+v", got)
	}
}

func TestSDKLambdaInvoke(t *testing.T) {
	in := &lambda.InvocationRequest{}
	out := &lambda.InvocationResponse{StatusCode: awsapi.Ptr[int64](200), FunctionError: awsapi.Ptr("Unhandled"), Payload: []byte(`{"a":1}`), ExecutedVersion: awsapi.Ptr("$LATEST")}
	client := sdklambda.NewFromConfig(answering(t, lambda.OpInvoke.Operation, in, out, nil))
	got, err := client.Invoke(t.Context(), &sdklambda.InvokeInput{FunctionName: aws.String("arn:aws:lambda:us-east-1:123456789012:function:f"), Qualifier: aws.String("live"), Payload: []byte(`[2]`), LogType: lambdatypes.LogTypeTail})
	if err != nil {
		t.Fatal(err)
	}
	if string(in.Payload) != "[2]" || *in.Qualifier != "live" || *in.LogType != "Tail" || !strings.HasPrefix(*in.FunctionName, "arn:aws") {
		t.Errorf("decoded %+v", in)
	}
	if got.StatusCode != 200 || *got.FunctionError != "Unhandled" || string(got.Payload) != `{"a":1}` || *got.ExecutedVersion != "$LATEST" {
		t.Errorf("read %+v", got)
	}
}

func TestSDKLambdaResponseStream(t *testing.T) {
	for _, fails := range []bool{false, true} {
		t.Run(fmt.Sprint("fails=", fails), func(t *testing.T) {
			out := &lambda.InvokeWithResponseStreamResponse{
				ExecutedVersion: awsapi.Ptr("3"),
				EventStream: func(_ context.Context, send func(string, any) error) error {
					for _, chunk := range []string{"one ", "two"} {
						if err := send("PayloadChunk", &lambda.InvokeResponseStreamUpdate{Payload: []byte(chunk)}); err != nil {
							return err
						}
					}
					if fails {
						return awsapi.Errorf("ServiceException", "the function's host is gone")
					}
					return send("InvokeComplete", &lambda.InvokeWithResponseStreamCompleteEvent{ErrorCode: awsapi.Ptr("Unhandled")})
				},
			}
			client := sdklambda.NewFromConfig(answering(t, lambda.OpInvokeWithResponseStream.Operation, &lambda.InvokeWithResponseStreamRequest{}, out, nil))
			got, err := client.InvokeWithResponseStream(t.Context(), &sdklambda.InvokeWithResponseStreamInput{FunctionName: aws.String("f")})
			if err != nil {
				t.Fatal(err)
			}
			var text bytes.Buffer
			complete := ""
			for event := range got.GetStream().Events() {
				switch e := event.(type) {
				case *lambdatypes.InvokeWithResponseStreamResponseEventMemberPayloadChunk:
					text.Write(e.Value.Payload)
				case *lambdatypes.InvokeWithResponseStreamResponseEventMemberInvokeComplete:
					complete = *e.Value.ErrorCode
				}
			}
			if text.String() != "one two" || *got.ExecutedVersion != "3" {
				t.Errorf("read %q, version %s", &text, *got.ExecutedVersion)
			}
			streamErr := got.GetStream().Err()
			if fails && (streamErr == nil || !strings.Contains(streamErr.Error(), "the function's host is gone")) {
				t.Errorf("the client was told %v", streamErr)
			}
			if !fails && (streamErr != nil || complete != "Unhandled") {
				t.Errorf("complete %q, err %v", complete, streamErr)
			}
		})
	}
}

func TestSDKLambdaErrors(t *testing.T) {
	cfg := answering(t, lambda.OpGetFunction.Operation, &lambda.GetFunctionRequest{}, nil, awsapi.Errorf("ResourceNotFoundException", "Function not found: f"))
	_, err := sdklambda.NewFromConfig(cfg).GetFunction(t.Context(), &sdklambda.GetFunctionInput{FunctionName: aws.String("f")})
	var notFound *lambdatypes.ResourceNotFoundException
	if !errors.As(err, &notFound) || *notFound.Message != "Function not found: f" || *notFound.Type != "User" || !strings.Contains(err.Error(), "the-request-id") {
		t.Errorf("the client was told %v", err)
	}
}

func TestSDKIAM(t *testing.T) {
	in := &iam.CreateRoleRequest{}
	created := time.Date(2026, 11, 24, 7, 0, 0, 0, time.UTC)
	out := &iam.CreateRoleResponse{Role: &iam.Role{RoleName: awsapi.Ptr("r<&>"), CreateDate: &created, Tags: []*iam.Tag{{Key: awsapi.Ptr("k"), Value: awsapi.Ptr("")}}}}
	client := sdkiam.NewFromConfig(answering(t, iam.OpCreateRole.Operation, in, out, nil))
	got, err := client.CreateRole(t.Context(), &sdkiam.CreateRoleInput{
		RoleName: aws.String("r"), AssumeRolePolicyDocument: aws.String(`{"Version":"2012-10-17"}`), MaxSessionDuration: aws.Int32(3600),
		Tags: []iamtypes.Tag{{Key: aws.String("k"), Value: aws.String("v=+/ ")}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if *in.RoleName != "r" || *in.Tags[0].Value != "v=+/ " || *in.MaxSessionDuration != 3600 {
		t.Errorf("decoded %+v", in)
	}
	if *got.Role.RoleName != "r<&>" || !got.Role.CreateDate.Equal(created) || *got.Role.Tags[0].Value != "" {
		t.Errorf("read %+v", got.Role)
	}
}

func TestSDKIAMErrors(t *testing.T) {
	cfg := answering(t, iam.OpGetUser.Operation, &iam.GetUserRequest{}, nil, awsapi.Errorf("NoSuchEntity", "The user with name u cannot be found."))
	_, err := sdkiam.NewFromConfig(cfg).GetUser(t.Context(), &sdkiam.GetUserInput{UserName: aws.String("u")})
	var missing *iamtypes.NoSuchEntityException
	if !errors.As(err, &missing) || *missing.Message != "The user with name u cannot be found." || !strings.Contains(err.Error(), "the-request-id") {
		t.Errorf("the client was told %v", err)
	}
}

func TestSDKSTS(t *testing.T) {
	out := &sts.GetCallerIdentityResponse{Account: awsapi.Ptr("123456789012"), Arn: awsapi.Ptr("arn:aws:iam::123456789012:root"), UserId: awsapi.Ptr("123456789012")}
	client := sdksts.NewFromConfig(answering(t, sts.OpGetCallerIdentity.Operation, &sts.GetCallerIdentityRequest{}, out, nil))
	got, err := client.GetCallerIdentity(t.Context(), nil)
	if err != nil || *got.Account != "123456789012" || *got.Arn != *out.Arn {
		t.Errorf("read %+v: %v", got, err)
	}
}

func TestSDKLogs(t *testing.T) {
	in := &logs.GetLogEventsRequest{}
	out := &logs.GetLogEventsResponse{NextForwardToken: awsapi.Ptr("f/1"), Events: []*logs.OutputLogEvent{{Timestamp: awsapi.Ptr[int64](1700000000123), Message: awsapi.Ptr("héllo\n\"x\"")}}}
	client := sdklogs.NewFromConfig(answering(t, logs.OpGetLogEvents.Operation, in, out, nil))
	got, err := client.GetLogEvents(t.Context(), &sdklogs.GetLogEventsInput{LogGroupName: aws.String("/aws/lambda/f"), LogStreamName: aws.String("s"), StartFromHead: aws.Bool(true), StartTime: aws.Int64(1699999999999)})
	if err != nil {
		t.Fatal(err)
	}
	if *in.LogGroupName != "/aws/lambda/f" || !*in.StartFromHead || *in.StartTime != 1699999999999 {
		t.Errorf("decoded %+v", in)
	}
	if *got.Events[0].Message != "héllo\n\"x\"" || *got.Events[0].Timestamp != 1700000000123 || *got.NextForwardToken != "f/1" {
		t.Errorf("read %+v", got)
	}
}
