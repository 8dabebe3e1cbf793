package cognitoidentity

import (
	"strings"

	api "cloister/internal/awsapi/cognitoidentity"
	"cloister/internal/door"
	"cloister/internal/store"
	"cloister/policy"
)

// Register puts the service's operations behind d. Actions and resources are
// those of the Service Authorization Reference
// (https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoncognitoidentity.html).
// What clients call that nobody knows yet is public, as on AWS: the token is in
// the input, and the handler verifies it.
func (s *Service) Register(d *door.Door) {
	s.door = d
	s.registerPools(d)
	s.registerIdentities(d)
	door.Act(d, api.OpGetId, door.Public[api.GetIdInput](), s.getID)
	door.Act(d, api.OpGetOpenIdToken, door.Public[api.GetOpenIdTokenInput](), s.getOpenIDToken)
	door.Act(d, api.OpGetCredentialsForIdentity, door.Public[api.GetCredentialsForIdentityInput](), s.getCredentials)
	door.Act(d, api.OpUnlinkIdentity, door.Public[api.UnlinkIdentityInput](), s.unlink)
}

func (s *Service) registerPools(d *door.Door) {
	door.Write(d, api.OpCreateIdentityPool, door.Permission(needsOfCreate), s.createPool)
	door.Write(d, api.OpUpdateIdentityPool, onPool("UpdateIdentityPool", func(in *api.IdentityPool) *string { return in.IdentityPoolId }), s.updatePool)
	door.Write(d, api.OpDeleteIdentityPool, onPool("DeleteIdentityPool", func(in *api.DeleteIdentityPoolInput) *string { return in.IdentityPoolId }), s.deletePool)
	door.Read(d, api.OpDescribeIdentityPool, onPool("DescribeIdentityPool", func(in *api.DescribeIdentityPoolInput) *string { return in.IdentityPoolId }), s.describePool)
	door.Read(d, api.OpListIdentityPools, door.On("cognito-identity:ListIdentityPools", func(*door.Call, *api.ListIdentityPoolsInput) string { return "*" }), s.listPools)
	door.Write(d, api.OpSetIdentityPoolRoles, door.Permission(needsOfSetRoles), s.setRoles)
	door.Read(d, api.OpGetIdentityPoolRoles, onPool("GetIdentityPoolRoles", func(in *api.GetIdentityPoolRolesInput) *string { return in.IdentityPoolId }), s.getRoles)
	door.Write(d, api.OpSetPrincipalTagAttributeMap, onPool("SetPrincipalTagAttributeMap", func(in *api.SetPrincipalTagAttributeMapInput) *string { return in.IdentityPoolId }), s.setTagMap)
	door.Read(d, api.OpGetPrincipalTagAttributeMap, onPool("GetPrincipalTagAttributeMap", func(in *api.GetPrincipalTagAttributeMapInput) *string { return in.IdentityPoolId }), s.getTagMap)
	door.Write(d, api.OpTagResource, door.Permission(needsOfTag), s.tag)
	door.Write(d, api.OpUntagResource, door.Permission(needsOfUntag), s.untag)
	door.Read(d, api.OpListTagsForResource, door.Permission(func(c *door.Call, r store.Reader, in *api.ListTagsForResourceInput) ([]door.Need, error) {
		return poolNeed(c, r, "ListTagsForResource", taggedPool(c, in.ResourceArn))
	}), s.listTags)
}

func (s *Service) registerIdentities(d *door.Door) {
	door.Read(d, api.OpListIdentities, onPool("ListIdentities", func(in *api.ListIdentitiesInput) *string { return in.IdentityPoolId }), s.listIdentities)
	door.Read(d, api.OpDescribeIdentity, door.On("cognito-identity:DescribeIdentity", func(*door.Call, *api.DescribeIdentityInput) string { return "*" }), s.describeIdentity)
	door.Write(d, api.OpDeleteIdentities, door.On("cognito-identity:DeleteIdentities", func(*door.Call, *api.DeleteIdentitiesInput) string { return "*" }), s.deleteIdentities)
	door.Act(d, api.OpGetOpenIdTokenForDeveloperIdentity, onPool("GetOpenIdTokenForDeveloperIdentity", func(in *api.GetOpenIdTokenForDeveloperIdentityInput) *string { return in.IdentityPoolId }), s.getDeveloperToken)
	door.Read(d, api.OpLookupDeveloperIdentity, onPool("LookupDeveloperIdentity", func(in *api.LookupDeveloperIdentityInput) *string { return in.IdentityPoolId }), s.lookupDeveloper)
	door.Write(d, api.OpMergeDeveloperIdentities, onPool("MergeDeveloperIdentities", func(in *api.MergeDeveloperIdentitiesInput) *string { return in.IdentityPoolId }), s.mergeDevelopers)
	door.Write(d, api.OpUnlinkDeveloperIdentity, onPool("UnlinkDeveloperIdentity", func(in *api.UnlinkDeveloperIdentityInput) *string { return in.IdentityPoolId }), s.unlinkDeveloper)
}

func poolARN(account, region, id string) string {
	return "arn:aws:cognito-identity:" + region + ":" + account + ":identitypool/" + id
}

// onPool needs action on the pool that the input names; the same for one that
// does not exist, but for its tags.
func onPool[In any](action string, id func(*In) *string) door.Auth[In] {
	return door.Permission(func(c *door.Call, r store.Reader, in *In) ([]door.Need, error) {
		return poolNeed(c, r, action, val(id(in)))
	})
}

func poolNeed(c *door.Call, r store.Reader, action, id string) ([]door.Need, error) {
	need := door.Need{Action: "cognito-identity:" + action, Resource: poolARN(c.Account, c.Region, id), Context: policy.MapContext{}}
	p, err := pools.Get(r, store.K(id))
	if err == nil && p.Account == c.Account && p.Region == c.Region {
		addTags(need.Context, "aws:resourcetag/", p.Spec.IdentityPoolTags)
	}
	if isMissing(err) {
		err = nil
	}
	return []door.Need{need}, err
}

func addTags(context policy.MapContext, prefix string, tags map[string]string) {
	for _, key := range keysOf(tags) {
		context[prefix+strings.ToLower(key)] = []string{tags[key]}
	}
}

func requestTags(need *door.Need, tags map[string]string) {
	if len(tags) > 0 {
		addTags(need.Context, "aws:requesttag/", tags)
		need.Context["aws:tagkeys"] = keysOf(tags)
	}
}

func needsOfCreate(_ *door.Call, _ store.Reader, in *api.CreateIdentityPoolInput) ([]door.Need, error) {
	need := door.Need{Action: "cognito-identity:CreateIdentityPool", Resource: "*", Context: policy.MapContext{}}
	requestTags(&need, in.IdentityPoolTags)
	return []door.Need{need}, nil
}

// needsOfSetRoles are the pool, and to pass each role to Cognito.
func needsOfSetRoles(c *door.Call, r store.Reader, in *api.SetIdentityPoolRolesInput) ([]door.Need, error) {
	needs, err := poolNeed(c, r, "SetIdentityPoolRoles", val(in.IdentityPoolId))
	for _, role := range passedRoles(in) {
		needs = append(needs, door.Need{Action: "iam:PassRole", Resource: role, Context: policy.MapContext{"iam:passedtoservice": {Provider}}})
	}
	return needs, err
}

func needsOfTag(c *door.Call, r store.Reader, in *api.TagResourceInput) ([]door.Need, error) {
	needs, err := poolNeed(c, r, "TagResource", taggedPool(c, in.ResourceArn))
	requestTags(&needs[0], in.Tags)
	return needs, err
}

func needsOfUntag(c *door.Call, r store.Reader, in *api.UntagResourceInput) ([]door.Need, error) {
	needs, err := poolNeed(c, r, "UntagResource", taggedPool(c, in.ResourceArn))
	if len(in.TagKeys) > 0 {
		needs[0].Context["aws:tagkeys"] = in.TagKeys
	}
	return needs, err
}

// Describe adds to a need on a pool what the pool itself says.
func (s *Service) Describe(r store.Reader, need *door.Need) error {
	_, id, ok := strings.Cut(need.Resource, ":identitypool/")
	if !ok {
		return nil
	}
	p, err := pools.Get(r, store.K(id))
	if isMissing(err) {
		return nil
	}
	if err != nil {
		return err
	}
	if need.Context == nil {
		need.Context = policy.MapContext{}
	}
	addTags(need.Context, "aws:resourcetag/", p.Spec.IdentityPoolTags)
	return nil
}
