package policy_test

import (
	"fmt"

	"cloister/policy"
)

func Example() {
	read, err := policy.Parse(policy.KindIdentity, []byte(`{
	  "Version": "2012-10-17",
	  "Statement": {
	    "Effect": "Allow",
	    "Action": "s3:Get*",
	    "Resource": "arn:aws:s3:::home/${aws:username}/*",
	    "Condition": {"Bool": {"aws:SecureTransport": "true"}}
	  }
	}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	policies := &policy.Policies{Identity: []policy.Named{{Name: "read", Policy: read}}}
	request := &policy.Request{
		Principal: policy.Principal{Kind: policy.PrincipalUser, Account: "123456789012", ARN: "arn:aws:iam::123456789012:user/alice"},
		Action:    "s3:GetObject",
		Resource:  "arn:aws:s3:::home/alice/letter",
		Context:   policy.MapContext{"aws:username": {"alice"}, "aws:securetransport": {"true"}},
	}
	fmt.Println(policy.Evaluate(policies, request).Reason)

	request.Action = "s3:PutObject"
	fmt.Println(policy.Evaluate(policies, request).Message(request))
	// Output:
	// allowed by an identity-based policy
	// User: arn:aws:iam::123456789012:user/alice is not authorized to perform: s3:PutObject on resource: arn:aws:s3:::home/alice/letter because no identity-based policy allows the s3:PutObject action
}

func ExampleParse() {
	_, err := policy.Parse(policy.KindIdentity, []byte(`{
  "Statement": {
    "Effect": "Allow",
    "Action": "s3:GetObject",
    "Resource": "*",
    "Condition": {"StringEqual": {"aws:username": "alice"}}
  }
}`))
	fmt.Println(err)
	// Output: line 6, column 19: there is no condition operator "StringEqual"
}
