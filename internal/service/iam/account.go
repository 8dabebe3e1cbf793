package iam

import (
	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/iam"
	"cloister/internal/door"
	"cloister/internal/store"
)

func (s *Service) registerAccount(d *door.Door) {
	door.Write(d, api.OpSetSecurityTokenServicePreferences,
		everything[api.SetSecurityTokenServicePreferencesRequest]("iam:SetSecurityTokenServicePreferences"), s.setTokenPreferences)
	door.Read(d, api.OpGetAccountSummary, everything[awsapi.None]("iam:GetAccountSummary"), s.getAccountSummary)
}

// getAccountSummary gives the account's counts and quotas
// (https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetAccountSummary.html).
func (s *Service) getAccountSummary(c *door.Call, r store.Reader, _ *awsapi.None) (*api.GetAccountSummaryResponse, error) {
	n, err := countsOf(r, c.Account)
	if err != nil {
		return nil, err
	}
	ofRoot, err := devicesOf(r, c.Account, c.Account)
	if err != nil {
		return nil, err
	}
	set, err := settingsOf(r, c.Account)
	if err != nil {
		return nil, err
	}
	version, rootKeys := set.TokenVersion, int64(0)
	if version == 0 {
		version = globalTokens
	}
	if c.Account == s.account {
		rootKeys = 1
	}
	return &api.GetAccountSummaryResponse{SummaryMap: map[string]int64{
		"Users": n.Users, "UsersQuota": int64(userKind.quota),
		"Groups": n.Groups, "GroupsQuota": int64(groupKind.quota),
		"Roles": n.Roles, "RolesQuota": int64(roleKind.quota),
		"Policies": n.Policies, "PoliciesQuota": policyQuota,
		"PolicyVersionsInUse": n.Versions, "PolicyVersionsInUseQuota": versionQuota,
		"VersionsPerPolicyQuota":            versionsPerPolicy,
		"AccessKeysPerUserQuota":            keysPerUser,
		"GroupsPerUserQuota":                groupsPerUser,
		"UserPolicySizeQuota":               int64(userKind.inlineSize),
		"GroupPolicySizeQuota":              int64(groupKind.inlineSize),
		"RolePolicySizeQuota":               int64(roleKind.inlineSize),
		"PolicySizeQuota":                   policySize,
		"AssumeRolePolicySizeQuota":         trustSize,
		"AttachedPoliciesPerUserQuota":      policiesPerEntity,
		"AttachedPoliciesPerGroupQuota":     policiesPerEntity,
		"AttachedPoliciesPerRoleQuota":      policiesPerEntity,
		"MFADevices":                        n.MFADevices,
		"MFADevicesInUse":                   n.MFADevicesInUse,
		"AccountMFAEnabled":                 int64(min(len(ofRoot), 1)),
		"AccountAccessKeysPresent":          rootKeys,
		"AccountPasswordPresent":            0,
		"AccountSigningCertificatesPresent": 0,
		"SigningCertificatesPerUserQuota":   2,
		"ServerCertificates":                0,
		"ServerCertificatesQuota":           20,
		"InstanceProfiles":                  n.InstanceProfiles, "InstanceProfilesQuota": int64(profileKind.quota),
		"Providers":                  n.Providers,
		"GlobalEndpointTokenVersion": version,
	}}, nil
}

// globalTokens is the version of the tokens that STS gives here.
const globalTokens = 2

// setTokenPreferences keeps which tokens STS's global endpoint should give. All
// of this STS's count in all regions, whatever it says
// (https://docs.aws.amazon.com/IAM/latest/APIReference/API_SetSecurityTokenServicePreferences.html).
func (s *Service) setTokenPreferences(c *door.Call, tx *store.Tx, in *api.SetSecurityTokenServicePreferencesRequest) (*awsapi.None, error) {
	set, err := settingsOf(tx, c.Account)
	if err != nil {
		return nil, err
	}
	set.TokenVersion = map[string]int64{
		api.GlobalEndpointTokenVersionV1Token: 1, api.GlobalEndpointTokenVersionV2Token: 2,
	}[awsapi.Val(in.GlobalEndpointTokenVersion)]
	return &awsapi.None{}, putSettings(tx, set)
}
