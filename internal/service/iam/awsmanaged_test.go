package iam

import (
	"strings"
	"testing"

	"cloister/policy"
)

// AWS's own may be longer than a customer's.
func TestManagedPoliciesParse(t *testing.T) {
	s := &Service{compiler: newCompiler()}
	for arn, p := range awsManaged {
		if _, err := s.parse(policy.KindIdentity, p.text()); err != nil {
			t.Errorf("%s: %v", arn, err)
		}
		if p.Created.IsZero() || p.Description == "" || p.Default < 1 {
			t.Errorf("%s lacks its date, description or version", arn)
		}
	}
	for _, name := range []string{
		"AdministratorAccess", "ReadOnlyAccess", "PowerUserAccess", "IAMFullAccess", "IAMReadOnlyAccess",
		"AWSLambda_FullAccess", "AWSLambda_ReadOnlyAccess", "CloudWatchLogsFullAccess", "CloudWatchLogsReadOnlyAccess",
		"AWSXRayDaemonWriteAccess", "CloudWatchLambdaInsightsExecutionRolePolicy", "SecurityAudit", "job-function/ViewOnlyAccess", "IAMUserChangePassword",
		"AmazonAPIGatewayInvokeFullAccess", "AmazonAPIGatewayAdministrator", "service-role/AmazonAPIGatewayPushToCloudWatchLogs",
		"SecretsManagerReadWrite", "AmazonSSMReadOnlyAccess", "AWSKeyManagementServicePowerUser",
		"AmazonSQSFullAccess", "AmazonSQSReadOnlyAccess", "AmazonDynamoDBFullAccess", "AmazonDynamoDBReadOnlyAccess",
		"AmazonS3FullAccess", "AmazonS3ReadOnlyAccess", "AmazonSNSFullAccess", "AmazonEventBridgeFullAccess", "AWSStepFunctionsFullAccess",
		"service-role/AWSLambdaRole", "service-role/AWSLambdaDynamoDBExecutionRole", "service-role/AWSLambdaKinesisExecutionRole", "service-role/AWSLambdaMSKExecutionRole",
		"service-role/AWSLambdaBasicExecutionRole", "service-role/AWSLambdaVPCAccessExecutionRole", "service-role/AWSLambdaSQSQueueExecutionRole",
	} {
		if awsManaged["arn:aws:iam::aws:policy/"+name] == nil {
			t.Errorf("there is no %s", name)
		}
	}
}

// What AWS documents of its policies in words.
func TestManagedPoliciesAllowWhatTheySay(t *testing.T) {
	cases := []struct {
		name, action, resource string
		allowed                bool
	}{
		{"AdministratorAccess", "iam:CreateUser", "*", true},
		{"PowerUserAccess", "iam:CreateUser", "*", false},
		{"PowerUserAccess", "lambda:CreateFunction", "*", true},
		{"ReadOnlyAccess", "lambda:GetFunction", "*", true},
		{"ReadOnlyAccess", "lambda:InvokeFunction", "*", false},
		{"ReadOnlyAccess", "secretsmanager:GetSecretValue", "*", false},
		{"ReadOnlyAccess", "kms:Decrypt", "*", false},
		{"ReadOnlyAccess", "iam:GetRole", "*", true},
		{"IAMReadOnlyAccess", "iam:ListUsers", "*", true},
		{"IAMReadOnlyAccess", "iam:DeleteUser", "*", false},
		{"service-role/AWSLambdaBasicExecutionRole", "logs:PutLogEvents", "*", true},
		{"service-role/AWSLambdaBasicExecutionRole", "logs:GetLogEvents", "*", false},
		{"AWSLambda_FullAccess", "logs:GetLogEvents", "arn:aws:logs:us-east-1:123456789012:log-group:/aws/lambda/f:log-stream:x", true},
		{"AWSLambda_FullAccess", "logs:GetLogEvents", "arn:aws:logs:us-east-1:123456789012:log-group:other:log-stream:x", false},
		{"SecurityAudit", "iam:GetPolicyVersion", "*", true},
		{"SecurityAudit", "lambda:GetFunction", "*", false},
		{"SecurityAudit", "lambda:InvokeFunction", "*", false},
		{"job-function/ViewOnlyAccess", "lambda:ListFunctions", "*", true},
		{"job-function/ViewOnlyAccess", "logs:GetLogEvents", "*", false},
		{"IAMUserChangePassword", "iam:ChangePassword", "arn:aws:iam::123456789012:user/u", true},
		{"IAMUserChangePassword", "iam:ChangePassword", "arn:aws:iam::123456789012:user/other", false},
		{"AWSKeyManagementServicePowerUser", "kms:CreateKey", "*", true},
		{"AWSKeyManagementServicePowerUser", "kms:Decrypt", "*", false},
		{"AmazonAPIGatewayInvokeFullAccess", "execute-api:Invoke", "arn:aws:execute-api:us-east-1:123456789012:a/b/GET/", true},
		{"AmazonSQSReadOnlyAccess", "sqs:ReceiveMessage", "*", false},
		{"AmazonDynamoDBReadOnlyAccess", "dynamodb:GetItem", "*", true},
		{"AmazonDynamoDBReadOnlyAccess", "dynamodb:PutItem", "*", false},
		{"service-role/AWSLambdaMSKExecutionRole", "kafka:GetBootstrapBrokers", "*", true},
		{"AWSXRayDaemonWriteAccess", "xray:PutTraceSegments", "*", true},
		{"AWSLambda_FullAccess", "iam:PassRole", "arn:aws:iam::123456789012:role/r", false},
	}
	for _, c := range cases {
		p, err := policy.Parse(policy.KindIdentity, []byte(awsManaged["arn:aws:iam::aws:policy/"+c.name].text()))
		if err != nil {
			t.Fatal(err)
		}
		got := policy.Evaluate(&policy.Policies{Identity: []policy.Named{{Name: c.name, Policy: p}}}, &policy.Request{
			Principal: policy.Principal{Kind: policy.PrincipalUser, Account: "123456789012", ARN: "arn:aws:iam::123456789012:user/u"},
			Action:    c.action, Resource: c.resource, Context: policy.MapContext{"aws:username": {"u"}},
		})
		if got.Allowed != c.allowed {
			t.Errorf("%s allows %s on %s: %v", c.name, c.action, strings.TrimSpace(c.resource), got.Allowed)
		}
	}
}
