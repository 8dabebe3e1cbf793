package organizations

import (
	"context"
	"encoding/json"
	"errors"
	"testing"

	"cloister/internal/awsapi"
	iamapi "cloister/internal/awsapi/iam"
	api "cloister/internal/awsapi/organizations"
	"cloister/internal/door"
	"cloister/internal/door/doortest"
	"cloister/internal/store"
)

// harness is the service behind a real door that knows accounts by it.
type harness struct {
	*doortest.Harness
	t    testing.TB
	orgs *Service

	roles   []string // that were made, with their accounts
	refuses error    // what making one answers
}

// newHarness ends the test by checking the service's tables.
func newHarness(t testing.TB) *harness {
	t.Helper()
	h := &harness{t: t}
	h.Harness = doortest.New(t, []*awsapi.Service{&api.Service, &iamapi.Service}, func(d *doortest.Harness, c *door.Config) {
		h.orgs = New(Options{DB: d.DB, Audit: d.Audit, Account: doortest.Account})
		c.Organizations = h.orgs
	})
	h.orgs.Register(h.Door)
	h.registerIAM()
	t.Cleanup(h.check)
	return h
}

// registerIAM stands for the service that makes roles.
func (h *harness) registerIAM() {
	door.Write(h.Door, iamapi.OpCreateRole, door.On("iam:CreateRole", func(*door.Call, *iamapi.CreateRoleRequest) string { return "*" }),
		func(c *door.Call, _ *store.Tx, in *iamapi.CreateRoleRequest) (*iamapi.CreateRoleResponse, error) {
			if h.refuses != nil {
				return nil, h.refuses
			}
			h.roles = append(h.roles, c.Account+"/"+*in.RoleName+" "+*in.AssumeRolePolicyDocument)
			return &iamapi.CreateRoleResponse{}, nil
		})
	door.Write(h.Door, iamapi.OpAttachRolePolicy, door.On("iam:AttachRolePolicy", func(*door.Call, *iamapi.AttachRolePolicyRequest) string { return "*" }),
		func(*door.Call, *store.Tx, *iamapi.AttachRolePolicyRequest) (*awsapi.None, error) {
			return &awsapi.None{}, nil
		})
}

func (h *harness) check() {
	h.t.Helper()
	if err := h.DB.View(context.Background(), h.orgs.Check); err != nil {
		h.t.Errorf("check: %v", err)
	}
}

// do calls an operation and fails the test when it fails.
func do[In, Out any](h *harness, as *door.Principal, op awsapi.Op[In, Out], in *In) *Out {
	h.t.Helper()
	out, err := door.Do(context.Background(), h.Door, as, op, in)
	if err != nil {
		h.t.Fatalf("%s: %v", op, err)
	}
	return out
}

// try calls an operation and returns the code of its error, "" for none.
func try[In, Out any](h *harness, as *door.Principal, op awsapi.Op[In, Out], in *In) string {
	h.t.Helper()
	_, err := door.Do(context.Background(), h.Door, as, op, in)
	var wire *awsapi.Error
	if err != nil && (!errors.As(err, &wire) || wire.Status >= 500) {
		h.t.Fatalf("%v (%T) is not for the wire", err, err)
	}
	if wire == nil {
		return ""
	}
	return wire.Code
}

// organize makes an organisation with service control policies and returns its root.
func (h *harness) organize() string {
	h.t.Helper()
	do(h, h.Root(), api.OpCreateOrganization, &api.CreateOrganizationRequest{})
	root := do(h, h.Root(), api.OpListRoots, &api.ListRootsRequest{}).Roots[0].Id
	do(h, h.Root(), api.OpEnablePolicyType, &api.EnablePolicyTypeRequest{RootId: root, PolicyType: awsapi.Ptr(scp)})
	return *root
}

// newAccount makes an account and returns its id.
func (h *harness) newAccount(name string) string {
	h.t.Helper()
	asked := do(h, h.Root(), api.OpCreateAccount, &api.CreateAccountRequest{AccountName: &name, Email: awsapi.Ptr(name + "@example.org")})
	h.settle()
	made := do(h, h.Root(), api.OpDescribeCreateAccountStatus, &api.DescribeCreateAccountStatusRequest{CreateAccountRequestId: asked.CreateAccountStatus.Id})
	return *made.CreateAccountStatus.AccountId
}

func (h *harness) settle() {
	h.t.Helper()
	if err := h.orgs.Settle(context.Background()); err != nil {
		h.t.Fatal(err)
	}
}

// newPolicy makes a policy and returns its id.
func (h *harness) newPolicy(kind, name, content string) string {
	h.t.Helper()
	out := do(h, h.Root(), api.OpCreatePolicy, &api.CreatePolicyRequest{Name: &name, Description: awsapi.Ptr(""), Type: &kind, Content: &content})
	return *out.Policy.PolicySummary.Id
}

// caller calls one operation with JSON in and out.
type caller func(h *harness, as *door.Principal, in string) (out string, err error)

func byJSON[In, Out any](op awsapi.Op[In, Out]) caller {
	return func(h *harness, as *door.Principal, text string) (string, error) {
		in := new(In)
		if err := json.Unmarshal([]byte(text), in); err != nil {
			return "", err
		}
		out, err := door.Do(context.Background(), h.Door, as, op, in)
		if err != nil {
			return "", err
		}
		shown, err := json.Marshal(out)
		return string(shown), err
	}
}

var callers = map[string]caller{
	"AttachPolicy":                        byJSON(api.OpAttachPolicy),
	"CloseAccount":                        byJSON(api.OpCloseAccount),
	"CreateAccount":                       byJSON(api.OpCreateAccount),
	"CreateOrganization":                  byJSON(api.OpCreateOrganization),
	"CreateOrganizationalUnit":            byJSON(api.OpCreateOrganizationalUnit),
	"CreatePolicy":                        byJSON(api.OpCreatePolicy),
	"DeleteOrganization":                  byJSON(api.OpDeleteOrganization),
	"DeleteOrganizationalUnit":            byJSON(api.OpDeleteOrganizationalUnit),
	"DeletePolicy":                        byJSON(api.OpDeletePolicy),
	"DescribeAccount":                     byJSON(api.OpDescribeAccount),
	"DescribeCreateAccountStatus":         byJSON(api.OpDescribeCreateAccountStatus),
	"DescribeOrganization":                byJSON(api.OpDescribeOrganization),
	"DescribeOrganizationalUnit":          byJSON(api.OpDescribeOrganizationalUnit),
	"DescribePolicy":                      byJSON(api.OpDescribePolicy),
	"DetachPolicy":                        byJSON(api.OpDetachPolicy),
	"DisablePolicyType":                   byJSON(api.OpDisablePolicyType),
	"EnablePolicyType":                    byJSON(api.OpEnablePolicyType),
	"ListAWSServiceAccessForOrganization": byJSON(api.OpListAWSServiceAccessForOrganization),
	"ListDelegatedAdministrators":         byJSON(api.OpListDelegatedAdministrators),
	"ListAccounts":                        byJSON(api.OpListAccounts),
	"ListAccountsForParent":               byJSON(api.OpListAccountsForParent),
	"ListChildren":                        byJSON(api.OpListChildren),
	"ListCreateAccountStatus":             byJSON(api.OpListCreateAccountStatus),
	"ListOrganizationalUnitsForParent":    byJSON(api.OpListOrganizationalUnitsForParent),
	"ListParents":                         byJSON(api.OpListParents),
	"ListPolicies":                        byJSON(api.OpListPolicies),
	"ListPoliciesForTarget":               byJSON(api.OpListPoliciesForTarget),
	"ListRoots":                           byJSON(api.OpListRoots),
	"ListTagsForResource":                 byJSON(api.OpListTagsForResource),
	"ListTargetsForPolicy":                byJSON(api.OpListTargetsForPolicy),
	"MoveAccount":                         byJSON(api.OpMoveAccount),
	"RemoveAccountFromOrganization":       byJSON(api.OpRemoveAccountFromOrganization),
	"TagResource":                         byJSON(api.OpTagResource),
	"UntagResource":                       byJSON(api.OpUntagResource),
	"UpdateOrganizationalUnit":            byJSON(api.OpUpdateOrganizationalUnit),
	"UpdatePolicy":                        byJSON(api.OpUpdatePolicy),
}
