package awsapi_test

import (
	"testing"

	"cloister/internal/awsapi"
	"cloister/internal/awsapi/accessanalyzer"
	"cloister/internal/awsapi/apigateway"
	"cloister/internal/awsapi/apigatewayv2"
	"cloister/internal/awsapi/cognitoidentity"
	"cloister/internal/awsapi/cognitoidp"
	"cloister/internal/awsapi/ec2"
	"cloister/internal/awsapi/iam"
	"cloister/internal/awsapi/kms"
	"cloister/internal/awsapi/lambda"
	"cloister/internal/awsapi/logs"
	"cloister/internal/awsapi/organizations"
	"cloister/internal/awsapi/secretsmanager"
	"cloister/internal/awsapi/ssm"
	"cloister/internal/awsapi/sts"
)

var generated = []*awsapi.Service{&accessanalyzer.Service, &apigateway.Service, &apigatewayv2.Service, &cognitoidentity.Service, &cognitoidp.Service, &ec2.Service, &iam.Service, &kms.Service, &lambda.Service, &logs.Service, &organizations.Service, &secretsmanager.Service, &ssm.Service, &sts.Service}

func TestEveryGeneratedPatternCompiles(t *testing.T) {
	for _, s := range generated {
		awsapi.EachShape(s, func(shape *awsapi.Shape) {
			if shape.Limits == nil || shape.Limits.Pattern == "" {
				return
			}
			if err := awsapi.CompilePattern(shape.Limits.Pattern); err != nil {
				t.Errorf("%s %s: %v\nadd what it means to `rewritten` in pattern.go, or the limit is not enforced", s.Name, shape.Name, err)
			}
		})
	}
}
