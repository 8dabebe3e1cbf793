package sts

import (
	"errors"
	"strings"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/sts"
	"cloister/internal/door"
	"cloister/internal/door/session"
	"cloister/internal/store"
	"cloister/policy"
)

// needAssumeRole needs the role's own consent, its trust policy, besides the
// caller's permission; for tags and a source identity it needs both once more,
// each with its own action
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/id_session-tags.html,
// https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_temp_control-access_monitor.html).
func (s *Service) needAssumeRole(c *door.Call, r store.Reader, in *api.AssumeRoleRequest) ([]door.Need, error) {
	if c.Principal.Kind == policy.PrincipalRoot {
		return nil, accessDenied("Roles may not be assumed by root accounts.")
	}
	if c.Principal.Kind == policy.PrincipalFederatedUser {
		return nil, accessDenied("Cannot call AssumeRole with the credentials of a federated user")
	}
	need := door.Need{
		Action: "sts:AssumeRole", Resource: awsapi.Val(in.RoleArn), Account: accountIn(awsapi.Val(in.RoleArn)),
		ResourcePolicyRequired: true, Context: assumeContext(in, c.Principal),
	}
	if err := s.addCode(c, r, in, need.Context); err != nil {
		return nil, err
	}
	role, err := s.roles.Role(r, need.Resource)
	switch {
	case err == nil:
		trust(&need, role)
	case !errors.Is(err, store.ErrNotFound):
		return nil, err
	}
	needs := []door.Need{need}
	if len(in.Tags) > 0 || len(c.Principal.TransitiveTagKeys) > 0 {
		needs = append(needs, also(need, "sts:TagSession"))
	}
	if in.SourceIdentity != nil || c.Principal.SourceIdentity != "" {
		needs = append(needs, also(need, "sts:SetSourceIdentity"))
	}
	return needs, nil
}

func also(need door.Need, action string) door.Need {
	need.Action = action
	return need
}

// trust adds to a need what the role says.
func trust(need *door.Need, role *session.Role) {
	need.ResourcePolicy = &role.Trust
	for key, value := range role.Tags {
		key = strings.ToLower(key)
		need.Context["aws:resourcetag/"+key] = []string{value}
		need.Context["iam:resourcetag/"+key] = []string{value}
	}
}

// accountIn is the account in an ARN, "" in what is none.
func accountIn(arn string) string {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) < 6 {
		return ""
	}
	return parts[4]
}

// assumeContext is the condition keys of AssumeRole
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_iam-condition-keys.html).
func assumeContext(in *api.AssumeRoleRequest, caller *door.Principal) policy.MapContext {
	ctx := policy.MapContext{}
	set := func(key string, value *string) {
		if value != nil {
			ctx[key] = []string{*value}
		}
	}
	set("sts:rolesessionname", in.RoleSessionName)
	set("sts:externalid", in.ExternalId)
	set("sts:sourceidentity", in.SourceIdentity)
	if caller.SourceIdentity != "" {
		ctx["sts:sourceidentity"] = []string{caller.SourceIdentity}
	}
	tagContext(ctx, in.Tags)
	if len(in.TransitiveTagKeys) > 0 {
		ctx["sts:transitivetagkeys"] = in.TransitiveTagKeys
	}
	return ctx
}

// tagContext adds the condition keys of session tags.
func tagContext(ctx policy.MapContext, tags []*api.Tag) {
	for _, t := range tags {
		key := awsapi.Val(t.Key)
		ctx["aws:tagkeys"] = append(ctx["aws:tagkeys"], key)
		ctx["aws:requesttag/"+strings.ToLower(key)] = []string{awsapi.Val(t.Value)}
	}
}
