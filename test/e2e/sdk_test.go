package e2e

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
)

const trust = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}`

// TestGoSDK is the main job with the AWS SDK for Go v2, configured by what
// `cloister env` prints and nothing else.
func TestGoSDK(t *testing.T) {
	startNode(t)
	ctx := context.Background()
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		t.Fatal(err)
	}
	role := makeRole(t, iam.NewFromConfig(cfg))
	client := lambda.NewFromConfig(cfg)
	createFunction(t, client, role)
	out, err := client.Invoke(ctx, &lambda.InvokeInput{FunctionName: aws.String("hello"), Payload: []byte(`{"do":"greet"}`), LogType: types.LogTypeTail})
	if err != nil {
		t.Fatal(err)
	}
	if string(out.Payload) != `{"did":"greet"}` || out.StatusCode != 200 || aws.ToString(out.ExecutedVersion) != "$LATEST" {
		t.Errorf("answered %s, status %d, version %v", out.Payload, out.StatusCode, out.ExecutedVersion)
	}
	tail, err := base64.StdEncoding.DecodeString(aws.ToString(out.LogResult))
	if err != nil || !strings.Contains(string(tail), "asked to greet\n") || !strings.Contains(string(tail), "\nREPORT RequestId: ") {
		t.Errorf("the log's tail is %q, %v", tail, err)
	}
	readStream(t, client)
	readLog(t, cloudwatchlogs.NewFromConfig(cfg))
	if _, err := client.DeleteFunction(ctx, &lambda.DeleteFunctionInput{FunctionName: aws.String("hello")}); err != nil {
		t.Fatal(err)
	}
	var gone *types.ResourceNotFoundException
	if _, err := client.GetFunction(ctx, &lambda.GetFunctionInput{FunctionName: aws.String("hello")}); !errors.As(err, &gone) {
		t.Errorf("after its deletion: %v", err)
	}
}

// startNode starts a node and gives this process its environment.
func startNode(t *testing.T) {
	dir := t.TempDir()
	cmd := exec.Command(binary, "up", "--data", dir, "--listen", "127.0.0.1:0")
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	cmd.Stderr = os.Stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Signal(syscall.SIGTERM); _ = cmd.Wait() })
	line := make([]byte, 100)
	if n, err := stdout.Read(line); err != nil || !bytes.HasPrefix(line[:n], []byte("ready ")) {
		t.Fatalf("the node says %q, %v", line[:n], err)
	}
	exports, err := exec.Command(binary, "env", "--data", dir).Output()
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(exports)) {
		name, value, _ := strings.Cut(strings.TrimPrefix(strings.TrimSpace(line), "export "), "=")
		t.Setenv(name, strings.Trim(value, "'"))
	}
	t.Setenv("AWS_CONFIG_FILE", filepath.Join(dir, "none"))
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", filepath.Join(dir, "none"))
}

func makeRole(t *testing.T, client *iam.Client) *string {
	ctx := context.Background()
	role, err := client.CreateRole(ctx, &iam.CreateRoleInput{RoleName: aws.String("function"), AssumeRolePolicyDocument: aws.String(trust)})
	if err != nil {
		t.Fatal(err)
	}
	_, err = client.AttachRolePolicy(ctx, &iam.AttachRolePolicyInput{
		RoleName: aws.String("function"), PolicyArn: aws.String("arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"),
	})
	if err != nil {
		t.Fatal(err)
	}
	return role.Role.Arn
}

func createFunction(t *testing.T, client *lambda.Client, role *string) {
	bootstrap, err := buildFunction()
	if err != nil {
		t.Fatal(err)
	}
	binary, err := os.ReadFile(bootstrap)
	if err != nil {
		t.Fatal(err)
	}
	_, err = client.CreateFunction(context.Background(), &lambda.CreateFunctionInput{
		FunctionName: aws.String("hello"), Runtime: types.RuntimeProvidedal2023, Handler: aws.String("bootstrap"), Role: role,
		Code: &types.FunctionCode{ZipFile: zipOf(t, "bootstrap", binary)},
	})
	if err != nil {
		t.Fatal(err)
	}
	waiter := lambda.NewFunctionActiveV2Waiter(client)
	if err := waiter.Wait(context.Background(), &lambda.GetFunctionInput{FunctionName: aws.String("hello")}, time.Minute); err != nil {
		t.Fatal(err)
	}
}

func readStream(t *testing.T, client *lambda.Client) {
	out, err := client.InvokeWithResponseStream(context.Background(), &lambda.InvokeWithResponseStreamInput{FunctionName: aws.String("hello"), Payload: []byte(`{"do":"stream"}`)})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = out.GetStream().Close() }()
	var text []byte
	complete := false
	for event := range out.GetStream().Events() {
		switch e := event.(type) {
		case *types.InvokeWithResponseStreamResponseEventMemberPayloadChunk:
			text = append(text, e.Value.Payload...)
		case *types.InvokeWithResponseStreamResponseEventMemberInvokeComplete:
			complete = e.Value.ErrorCode == nil
		}
	}
	if err := out.GetStream().Err(); err != nil || string(text) != `{"did":"stream"}` || !complete {
		t.Errorf("the stream gave %q, complete %v, %v", text, complete, err)
	}
}

func readLog(t *testing.T, client *cloudwatchlogs.Client) {
	var have string
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		out, err := client.FilterLogEvents(context.Background(), &cloudwatchlogs.FilterLogEventsInput{LogGroupName: aws.String("/aws/lambda/hello")})
		have = ""
		if err != nil {
			continue // there is no log yet
		}
		for _, event := range out.Events {
			have += aws.ToString(event.Message)
		}
		if strings.Contains(have, "asked to greet") && strings.Contains(have, "REPORT RequestId") {
			return
		}
	}
	t.Errorf("the log is %q", have)
}
