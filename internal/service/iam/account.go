package iam

import (
	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/iam"
	"cloister/internal/door"
	"cloister/internal/store"
)

func (s *Service) registerAccount(d *door.Door) {
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
		"AccountAccessKeysPresent":          1,
		"AccountPasswordPresent":            0,
		"AccountSigningCertificatesPresent": 0,
		"SigningCertificatesPerUserQuota":   2,
		"ServerCertificates":                0,
		"ServerCertificatesQuota":           20,
		"InstanceProfiles":                  n.InstanceProfiles, "InstanceProfilesQuota": int64(profileKind.quota),
		"Providers":                  n.Providers,
		"GlobalEndpointTokenVersion": 2,
	}}, nil
}
