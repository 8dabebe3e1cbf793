package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"cloister/internal/audit"
	"cloister/internal/awsapi/platform"
	"cloister/internal/guardrail"
	"cloister/internal/node"
	"cloister/internal/seal"
)

const (
	demoRole  = "demo-function"
	demoTrust = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}`
)

func demoRoleARN() string { return "arn:aws:iam::" + node.Account + ":role/" + demoRole }

// makeRole makes the one role that the functions run with.
func (d *demo) makeRole() error {
	d.say("Making the role %s, which Lambda may assume and which may write logs", demoRole)
	_, err := d.aws.iam.CreateRole(d.ctx, &iam.CreateRoleInput{RoleName: aws.String(demoRole), AssumeRolePolicyDocument: aws.String(demoTrust)})
	if err != nil {
		return err
	}
	_, err = d.aws.iam.AttachRolePolicy(d.ctx, &iam.AttachRolePolicyInput{
		RoleName: aws.String(demoRole), PolicyArn: aws.String("arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"),
	})
	return err
}

func (d *demo) deploy(functions []demoFunction) error {
	for _, f := range functions {
		if err := d.allowOld(f); err != nil {
			return err
		}
		d.say("Deploying %s (%s, %d bytes)", f.name, f.runtime, len(f.zip))
		_, err := d.aws.lambda.CreateFunction(d.ctx, &lambda.CreateFunctionInput{
			FunctionName: aws.String(f.name), Runtime: f.runtime, Handler: aws.String(f.handler), Role: aws.String(demoRoleARN()),
			Code: &types.FunctionCode{ZipFile: f.zip}, Timeout: aws.Int32(30), MemorySize: aws.Int32(256),
		})
		if err != nil {
			return err
		}
		for _, start := range []string{"cold", "warm"} {
			if err := d.invoke(f.name, start); err != nil {
				return err
			}
		}
	}
	return nil
}

// allowOld lets the demo's function run on a runtime of this machine that nobody
// repairs any more, and says so.
func (d *demo) allowOld(f demoFunction) error {
	ended, old := guardrail.Unsupported(string(f.runtime), time.Now())
	if !old {
		return nil
	}
	d.say("This machine's %s has not been supported by its makers since %s: setting %s to warn for the demo", f.runtime, ended, guardrail.OldRuntime)
	var out struct{}
	at, err := placeOf(d.dir)
	if err != nil {
		return err
	}
	return callPlatform(d.ctx, at, platform.OpPutGuardrail, &platform.PutGuardrailRequest{Guardrail: aws.String(guardrail.OldRuntime), Mode: aws.String(string(guardrail.Warn))}, &out)
}

func (d *demo) invoke(name, start string) error {
	began := time.Now()
	out, err := d.aws.lambda.Invoke(d.ctx, &lambda.InvokeInput{FunctionName: aws.String(name), Payload: []byte(`{"name":"World"}`)})
	if err != nil {
		return err
	}
	if out.FunctionError != nil {
		return fmt.Errorf("%s failed: %s", name, out.Payload)
	}
	d.detail("%s, in %.1f ms: %s", start, float64(time.Since(began).Microseconds())/1000, out.Payload)
	return nil
}

// refuse has a user with one permission try more than that.
func (d *demo) refuse(function string) error {
	d.say("Making the user dev, who may invoke %s and nothing else", function)
	dev, err := d.makeUser(function)
	if err != nil {
		return err
	}
	if _, err := dev.lambda.Invoke(d.ctx, &lambda.InvokeInput{FunctionName: aws.String(function), Payload: []byte(`{"name":"dev"}`)}); err != nil {
		return err
	}
	d.detail("dev invoked %s", function)
	d.say("dev tries to delete %s", function)
	_, err = dev.lambda.DeleteFunction(d.ctx, &lambda.DeleteFunctionInput{FunctionName: aws.String(function)})
	var refused *awshttp.ResponseError
	if !errors.As(err, &refused) || refused.HTTPStatusCode() != 403 {
		return fmt.Errorf("dev should have been refused, and was not: %v", err)
	}
	d.detail("refused: %v", refused.Unwrap())
	d.say("The audit record of that refusal")
	return d.showRecord(refused.ServiceRequestID())
}

func (d *demo) makeUser(function string) (*clients, error) {
	policy := fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"lambda:InvokeFunction","Resource":"arn:aws:lambda:%s:%s:function:%s"}]}`, node.DefaultRegion, node.Account, function)
	if _, err := d.aws.iam.CreateUser(d.ctx, &iam.CreateUserInput{UserName: aws.String("dev")}); err != nil {
		return nil, err
	}
	_, err := d.aws.iam.PutUserPolicy(d.ctx, &iam.PutUserPolicyInput{UserName: aws.String("dev"), PolicyName: aws.String("invoke"), PolicyDocument: aws.String(policy)})
	if err != nil {
		return nil, err
	}
	key, err := d.aws.iam.CreateAccessKey(d.ctx, &iam.CreateAccessKeyInput{UserName: aws.String("dev")})
	if err != nil {
		return nil, err
	}
	return newClients(d.dir, d.node.URL(), *key.AccessKey.AccessKeyId, *key.AccessKey.SecretAccessKey)
}

func (d *demo) showRecord(requestID string) error {
	keys, err := seal.Open(seal.RootOptions{Dir: d.dir})
	if err != nil {
		return err
	}
	filter := audit.Filter{RequestID: requestID}
	for entry, err := range filter.Select(audit.Read(d.ctx, d.dir, keys, 0, false)) {
		if err != nil {
			return err
		}
		text, err := json.MarshalIndent(entry.Record, "", "  ")
		if err != nil {
			return err
		}
		d.detail("%s", text)
		return nil
	}
	return fmt.Errorf("the audit log has no record of request %s", requestID)
}

// showLog prints the function's newest log stream, which is there a moment
// after the invocation.
func (d *demo) showLog(function string) error {
	group := "/aws/lambda/" + function
	d.say("The log of %s (%s)", function, group)
	for range 50 {
		if printed, err := d.printLog(group); printed || err != nil {
			return err
		}
		time.Sleep(100 * time.Millisecond)
	}
	return fmt.Errorf("the log group %s is still empty after 5 s", group)
}

func (d *demo) printLog(group string) (printed bool, err error) {
	out, err := d.aws.logs.FilterLogEvents(d.ctx, &cloudwatchlogs.FilterLogEventsInput{LogGroupName: aws.String(group)})
	if err != nil {
		var response *awshttp.ResponseError
		if errors.As(err, &response) && response.HTTPStatusCode() == 400 {
			return false, nil // the group is not there yet
		}
		return false, err
	}
	for _, e := range out.Events {
		d.detail("%s", *e.Message)
	}
	return len(out.Events) > 0, nil
}
