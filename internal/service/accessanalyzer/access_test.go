package accessanalyzer

import (
	"context"
	"errors"
	"strings"
	"testing"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/accessanalyzer"
	"cloister/internal/door"
	"cloister/internal/door/doortest"
)

// do makes a call as root; the error is the wire's code.
func do[In, Out any](t *testing.T, h *doortest.Harness, op awsapi.Op[In, Out], in *In) (*Out, string) {
	t.Helper()
	out, err := door.Do(context.Background(), h.Door, h.Root(), op, in)
	var wire *awsapi.Error
	if err != nil && (!errors.As(err, &wire) || wire.Status >= 500) {
		t.Fatal(err)
	}
	if wire != nil {
		return nil, wire.Code
	}
	return out, ""
}

func document(statements ...string) *string {
	return ptr(`{"Version":"2012-10-17","Statement":[` + strings.Join(statements, ",") + `]}`)
}

const (
	getObject = `{"Sid":"Get","Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::b/*"}`
	putObject = `{"Effect":"Allow","Action":"s3:PutObject","Resource":"arn:aws:s3:::b/*"}`
)

func TestValidatePolicy(t *testing.T) {
	h := newHarness(t).Harness
	in := &api.ValidatePolicyRequest{PolicyType: ptr("IDENTITY_POLICY"), MaxResults: ptr(int64(2)), PolicyDocument: document(
		`{"Effect":"Allow","Action":["s3:GetObjekt","s3:PutObjekt","*"],"Resource":"*"}`)}
	var codes []string
	for {
		out, code := do(t, h, api.OpValidatePolicy, in)
		if code != "" {
			t.Fatal(code)
		}
		for _, f := range out.Findings {
			codes = append(codes, val(f.IssueCode))
			if val(f.FindingDetails) == "" || val(f.FindingType) == "" || val(f.LearnMoreLink) == "" || len(f.Locations) == 0 {
				t.Errorf("unfinished %+v", f)
			}
		}
		if in.NextToken = out.NextToken; in.NextToken == nil {
			break
		}
		if len(out.Findings) != 2 {
			t.Errorf("a page of %d", len(out.Findings))
		}
	}
	if got := strings.Join(codes, " "); got != "CLOISTER_FULL_ACCESS INVALID_ACTION INVALID_ACTION REDUNDANT_ACTION PASS_ROLE_WITH_STAR_IN_ACTION_AND_RESOURCE CREATE_SLR_WITH_STAR_IN_ACTION_AND_RESOURCE" {
		t.Error(got)
	}
}

// The example of the aws CLI: of a resource policy nobody says that it is a role's.
func TestATrustPolicyIsRecognised(t *testing.T) {
	h := newHarness(t).Harness
	trust := document(`{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}`)
	for _, resourceType := range []*string{nil, ptr(trustPolicy)} {
		out, code := do(t, h, api.OpValidatePolicy, &api.ValidatePolicyRequest{PolicyType: ptr("RESOURCE_POLICY"), PolicyDocument: trust, ValidatePolicyResourceType: resourceType})
		if code != "" || len(out.Findings) != 0 {
			t.Errorf("%s %+v", code, out)
		}
	}
	out, _ := do(t, h, api.OpValidatePolicy, &api.ValidatePolicyRequest{PolicyType: ptr("RESOURCE_POLICY"), PolicyDocument: trust, ValidatePolicyResourceType: ptr("AWS::S3::Bucket")})
	if len(out.Findings) == 0 || val(out.Findings[0].IssueCode) != "MISSING_RESOURCE" {
		t.Errorf("%+v", out)
	}
}

func TestCheckNoNewAccess(t *testing.T) {
	h := newHarness(t).Harness
	for name, tt := range map[string]struct {
		existing, updated *string
		result            string // or the code of an error
		description       string
	}{
		"the same":    {document(getObject), document(getObject), "PASS", ""},
		"less":        {document(getObject, putObject), document(putObject), "PASS", ""},
		"more":        {document(getObject), document(getObject, putObject), "FAIL", "New access in the statement with index: 1."},
		"more, named": {document(putObject), document(getObject, putObject), "FAIL", "New access in the statement with sid: Get."},
		"no policy":   {document(getObject), ptr(`{"Statement":[]}`), "InvalidParameterException", ""},
		"too complex": {document(getObject), document(`{"Effect":"Allow","Action":"*","NotResource":"arn:aws:s3:::${aws:username}/*"}`), "UnprocessableEntityException", ""},
	} {
		out, code := do(t, h, api.OpCheckNoNewAccess, &api.CheckNoNewAccessRequest{ExistingPolicyDocument: tt.existing, NewPolicyDocument: tt.updated, PolicyType: ptr("IDENTITY_POLICY")})
		checkResult(t, name, tt.result, tt.description, code, out, func() (string, []*api.ReasonSummary) { return val(out.Result), out.Reasons })
	}
}

func checkResult(t *testing.T, name, result, description, code string, out any, parts func() (string, []*api.ReasonSummary)) {
	t.Helper()
	if code != "" {
		if code != result {
			t.Errorf("%s: %s", name, code)
		}
		return
	}
	got, reasons := parts()
	text := ""
	for _, r := range reasons {
		text += val(r.Description)
	}
	if got != result || text != description {
		t.Errorf("%s: %s %q", name, got, text)
	}
}

func TestCheckAccessNotGranted(t *testing.T) {
	h := newHarness(t).Harness
	trust := document(`{"Effect":"Allow","Principal":{"AWS":"210987654321"},"Action":"sts:AssumeRole"}`)
	for name, tt := range map[string]struct {
		document *string
		kind     string
		access   api.Access
		result   string
		reason   string
	}{
		"an action":                 {document(getObject), "IDENTITY_POLICY", api.Access{Actions: []string{"s3:GetObject"}}, "FAIL", "One or more of the listed actions or resources in the statement with sid: Get."},
		"another action":            {document(getObject), "IDENTITY_POLICY", api.Access{Actions: []string{"s3:DeleteBucket", "s3:Put*"}}, "PASS", ""},
		"by a wildcard":             {document(`{"Effect":"Allow","NotAction":"s3:Get*","Resource":"*"}`), "IDENTITY_POLICY", api.Access{Actions: []string{"s3:PutObject"}}, "FAIL", "One or more of the listed actions or resources in the statement with index: 0."},
		"denied":                    {document(getObject, `{"Effect":"Deny","Action":"s3:Get*","Resource":"*"}`), "IDENTITY_POLICY", api.Access{Actions: []string{"s3:GetObject"}}, "PASS", ""},
		"a resource":                {document(getObject), "IDENTITY_POLICY", api.Access{Resources: []string{"arn:aws:s3:::b/secret"}}, "FAIL", "One or more of the listed actions or resources in the statement with sid: Get."},
		"another resource":          {document(getObject), "IDENTITY_POLICY", api.Access{Actions: []string{"s3:GetObject"}, Resources: []string{"arn:aws:s3:::c/*"}}, "PASS", ""},
		"nothing":                   {document(getObject), "IDENTITY_POLICY", api.Access{}, "ValidationException", ""},
		"no action":                 {document(getObject), "IDENTITY_POLICY", api.Access{Actions: []string{`x","Resource":"*`}}, "InvalidParameterException", ""},
		"a trust policy":            {trust, "RESOURCE_POLICY", api.Access{Actions: []string{"sts:AssumeRole"}}, "FAIL", "One or more of the listed actions or resources in the statement with index: 0."},
		"a trust policy's resource": {trust, "RESOURCE_POLICY", api.Access{Resources: []string{"*"}}, "InvalidParameterException", ""},
	} {
		out, code := do(t, h, api.OpCheckAccessNotGranted, &api.CheckAccessNotGrantedRequest{PolicyDocument: tt.document, PolicyType: &tt.kind, Access: []*api.Access{&tt.access}})
		checkResult(t, name, tt.result, tt.reason, code, out, func() (string, []*api.ReasonSummary) { return val(out.Result), out.Reasons })
	}
}

func TestCheckNoPublicAccess(t *testing.T) {
	h := newHarness(t).Harness
	statement := func(principal, condition string) *string {
		return document(`{"Sid":"S","Effect":"Allow","Principal":` + principal + `,"Action":"lambda:InvokeFunction","Resource":"arn:aws:lambda:us-east-1:123456789012:function:f"` + condition + `}`)
	}
	const yes = "Public access granted in the following statement with sid: S."
	for name, tt := range map[string]struct {
		document *string
		result   string
		reason   string
	}{
		"an account":              {statement(`{"AWS":"210987654321"}`, ""), "PASS", ""},
		"everybody":               {statement(`"*"`, ""), "FAIL", yes},
		"everybody, in a list":    {statement(`{"AWS":["210987654321","*"]}`, ""), "FAIL", yes},
		"an organisation":         {statement(`"*"`, `,"Condition":{"StringEquals":{"aws:PrincipalOrgID":"o-1234567890"}}`), "PASS", ""},
		"any organisation":        {statement(`"*"`, `,"Condition":{"StringLike":{"aws:PrincipalAccount":"*"}}`), "FAIL", yes},
		"all but one":             {statement(`"*"`, `,"Condition":{"StringNotEquals":{"aws:PrincipalAccount":"210987654321"}}`), "FAIL", yes},
		"an address":              {statement(`"*"`, `,"Condition":{"IpAddress":{"aws:SourceIp":"203.0.113.0/24"}}`), "PASS", ""},
		"every address":           {statement(`"*"`, `,"Condition":{"IpAddress":{"aws:SourceIp":["0.0.0.0/0"]}}`), "FAIL", yes},
		"a service of any source": {statement(`{"Service":"s3.amazonaws.com"}`, ""), "PASS", ""},
		"everybody but":           {document(`{"Sid":"S","Effect":"Allow","NotPrincipal":{"AWS":"210987654321"},"Action":"lambda:*","Resource":"*"}`), "FAIL", yes},
		"allowed and denied":      {document(`{"Effect":"Allow","Principal":"*","Action":"lambda:*","Resource":"*"},{"Effect":"Deny","Principal":"*","Action":"*","Resource":"*"}`), "PASS", ""},
	} {
		out, code := do(t, h, api.OpCheckNoPublicAccess, &api.CheckNoPublicAccessRequest{PolicyDocument: tt.document, ResourceType: ptr("AWS::Lambda::Function")})
		checkResult(t, name, tt.result, tt.reason, code, out, func() (string, []*api.ReasonSummary) { return val(out.Result), out.Reasons })
	}
	out, _ := do(t, h, api.OpCheckNoPublicAccess, &api.CheckNoPublicAccessRequest{
		PolicyDocument: document(`{"Effect":"Allow","Principal":{"AWS":"*"},"Action":"sts:AssumeRole"}`), ResourceType: ptr(trustPolicy)})
	if val(out.Result) != "FAIL" {
		t.Errorf("a role open to everybody: %+v", out)
	}
}
