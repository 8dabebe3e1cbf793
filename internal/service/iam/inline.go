package iam

import (
	"slices"
	"strings"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/iam"
	"cloister/internal/door"
	"cloister/internal/guardrail"
	"cloister/internal/store"
	"cloister/policy"
)

func (s *Service) registerInline(d *door.Door) {
	s.registerUserInline(d)
	s.registerGroupInline(d)
	s.registerRoleInline(d)
}

func (s *Service) registerUserInline(d *door.Door) {
	door.Write(d, api.OpPutUserPolicy, on(userKind, "iam:PutUserPolicy",
		func(in *api.PutUserPolicyRequest) *string { return in.UserName }, boundaryInForce[api.PutUserPolicyRequest](userKind)),
		func(c *door.Call, tx *store.Tx, in *api.PutUserPolicyRequest) (*awsapi.None, error) {
			return putInline(s, c, tx, userKind, in.UserName, in.PolicyName, in.PolicyDocument)
		})
	door.Read(d, api.OpGetUserPolicy, on(userKind, "iam:GetUserPolicy",
		func(in *api.GetUserPolicyRequest) *string { return in.UserName }),
		func(c *door.Call, r store.Reader, in *api.GetUserPolicyRequest) (*api.GetUserPolicyResponse, error) {
			e, doc, err := getInline(c, r, userKind, in.UserName, in.PolicyName)
			return &api.GetUserPolicyResponse{UserName: str(e.Name), PolicyName: str(doc.Name), PolicyDocument: escape(doc.Text)}, err
		})
	door.Read(d, api.OpListUserPolicies, on(userKind, "iam:ListUserPolicies",
		func(in *api.ListUserPoliciesRequest) *string { return in.UserName }),
		func(c *door.Call, r store.Reader, in *api.ListUserPoliciesRequest) (*api.ListUserPoliciesResponse, error) {
			p, err := listInline(c, r, userKind, in.UserName, in.Marker, in.MaxItems)
			return &api.ListUserPoliciesResponse{PolicyNames: each(p.items, documentName), IsTruncated: p.truncated, Marker: p.marker}, err
		})
	door.Write(d, api.OpDeleteUserPolicy, on(userKind, "iam:DeleteUserPolicy",
		func(in *api.DeleteUserPolicyRequest) *string { return in.UserName }, boundaryInForce[api.DeleteUserPolicyRequest](userKind)),
		func(c *door.Call, tx *store.Tx, in *api.DeleteUserPolicyRequest) (*awsapi.None, error) {
			return deleteInline(c, tx, userKind, in.UserName, in.PolicyName)
		})
}

func (s *Service) registerGroupInline(d *door.Door) {
	door.Write(d, api.OpPutGroupPolicy, on(groupKind, "iam:PutGroupPolicy",
		func(in *api.PutGroupPolicyRequest) *string { return in.GroupName }),
		func(c *door.Call, tx *store.Tx, in *api.PutGroupPolicyRequest) (*awsapi.None, error) {
			return putInline(s, c, tx, groupKind, in.GroupName, in.PolicyName, in.PolicyDocument)
		})
	door.Read(d, api.OpGetGroupPolicy, on(groupKind, "iam:GetGroupPolicy",
		func(in *api.GetGroupPolicyRequest) *string { return in.GroupName }),
		func(c *door.Call, r store.Reader, in *api.GetGroupPolicyRequest) (*api.GetGroupPolicyResponse, error) {
			e, doc, err := getInline(c, r, groupKind, in.GroupName, in.PolicyName)
			return &api.GetGroupPolicyResponse{GroupName: str(e.Name), PolicyName: str(doc.Name), PolicyDocument: escape(doc.Text)}, err
		})
	door.Read(d, api.OpListGroupPolicies, on(groupKind, "iam:ListGroupPolicies",
		func(in *api.ListGroupPoliciesRequest) *string { return in.GroupName }),
		func(c *door.Call, r store.Reader, in *api.ListGroupPoliciesRequest) (*api.ListGroupPoliciesResponse, error) {
			p, err := listInline(c, r, groupKind, in.GroupName, in.Marker, in.MaxItems)
			return &api.ListGroupPoliciesResponse{PolicyNames: each(p.items, documentName), IsTruncated: p.truncated, Marker: p.marker}, err
		})
	door.Write(d, api.OpDeleteGroupPolicy, on(groupKind, "iam:DeleteGroupPolicy",
		func(in *api.DeleteGroupPolicyRequest) *string { return in.GroupName }),
		func(c *door.Call, tx *store.Tx, in *api.DeleteGroupPolicyRequest) (*awsapi.None, error) {
			return deleteInline(c, tx, groupKind, in.GroupName, in.PolicyName)
		})
}

func (s *Service) registerRoleInline(d *door.Door) {
	door.Write(d, api.OpPutRolePolicy, on(roleKind, "iam:PutRolePolicy",
		func(in *api.PutRolePolicyRequest) *string { return in.RoleName }, boundaryInForce[api.PutRolePolicyRequest](roleKind)),
		func(c *door.Call, tx *store.Tx, in *api.PutRolePolicyRequest) (*awsapi.None, error) {
			return putInline(s, c, tx, roleKind, in.RoleName, in.PolicyName, in.PolicyDocument)
		})
	door.Read(d, api.OpGetRolePolicy, on(roleKind, "iam:GetRolePolicy",
		func(in *api.GetRolePolicyRequest) *string { return in.RoleName }),
		func(c *door.Call, r store.Reader, in *api.GetRolePolicyRequest) (*api.GetRolePolicyResponse, error) {
			e, doc, err := getInline(c, r, roleKind, in.RoleName, in.PolicyName)
			return &api.GetRolePolicyResponse{RoleName: str(e.Name), PolicyName: str(doc.Name), PolicyDocument: escape(doc.Text)}, err
		})
	door.Read(d, api.OpListRolePolicies, on(roleKind, "iam:ListRolePolicies",
		func(in *api.ListRolePoliciesRequest) *string { return in.RoleName }),
		func(c *door.Call, r store.Reader, in *api.ListRolePoliciesRequest) (*api.ListRolePoliciesResponse, error) {
			p, err := listInline(c, r, roleKind, in.RoleName, in.Marker, in.MaxItems)
			return &api.ListRolePoliciesResponse{PolicyNames: each(p.items, documentName), IsTruncated: p.truncated, Marker: p.marker}, err
		})
	door.Write(d, api.OpDeleteRolePolicy, on(roleKind, "iam:DeleteRolePolicy",
		func(in *api.DeleteRolePolicyRequest) *string { return in.RoleName }, boundaryInForce[api.DeleteRolePolicyRequest](roleKind)),
		func(c *door.Call, tx *store.Tx, in *api.DeleteRolePolicyRequest) (*awsapi.None, error) {
			return deleteInline(c, tx, roleKind, in.RoleName, in.PolicyName)
		})
}

// putInline stores an inline policy in place of one of the same name. All
// inline policies of an entity share one quota of size.
func putInline[T any](s *Service, c *door.Call, tx *store.Tx, k *kind[T], name, policyName, document *string) (*awsapi.None, error) {
	parsed, err := s.parse(policy.KindIdentity, awsapi.Val(document))
	if err != nil {
		return nil, err
	}
	v, err := k.change(tx, c.Account, name)
	if err != nil {
		return nil, err
	}
	e := k.entity(v)
	e.Inline = withDocument(e.Inline, Document{awsapi.Val(policyName), awsapi.Val(document)})
	total := 0
	for _, doc := range e.Inline {
		total += size(doc.Text)
	}
	if total > k.inlineSize {
		return nil, limitExceeded("Maximum policy size of %d bytes exceeded for %s %s", k.inlineSize, k.noun, e.Name)
	}
	if err := s.guardInline(c, tx, k.arn(v), k.noun, awsapi.Val(policyName), parsed); err != nil {
		return nil, err
	}
	return &awsapi.None{}, k.put(tx, v)
}

func withDocument(docs []Document, doc Document) []Document {
	i, found := findDocument(docs, doc.Name)
	if found {
		docs[i].Text = doc.Text
		return docs
	}
	return slices.Insert(docs, i, doc)
}

// findDocument finds an inline policy by its name, whose case does not count,
// or its place.
func findDocument(docs []Document, name string) (int, bool) {
	return slices.BinarySearchFunc(docs, fold(name), func(d Document, name string) int {
		return strings.Compare(fold(d.Name), name)
	})
}

func documentName(d Document) string { return d.Name }

func getInline[T any](c *door.Call, r store.Reader, k *kind[T], name, policyName *string) (*Entity, Document, error) {
	v, err := k.find(r, c.Account, awsapi.Val(name))
	if err != nil {
		return &Entity{}, Document{}, err
	}
	e := k.entity(v)
	i, found := findDocument(e.Inline, awsapi.Val(policyName))
	if !found {
		return e, Document{}, noSuchEntity("The %s policy with name %s cannot be found.", k.noun, awsapi.Val(policyName))
	}
	return e, e.Inline[i], nil
}

func listInline[T any](c *door.Call, r store.Reader, k *kind[T], name, marker *string, maxItems *int64) (page[Document], error) {
	v, err := k.find(r, c.Account, awsapi.Val(name))
	if err != nil {
		return page[Document]{}, err
	}
	return paginate(k.entity(v).Inline, func(d Document) string { return fold(d.Name) }, marker, maxItems)
}

func deleteInline[T any](c *door.Call, tx *store.Tx, k *kind[T], name, policyName *string) (*awsapi.None, error) {
	v, err := k.change(tx, c.Account, name)
	if err != nil {
		return nil, err
	}
	e := k.entity(v)
	i, found := findDocument(e.Inline, awsapi.Val(policyName))
	if !found {
		return nil, noSuchEntity("The %s policy with name %s cannot be found.", k.noun, awsapi.Val(policyName))
	}
	if err := guardrail.Gone(tx, c.Account, k.arn(v), inlinePart(e.Inline[i].Name), c.Time); err != nil {
		return nil, err
	}
	e.Inline = slices.Delete(e.Inline, i, i+1)
	return &awsapi.None{}, k.put(tx, v)
}
