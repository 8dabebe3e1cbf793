package awsapi_test

import (
	"strings"
	"testing"

	"cloister/internal/awsapi"
)

// TestSensitiveValuesNeverShow marks every sensitive member of every input and
// output and looks for the marks where people will read.
func TestSensitiveValuesNeverShow(t *testing.T) {
	marked := 0
	for _, s := range generated {
		for _, op := range s.Operations {
			for _, shape := range []*awsapi.Shape{op.Input, op.Output} {
				if shape == nil {
					continue
				}
				v := awsapi.New(shape)
				n := awsapi.Taint(shape, v, "TAINT")
				marked += n
				if audit := string(awsapi.Redact(shape, v)); strings.Contains(audit, "TAINT") || strings.Count(audit, "HIDDEN_DUE_TO_SECURITY_REASONS") == 0 && n > 0 {
					t.Errorf("%v: the audit log shows %s", op, audit)
				}
				const said = "There is no TAINTEDVALUE \x00."
				v = awsapi.New(shape)
				n = awsapi.Taint(shape, v, "TAINTEDVALUE")
				if got := awsapi.HideIn(said, shape, v); n == 0 && got != said || n > 0 && (strings.Contains(got, "TAINTED") || !strings.HasPrefix(got, "There is no HIDDEN_DUE_TO_SECURITY_REASONS")) {
					t.Errorf("%v: a message with one of %d marks: %s", op, n, got)
				}
				if shape != op.Input {
					continue
				}
				if err := awsapi.Validate(op, v); err != nil && strings.Contains(err.Message, "TAINT") {
					t.Errorf("%v: the client is told %s", op, err.Message)
				}
			}
		}
	}
	if marked < 30 {
		t.Errorf("only %d values were marked", marked)
	}
}

// TestWhatTheModelForgets is the list of what must be sensitive whatever AWS's
// model says.
func TestWhatTheModelForgets(t *testing.T) {
	for _, path := range []string{
		"sts:AssumeRole out Credentials.SecretAccessKey", "sts:AssumeRole out Credentials.SessionToken",
		"sts:GetSessionToken out Credentials.SecretAccessKey", "sts:GetSessionToken out Credentials.SessionToken",
		"iam:CreateAccessKey out AccessKey.SecretAccessKey",
		"iam:CreateVirtualMFADevice out VirtualMFADevice.Base32StringSeed", "iam:CreateVirtualMFADevice out VirtualMFADevice.QRCodePNG",
		"iam:EnableMFADevice in AuthenticationCode1", "iam:EnableMFADevice in AuthenticationCode2",
		"iam:ResyncMFADevice in AuthenticationCode1", "iam:ResyncMFADevice in AuthenticationCode2",
		"sts:GetSessionToken in TokenCode", "sts:AssumeRole in TokenCode",
		"lambda:CreateFunction in Environment.Variables", "lambda:CreateFunction in Code.ZipFile",
		"lambda:GetFunction out Code.Location", "lambda:GetFunction out Configuration.Environment.Variables",
		"lambda:Invoke in Payload", "lambda:Invoke in ClientContext", "lambda:Invoke out Payload", "lambda:Invoke out LogResult",
		"lambda:GetLayerVersion out Content.Location", "lambda:InvokeAsync in InvokeArgs",
	} {
		words := strings.Fields(path)
		op := operation(t, words[0])
		shape := map[string]*awsapi.Shape{"in": op.Input, "out": op.Output}[words[1]]
		if !awsapi.IsSensitive(shape, strings.Split(words[2], ".")) {
			t.Errorf("%s is not sensitive; mark it in gen/overlay.json", path)
		}
	}
}
