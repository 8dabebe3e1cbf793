package kms

import (
	"errors"
	"strconv"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/kms"
	"cloister/internal/door"
	"cloister/internal/store"
	"cloister/policy"
)

var none = &awsapi.None{}

// maxPolicy is the longest policy in bytes
// (https://docs.aws.amazon.com/kms/latest/developerguide/resource-limits.html).
const maxPolicy = 32 << 10

// policyName is the only one there is.
const policyName = "default"

// defaultPolicy leaves it to the account's IAM policies who may use a key.
func defaultPolicy(account string) string {
	return `{
  "Version" : "2012-10-17",
  "Id" : "key-default-1",
  "Statement" : [ {
    "Sid" : "Enable IAM User Permissions",
    "Effect" : "Allow",
    "Principal" : {
      "AWS" : "arn:aws:iam::` + account + `:root"
    },
    "Action" : "kms:*",
    "Resource" : "*"
  } ]
}`
}

func bypassKey(bypass *bool) policy.MapContext {
	return asked("kms:bypasspolicylockoutsafetycheck", strconv.FormatBool(val(bypass)))
}

func malformed(reason string) error {
	return fail("MalformedPolicyDocumentException", "The new key policy is not valid: %s", reason)
}

// checkPolicy refuses a policy that does not parse or, unless that is to be
// bypassed, that would keep its maker from changing it.
func (s *Service) checkPolicy(c *door.Call, row *keyRow, bypass bool) error {
	if len(row.Policy) > maxPolicy {
		return fail("LimitExceededException", "The key policy has %d bytes, and at most %d are taken.", len(row.Policy), maxPolicy)
	}
	compiled, err := policy.Parse(policy.KindResource, []byte(row.Policy))
	var syntax *policy.SyntaxError
	if errors.As(err, &syntax) {
		return malformed(syntax.Error())
	}
	if err != nil || bypass {
		return err
	}
	may, err := s.mayChange(c, row, compiled)
	if err == nil && !may {
		return fail("MalformedPolicyDocumentException", "The new key policy will not allow you to update the key policy in the future.")
	}
	return err
}

// mayChange tells whether a key's policy p lets the caller change it, or leaves
// that to the caller's own policies.
func (s *Service) mayChange(c *door.Call, row *keyRow, p *policy.Policy) (bool, error) {
	u := use{}
	need := door.Need{
		Action: "kms:PutKeyPolicy", Resource: row.arn(), Account: row.Account, ResourcePolicyRequired: true,
		Context: u.conditions(c, row.context()),
	}
	req, err := s.door.Question(c.Principal, &need, c.Region, c.Time)
	return policy.Evaluate(&policy.Policies{
		Identity: []policy.Named{{Name: "anything", Policy: anything}},
		Resource: &policy.Named{Name: row.arn(), Policy: p},
	}, &req).Allowed, err
}

var anything = func() *policy.Policy {
	p, err := policy.Parse(policy.KindIdentity, []byte(`{"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`))
	if err != nil {
		panic(err) // part of the program
	}
	return p
}()

func (s *Service) getPolicy(c *door.Call, r store.Reader, in *api.GetKeyPolicyRequest) (*api.GetKeyPolicyResponse, error) {
	row, err := rowOf(c, r, in.KeyId)
	if err != nil {
		return nil, err
	}
	if err := checkPolicyName(in.PolicyName); err != nil {
		return nil, err
	}
	return &api.GetKeyPolicyResponse{Policy: &row.Policy, PolicyName: ptr(policyName)}, nil
}

func checkPolicyName(name *string) error {
	if or(name, policyName) != policyName {
		return fail("NotFoundException", "No such policy exists")
	}
	return nil
}

func (s *Service) listPolicies(c *door.Call, r store.Reader, in *api.ListKeyPoliciesRequest) (*api.ListKeyPoliciesResponse, error) {
	if _, err := rowOf(c, r, in.KeyId); err != nil {
		return nil, err
	}
	return &api.ListKeyPoliciesResponse{PolicyNames: []string{policyName}, Truncated: ptr(false)}, nil
}

func (s *Service) putPolicy(c *door.Call, tx *store.Tx, in *api.PutKeyPolicyRequest) (*awsapi.None, error) {
	row, err := ownRow(c, tx, in.KeyId)
	if err != nil {
		return nil, err
	}
	if err := checkPolicyName(in.PolicyName); err != nil {
		return nil, err
	}
	row.Policy = *in.Policy
	if err := s.checkPolicy(c, row, val(in.BypassPolicyLockoutSafetyCheck)); err != nil {
		return nil, err
	}
	if err := s.guardPolicy(c, tx, row); err != nil {
		return nil, err
	}
	return none, row.save(tx)
}
