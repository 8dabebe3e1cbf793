package secretsmanager

import (
	"time"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/secretsmanager"
	"cloister/internal/door"
	"cloister/internal/store"
	"cloister/policy"
)

func (s *Service) getPolicy(c *door.Call, r store.Reader, in *api.GetResourcePolicyRequest) (*api.GetResourcePolicyResponse, error) {
	row, err := live(c, r, in.SecretId)
	if err != nil {
		return nil, err
	}
	return &api.GetResourcePolicyResponse{ARN: ptr(row.arn()), Name: &row.Name, ResourcePolicy: some(row.Policy)}, nil
}

func (s *Service) putPolicy(c *door.Call, tx *store.Tx, in *api.PutResourcePolicyRequest) (*api.PutResourcePolicyResponse, error) {
	row, err := live(c, tx, in.SecretId)
	if err != nil {
		return nil, err
	}
	p, err := policy.Parse(policy.KindResource, []byte(val(in.ResourcePolicy)))
	if err != nil {
		return nil, awsapi.Errorf("MalformedPolicyDocumentException", "This resource policy contains invalid Json or statements: %s", err)
	}
	if val(in.BlockPublicPolicy) && isPublic(row, p, c.Time) {
		return nil, awsapi.Errorf("PublicPolicyException", "This resource policy grants broad access to the secret, which BlockPublicPolicy does not let it do: name the principals that need it.")
	}
	row.Policy = *in.ResourcePolicy
	return &api.PutResourcePolicyResponse{ARN: ptr(row.arn()), Name: &row.Name}, put(tx, row)
}

func (s *Service) deletePolicy(c *door.Call, tx *store.Tx, in *api.DeleteResourcePolicyRequest) (*api.DeleteResourcePolicyResponse, error) {
	row, err := live(c, tx, in.SecretId)
	if err != nil {
		return nil, err
	}
	row.Policy = ""
	return &api.DeleteResourcePolicyResponse{ARN: ptr(row.arn()), Name: &row.Name}, put(tx, row)
}

// needsOfValidate are the secret, or the service where none is named.
func needsOfValidate(c *door.Call, r store.Reader, in *api.ValidateResourcePolicyRequest) ([]door.Need, error) {
	if in.SecretId == nil {
		return []door.Need{{Action: "secretsmanager:ValidateResourcePolicy", Resource: "*"}}, nil
	}
	f, err := find(c, r, *in.SecretId)
	if err != nil {
		return nil, err
	}
	need, err := f.need("ValidateResourcePolicy", *in.SecretId)
	return []door.Need{need}, err
}

func (s *Service) validatePolicy(c *door.Call, r store.Reader, in *api.ValidateResourcePolicyRequest) (*api.ValidateResourcePolicyResponse, error) {
	row := &secret{Account: c.Account, Region: c.Region, Name: "any", Suffix: unknown}
	if in.SecretId != nil {
		named, err := live(c, r, in.SecretId)
		if err != nil {
			return nil, err
		}
		row = named
	}
	out := &api.ValidateResourcePolicyResponse{ValidationErrors: []*api.ValidationErrorsEntry{}}
	p, err := policy.Parse(policy.KindResource, []byte(val(in.ResourcePolicy)))
	switch {
	case err != nil:
		out.ValidationErrors = append(out.ValidationErrors, &api.ValidationErrorsEntry{CheckName: ptr("POLICY_SYNTAX"), ErrorMessage: ptr(err.Error())})
	case isPublic(row, p, c.Time):
		out.ValidationErrors = append(out.ValidationErrors, &api.ValidationErrorsEntry{CheckName: ptr("BLOCK_PUBLIC_POLICY"), ErrorMessage: ptr("The policy grants broad access to the secret.")})
	}
	out.PolicyValidationPassed = ptr(len(out.ValidationErrors) == 0)
	return out, nil
}

// anything is what strangers may do in their own account.
var anything = func() *policy.Policy {
	p, err := policy.Parse(policy.KindIdentity, []byte(`{"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`))
	if err != nil {
		panic(err) // part of the program
	}
	return p
}()

// isPublic tells whether a policy lets somebody do something with a secret of
// whom it says nothing but where they call from or when.
func isPublic(row *secret, p *policy.Policy, at time.Time) bool {
	policies := &policy.Policies{
		Identity: []policy.Named{{Name: "anything", Policy: anything}},
		Resource: &policy.Named{Name: row.arn(), Policy: p},
	}
	for _, op := range api.Service.Operations {
		for _, principal := range strangers {
			d := policy.Evaluate(policies, &policy.Request{
				Principal: principal, Action: "secretsmanager:" + op.Name, Resource: row.arn(), ResourceAccount: row.Account,
				Context: policy.MapContext{
					"aws:currenttime": {at.UTC().Format(time.RFC3339)}, "aws:securetransport": {"true"}, "aws:sourceip": {"198.51.100.7"},
					"aws:principalarn": {principal.ARN}, "aws:principalaccount": {principal.Account}, "aws:requestedregion": {row.Region},
					"secretsmanager:versionstage": {current}, "secretsmanager:secretid": {row.arn()},
				},
			})
			if d.Allowed {
				return true
			}
		}
	}
	return false
}

// strangers are of an account of which nobody has heard.
var strangers = []policy.Principal{
	{Kind: policy.PrincipalUser, ARN: "arn:aws:iam::000000000042:user/stranger", Account: "000000000042", UserID: "AIDASTRANGER"},
	{Kind: policy.PrincipalAssumedRole, ARN: "arn:aws:sts::000000000042:assumed-role/strange/session", RoleARN: "arn:aws:iam::000000000042:role/strange", Account: "000000000042", UserID: "AROASTRANGER:session"},
	{Kind: policy.PrincipalAnonymous},
}
