package organizations

import (
	"errors"
	"testing"

	"cloister/internal/awsapi"
	"cloister/policy"
)

// Any text is a policy or gives an error for the wire; and what is taken as a
// resource control policy never allows anything.
func FuzzContent(f *testing.F) {
	for _, seed := range []string{
		"", "{}", denyRoles, fullAccess[rcp].Content, `{"Version":"2012-10-17","Statement":{"Effect":"Deny","Principal":"*","Action":"sts:*","Resource":"*"}}`,
		`{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":["sts:*","kms:*"],"Resource":"*"}],"Statement":[{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}]}`,
		`{"Version":"2012-10-17","Statement":[{"Effect":"Deny","effect":"Allow","Principal":"*","Action":"sts:*","Resource":"*"}]}`,
		`{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Effect":"Allow","Principal":"*","Action":"sts:*","Resource":"*"}]}`,
		"{\"Version\":\"2012-10-17\",\n\"Statement\":[{\"Effect\":\"Deny\",\"Principal\":\"*\",\"Action\":\"s3:*\",\"Resource\":\"*\"},\n {\"Effect\":\"\\u0041llow\",\"Principal\":\"*\",\"Action\":\"sts:*\",\"Resource\":\"*\"}]}",
	} {
		f.Add(seed)
	}
	req := policy.Request{Principal: policy.Principal{Kind: policy.PrincipalService, Service: "x.amazonaws.com"}, Action: "sts:AssumeRole", Resource: "arn:aws:iam::1:role/r"}
	open, err := policy.Parse(policy.KindResource, []byte(fullAccess[rcp].Content))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, content string) {
		for _, kind := range policyTypes {
			err := checkContent(kind, content)
			var wire *awsapi.Error
			if err != nil && !errors.As(err, &wire) {
				t.Fatalf("%v is not for the wire", err)
			}
			if err != nil || kind == scp {
				continue
			}
			p, err := policy.Parse(policy.KindResourceOrganization, []byte(content))
			if err != nil {
				t.Fatal(err)
			}
			d := policy.Evaluate(&policy.Policies{
				Resource: &policy.Named{Policy: open}, ResourceOrganization: [][]policy.Named{{{Policy: p}}},
			}, &req)
			if d.Allowed {
				t.Errorf("%s allows", content)
			}
		}
	})
}
