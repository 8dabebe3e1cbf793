package cognitoidp

import (
	"crypto/rand"
	"regexp"
	"slices"
	"strings"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/cognitoidp"
	"cloister/internal/door"
	"cloister/internal/seal"
	"cloister/internal/store"
	"cloister/policy"
)

func (s *Service) registerPools(d *door.Door) {
	door.Act(d, api.OpCreateUserPool, door.Permission(func(_ *door.Call, _ store.Reader, in *api.CreateUserPoolRequest) ([]door.Need, error) {
		need := door.Need{Action: "cognito-idp:CreateUserPool", Resource: "*", Context: policy.MapContext{}}
		addRequestTags(need.Context, in.UserPoolTags)
		return []door.Need{need}, nil
	}), s.createPool)
	door.Read(d, api.OpDescribeUserPool, onPool("DescribeUserPool", func(in *api.DescribeUserPoolRequest) *string { return in.UserPoolId }), s.describePool)
	door.Read(d, api.OpListUserPools, onEvery[api.ListUserPoolsRequest]("ListUserPools"), s.listPools)
	door.Write(d, api.OpUpdateUserPool, onPool("UpdateUserPool", func(in *api.UpdateUserPoolRequest) *string { return in.UserPoolId }), s.updatePool)
	door.Write(d, api.OpDeleteUserPool, onPool("DeleteUserPool", func(in *api.DeleteUserPoolRequest) *string { return in.UserPoolId }), s.deletePool)
	door.Write(d, api.OpAddCustomAttributes, onPool("AddCustomAttributes", func(in *api.AddCustomAttributesRequest) *string { return in.UserPoolId }), s.addCustomAttributes)
	door.Write(d, api.OpSetUserPoolMfaConfig, onPool("SetUserPoolMfaConfig", func(in *api.SetUserPoolMfaConfigRequest) *string { return in.UserPoolId }), s.setMFAConfig)
	door.Read(d, api.OpGetUserPoolMfaConfig, onPool("GetUserPoolMfaConfig", func(in *api.GetUserPoolMfaConfigRequest) *string { return in.UserPoolId }), s.getMFAConfig)
	s.registerTags(d)
}

// poolOf reads a pool of the caller's account and region.
func poolOf(c *door.Call, r store.Reader, id *string) (*pool, error) {
	p, err := pools.Get(r, store.K(val(id)))
	if isMissing(err) || err == nil && (p.Account != c.Account || p.Region != c.Region) {
		return nil, noPool(val(id))
	}
	return p, err
}

func (p *pool) key() store.Key { return store.K(p.ID) }

func (s *Service) createPool(c *door.Call, in *api.CreateUserPoolRequest) (*api.CreateUserPoolResponse, error) {
	p, err := newPool(c, in)
	if err != nil {
		return nil, err
	}
	keys, err := s.newKeySet(p.ID, c.Time)
	if err != nil {
		return nil, err
	}
	err = c.Commit(func(tx *store.Tx) error {
		if err := pools.Insert(tx, p.key(), p); err != nil {
			return err
		}
		return poolKeys.Insert(tx, p.key(), keys)
	})
	if err != nil {
		return nil, err
	}
	return &api.CreateUserPoolResponse{UserPool: p.shown(0, "")}, nil
}

func newPool(c *door.Call, in *api.CreateUserPoolRequest) (*pool, error) {
	id := c.Region + "_" + random(mixedAlnum, 9)
	secret := make([]byte, 32)
	_, _ = rand.Read(secret) // never fails
	p := &pool{Account: c.Account, Region: c.Region, ID: id, Created: c.Time, Modified: c.Time, Secret: seal.NewSecret(secret)}
	p.Spec = api.UserPoolType{
		Name: in.PoolName, Policies: in.Policies, DeletionProtection: ptr(or(in.DeletionProtection, "INACTIVE")), LambdaConfig: in.LambdaConfig,
		SchemaAttributes: standardAttributes(), AutoVerifiedAttributes: in.AutoVerifiedAttributes, AliasAttributes: in.AliasAttributes,
		UsernameAttributes: in.UsernameAttributes, SmsVerificationMessage: in.SmsVerificationMessage, EmailVerificationMessage: in.EmailVerificationMessage,
		EmailVerificationSubject: in.EmailVerificationSubject, VerificationMessageTemplate: in.VerificationMessageTemplate,
		SmsAuthenticationMessage: in.SmsAuthenticationMessage, UserAttributeUpdateSettings: in.UserAttributeUpdateSettings,
		MfaConfiguration: ptr(or(in.MfaConfiguration, "OFF")), DeviceConfiguration: in.DeviceConfiguration, EmailConfiguration: in.EmailConfiguration,
		SmsConfiguration: in.SmsConfiguration, UserPoolTags: in.UserPoolTags, AdminCreateUserConfig: in.AdminCreateUserConfig,
		UsernameConfiguration: in.UsernameConfiguration, AccountRecoverySetting: in.AccountRecoverySetting,
		UserPoolAddOns: in.UserPoolAddOns, UserPoolTier: ptr(or(in.UserPoolTier, "ESSENTIALS")),
	}
	if len(in.UsernameAttributes) > 0 && len(in.AliasAttributes) > 0 {
		return nil, invalid("Only one of the aliasAttributes or usernameAttributes can be set in a user pool.")
	}
	if err := p.complete(); err != nil {
		return nil, err
	}
	return p, p.addSchema(in.Schema, true)
}

// complete fills in what an owner left out and refuses what does not fit.
func (p *pool) complete() error {
	spec := &p.Spec
	if spec.Policies == nil {
		spec.Policies = &api.UserPoolPolicyType{}
	}
	if spec.Policies.PasswordPolicy == nil {
		spec.Policies.PasswordPolicy = &api.PasswordPolicyType{
			MinimumLength: ptr(int64(8)), RequireUppercase: ptr(true), RequireLowercase: ptr(true), RequireNumbers: ptr(true), RequireSymbols: ptr(true),
		}
	}
	policy := spec.Policies.PasswordPolicy
	policy.MinimumLength = ptr(or(policy.MinimumLength, 6))
	for _, flag := range []**bool{&policy.RequireUppercase, &policy.RequireLowercase, &policy.RequireNumbers, &policy.RequireSymbols} {
		*flag = ptr(val(*flag))
	}
	if val(policy.TemporaryPasswordValidityDays) == 0 {
		policy.TemporaryPasswordValidityDays = ptr(int64(7))
	}
	if spec.AdminCreateUserConfig == nil {
		spec.AdminCreateUserConfig = &api.AdminCreateUserConfigType{}
	}
	spec.AdminCreateUserConfig.AllowAdminCreateUserOnly = ptr(val(spec.AdminCreateUserConfig.AllowAdminCreateUserOnly))
	if spec.VerificationMessageTemplate == nil {
		spec.VerificationMessageTemplate = &api.VerificationMessageTemplateType{}
	}
	if val(spec.VerificationMessageTemplate.DefaultEmailOption) == "CONFIRM_WITH_LINK" {
		return invalid("Verification by a link is not available on this node: DefaultEmailOption is CONFIRM_WITH_CODE.")
	}
	spec.VerificationMessageTemplate.DefaultEmailOption = ptr("CONFIRM_WITH_CODE")
	if spec.LambdaConfig == nil {
		spec.LambdaConfig = &api.LambdaConfigType{}
	}
	if spec.EmailConfiguration == nil {
		spec.EmailConfiguration = &api.EmailConfigurationType{EmailSendingAccount: ptr("COGNITO_DEFAULT")}
	}
	if spec.AccountRecoverySetting == nil {
		spec.AccountRecoverySetting = &api.AccountRecoverySettingType{RecoveryMechanisms: []*api.RecoveryOptionType{
			{Name: ptr("verified_email"), Priority: ptr(int64(1))}, {Name: ptr("verified_phone_number"), Priority: ptr(int64(2))},
		}}
	}
	for _, check := range []func() error{p.checkAvailable, p.checkFactors, func() error { return checkTags(spec.UserPoolTags) }} {
		if err := check(); err != nil {
			return err
		}
	}
	return checkTriggers(spec.LambdaConfig)
}

// checkAvailable refuses what would be asked for in vain.
func (p *pool) checkAvailable() error {
	spec := &p.Spec
	switch {
	case spec.DeviceConfiguration != nil:
		return invalid("Devices are not remembered on this node: leave DeviceConfiguration out.")
	case spec.UserPoolAddOns != nil && val(spec.UserPoolAddOns.AdvancedSecurityMode) != "OFF":
		return invalid("Threat protection is not available on this node: AdvancedSecurityMode is OFF.")
	case spec.UserAttributeUpdateSettings != nil && len(spec.UserAttributeUpdateSettings.AttributesRequireVerificationBeforeUpdate) > 0:
		return invalid("Attributes change at once on this node and are to be verified afterwards: leave AttributesRequireVerificationBeforeUpdate out.")
	}
	return nil
}

// checkFactors refuses a pool that asks for a second factor and has none.
func (p *pool) checkFactors() error {
	if *p.Spec.MfaConfiguration == "OFF" || p.TOTP || p.SMS != nil {
		return nil
	}
	if p.Spec.SmsConfiguration == nil {
		return invalid("SMS configuration and Auto verification for phone_number are required when MFA is required/optional")
	}
	p.SMS = &api.SmsMfaConfigType{SmsConfiguration: p.Spec.SmsConfiguration}
	return nil
}

var functionPattern = regexp.MustCompile(`^arn:aws:lambda:[a-z0-9-]+:\d{12}:function:[a-zA-Z0-9-_]+(:(\$LATEST|[a-zA-Z0-9-_]+))?$`)

func checkTriggers(l *api.LambdaConfigType) error {
	if l.CustomSMSSender != nil || l.CustomEmailSender != nil {
		return invalid("CustomSMSSender and CustomEmailSender are not available on this node: messages go to its SMTP server or its outbox.")
	}
	if v := l.PreTokenGenerationConfig; v != nil {
		if l.PreTokenGeneration != nil && *l.PreTokenGeneration != val(v.LambdaArn) {
			return invalid("PreTokenGeneration and PreTokenGenerationConfig must be the same function.")
		}
		l.PreTokenGeneration = v.LambdaArn
	}
	for _, arn := range []*string{
		l.PreSignUp, l.CustomMessage, l.PostConfirmation, l.PreAuthentication, l.PostAuthentication, l.DefineAuthChallenge,
		l.CreateAuthChallenge, l.VerifyAuthChallengeResponse, l.PreTokenGeneration, l.UserMigration,
	} {
		if arn != nil && !functionPattern.MatchString(*arn) {
			return invalid("Invalid Lambda function ARN: %s", *arn)
		}
	}
	return nil
}

// shown is what callers see of a pool.
func (p *pool) shown(count int64, domain string) *api.UserPoolType {
	out := p.Spec
	out.Id, out.Arn = &p.ID, ptr(p.arn())
	out.CreationDate, out.LastModifiedDate = &p.Created, &p.Modified
	out.EstimatedNumberOfUsers, out.Domain = &count, some(domain)
	return &out
}

func (s *Service) describePool(c *door.Call, r store.Reader, in *api.DescribeUserPoolRequest) (*api.DescribeUserPoolResponse, error) {
	p, err := poolOf(c, r, in.UserPoolId)
	if err != nil {
		return nil, err
	}
	count := int64(0)
	for _, err := range users.Scan(r, store.K(p.ID), nil) {
		if err != nil {
			return nil, err
		}
		count++
	}
	name := ""
	d, err := domains.Lookup(r, "pool", store.K(p.ID))
	if err == nil {
		name = d.Value.Name
	} else if !isMissing(err) {
		return nil, err
	}
	return &api.DescribeUserPoolResponse{UserPool: p.shown(count, name)}, nil
}

func (s *Service) listPools(c *door.Call, r store.Reader, in *api.ListUserPoolsRequest) (*api.ListUserPoolsResponse, error) {
	after, err := parseToken(in.NextToken)
	if err != nil {
		return nil, err
	}
	found, next, err := page(pools.ScanIndex(r, "account", store.K(c.Account, c.Region), after), val(in.MaxResults), nil)
	if err != nil {
		return nil, err
	}
	out := &api.ListUserPoolsResponse{UserPools: []*api.UserPoolDescriptionType{}, NextToken: next}
	for _, p := range found {
		out.UserPools = append(out.UserPools, &api.UserPoolDescriptionType{
			Id: &p.ID, Name: p.Spec.Name, LambdaConfig: p.Spec.LambdaConfig, CreationDate: &p.Created, LastModifiedDate: &p.Modified,
		})
	}
	return out, nil
}

// updatePool sets what may change; what a request leaves out has its default
// again, as on AWS.
func (s *Service) updatePool(c *door.Call, tx *store.Tx, in *api.UpdateUserPoolRequest) (*api.UpdateUserPoolResponse, error) {
	p, err := poolOf(c, tx, in.UserPoolId)
	if err != nil {
		return nil, err
	}
	old := p.Spec
	p.Spec = api.UserPoolType{
		Name: ptr(or(in.PoolName, val(old.Name))), SchemaAttributes: old.SchemaAttributes, AliasAttributes: old.AliasAttributes,
		UsernameAttributes: old.UsernameAttributes, UsernameConfiguration: old.UsernameConfiguration,
		Policies: in.Policies, DeletionProtection: ptr(or(in.DeletionProtection, val(old.DeletionProtection))), LambdaConfig: in.LambdaConfig,
		AutoVerifiedAttributes: in.AutoVerifiedAttributes, SmsVerificationMessage: in.SmsVerificationMessage,
		EmailVerificationMessage: in.EmailVerificationMessage, EmailVerificationSubject: in.EmailVerificationSubject,
		VerificationMessageTemplate: in.VerificationMessageTemplate, SmsAuthenticationMessage: in.SmsAuthenticationMessage,
		UserAttributeUpdateSettings: in.UserAttributeUpdateSettings, MfaConfiguration: ptr(or(in.MfaConfiguration, val(old.MfaConfiguration))),
		DeviceConfiguration: in.DeviceConfiguration, EmailConfiguration: in.EmailConfiguration, SmsConfiguration: in.SmsConfiguration,
		UserPoolTags: in.UserPoolTags, AdminCreateUserConfig: in.AdminCreateUserConfig, UserPoolAddOns: in.UserPoolAddOns,
		AccountRecoverySetting: in.AccountRecoverySetting, UserPoolTier: ptr(or(in.UserPoolTier, val(old.UserPoolTier))),
	}
	if in.UserPoolTags == nil {
		p.Spec.UserPoolTags = old.UserPoolTags
	}
	if err := p.complete(); err != nil {
		return nil, err
	}
	p.Modified = c.Time
	return &api.UpdateUserPoolResponse{}, pools.Put(tx, p.key(), p)
}

func (s *Service) addCustomAttributes(c *door.Call, tx *store.Tx, in *api.AddCustomAttributesRequest) (*api.AddCustomAttributesResponse, error) {
	p, err := poolOf(c, tx, in.UserPoolId)
	if err != nil {
		return nil, err
	}
	if err := p.addSchema(in.CustomAttributes, false); err != nil {
		return nil, err
	}
	p.Modified = c.Time
	return &api.AddCustomAttributesResponse{}, pools.Put(tx, p.key(), p)
}

// deletePool takes a pool away with all that is in it.
func (s *Service) deletePool(c *door.Call, tx *store.Tx, in *api.DeleteUserPoolRequest) (*awsapi.None, error) {
	p, err := poolOf(c, tx, in.UserPoolId)
	if err != nil {
		return nil, err
	}
	if val(p.Spec.DeletionProtection) == "ACTIVE" {
		return nil, invalid("The user pool cannot be deleted because deletion protection is activated. Deletion protection must be inactivated first.")
	}
	if _, err := domains.Lookup(tx, "pool", p.key()); err == nil {
		return nil, invalid("User pool cannot be deleted. It has a domain configured that should be deleted first.")
	} else if !isMissing(err) {
		return nil, err
	}
	for _, clear := range []func() error{
		func() error { return deleteAll(tx, users, users.Scan(tx, p.key(), nil)) },
		func() error { return deleteAll(tx, clients, clients.ScanIndex(tx, "pool", p.key(), nil)) },
		func() error { return deleteAll(tx, groups, groups.Scan(tx, p.key(), nil)) },
		func() error { return deleteAll(tx, servers, servers.Scan(tx, p.key(), nil)) },
		func() error { return deleteAll(tx, providers, providers.Scan(tx, p.key(), nil)) },
		func() error { return deleteAll(tx, grants, grants.Scan(tx, p.key(), nil)) },
		func() error { return poolKeys.Delete(tx, p.key()) },
	} {
		if err := clear(); err != nil {
			return nil, err
		}
	}
	return &awsapi.None{}, pools.Delete(tx, p.key())
}

func (s *Service) setMFAConfig(c *door.Call, tx *store.Tx, in *api.SetUserPoolMfaConfigRequest) (*api.SetUserPoolMfaConfigResponse, error) {
	p, err := poolOf(c, tx, in.UserPoolId)
	if err != nil {
		return nil, err
	}
	mode := or(in.MfaConfiguration, val(p.Spec.MfaConfiguration))
	totp := in.SoftwareTokenMfaConfiguration != nil && val(in.SoftwareTokenMfaConfiguration.Enabled)
	if mode != "OFF" && !totp && in.SmsMfaConfiguration == nil {
		return nil, invalid("Invalid MFA configuration given, can't turn on MFA without setting up any of the MFA methods.")
	}
	if mode == "OFF" && (totp || in.SmsMfaConfiguration != nil) {
		return nil, invalid("Invalid MFA configuration given, can't disable MFA and configure an MFA together.")
	}
	p.Spec.MfaConfiguration, p.TOTP, p.SMS, p.Modified = &mode, totp, in.SmsMfaConfiguration, c.Time
	shown := p.mfa()
	return &api.SetUserPoolMfaConfigResponse{
		MfaConfiguration: shown.MfaConfiguration, SmsMfaConfiguration: shown.SmsMfaConfiguration, SoftwareTokenMfaConfiguration: shown.SoftwareTokenMfaConfiguration,
	}, pools.Put(tx, p.key(), p)
}

func (p *pool) mfa() *api.GetUserPoolMfaConfigResponse {
	out := &api.GetUserPoolMfaConfigResponse{MfaConfiguration: p.Spec.MfaConfiguration, SmsMfaConfiguration: p.SMS}
	if p.TOTP {
		out.SoftwareTokenMfaConfiguration = &api.SoftwareTokenMfaConfigType{Enabled: ptr(true)}
	}
	return out
}

func (s *Service) getMFAConfig(c *door.Call, r store.Reader, in *api.GetUserPoolMfaConfigRequest) (*api.GetUserPoolMfaConfigResponse, error) {
	p, err := poolOf(c, r, in.UserPoolId)
	if err != nil {
		return nil, err
	}
	return p.mfa(), nil
}

// fold is a name as the pool compares it.
func (p *pool) fold(name string) string {
	if u := p.Spec.UsernameConfiguration; u != nil && u.CaseSensitive != nil && !*u.CaseSensitive {
		return strings.ToLower(name)
	}
	return name
}

func (p *pool) hasUsernameAttribute(name string) bool {
	return slices.Contains(p.Spec.UsernameAttributes, name)
}

func (s *Service) registerTags(d *door.Door) {
	arn := func(resource *string) func(c *door.Call) string {
		return func(c *door.Call) string { return val(resource) }
	}
	tagged := func(c *door.Call, r store.Reader, action string, resource *string, tags map[string]string, keys []string) ([]door.Need, error) {
		_, id, _ := strings.Cut(arn(resource)(c), ":userpool/")
		need, err := needOf(c, r, action, id)
		need.Resource = val(resource)
		addRequestTags(need.Context, tags)
		if len(keys) > 0 {
			need.Context["aws:tagkeys"] = keys
		}
		return []door.Need{need}, err
	}
	door.Write(d, api.OpTagResource, door.Permission(func(c *door.Call, r store.Reader, in *api.TagResourceRequest) ([]door.Need, error) {
		return tagged(c, r, "TagResource", in.ResourceArn, in.Tags, nil)
	}), func(c *door.Call, tx *store.Tx, in *api.TagResourceRequest) (*api.TagResourceResponse, error) {
		return &api.TagResourceResponse{}, s.retag(c, tx, in.ResourceArn, func(tags map[string]string) {
			for key, value := range in.Tags {
				tags[key] = value
			}
		})
	})
	door.Write(d, api.OpUntagResource, door.Permission(func(c *door.Call, r store.Reader, in *api.UntagResourceRequest) ([]door.Need, error) {
		return tagged(c, r, "UntagResource", in.ResourceArn, nil, in.TagKeys)
	}), func(c *door.Call, tx *store.Tx, in *api.UntagResourceRequest) (*api.UntagResourceResponse, error) {
		return &api.UntagResourceResponse{}, s.retag(c, tx, in.ResourceArn, func(tags map[string]string) {
			for _, key := range in.TagKeys {
				delete(tags, key)
			}
		})
	})
	door.Read(d, api.OpListTagsForResource, door.Permission(func(c *door.Call, r store.Reader, in *api.ListTagsForResourceRequest) ([]door.Need, error) {
		return tagged(c, r, "ListTagsForResource", in.ResourceArn, nil, nil)
	}), func(c *door.Call, r store.Reader, in *api.ListTagsForResourceRequest) (*api.ListTagsForResourceResponse, error) {
		p, err := poolByARN(c, r, in.ResourceArn)
		if err != nil {
			return nil, err
		}
		return &api.ListTagsForResourceResponse{Tags: p.Spec.UserPoolTags}, nil
	})
}

func poolByARN(c *door.Call, r store.Reader, arn *string) (*pool, error) {
	_, id, _ := strings.Cut(val(arn), ":userpool/")
	p, err := poolOf(c, r, &id)
	if err == nil && p.arn() != val(arn) {
		return nil, noPool(id)
	}
	return p, err
}

func (s *Service) retag(c *door.Call, tx *store.Tx, arn *string, change func(map[string]string)) error {
	p, err := poolByARN(c, tx, arn)
	if err != nil {
		return err
	}
	tags := map[string]string{}
	for key, value := range p.Spec.UserPoolTags {
		tags[key] = value
	}
	change(tags)
	if err := checkTags(tags); err != nil {
		return err
	}
	p.Spec.UserPoolTags = tags
	return pools.Put(tx, p.key(), p)
}

// checkTags refuses what is too much, and keys that a condition could not tell
// apart.
func checkTags(tags map[string]string) error {
	if len(tags) > 50 {
		return awsapi.Errorf("InvalidParameterException", "The number of tags must be at most 50.")
	}
	seen := map[string]bool{}
	for _, key := range keysOf(tags) {
		low := strings.ToLower(key)
		if seen[low] || strings.HasPrefix(low, "aws:") || key == "" {
			return invalid("The tag key %q is reserved, empty, or differs from another in case only.", key)
		}
		seen[low] = true
	}
	return nil
}
