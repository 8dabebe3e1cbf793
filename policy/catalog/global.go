package catalog

import "strings"

// global are the condition keys of every service (IAM User Guide,
// reference_policies_condition-keys.html), and those that services put into the
// sessions of roles. A request has each of them only where the guide says so.
var global = keysOf(`
aws:AssumedRoot Bool
aws:CalledVia ArrayOfString
aws:CalledViaAWSMCP String
aws:CalledViaFirst String
aws:CalledViaLast String
aws:ChatbotSourceArn ARN
aws:CurrentTime Date
aws:Ec2InstanceSourcePrivateIPv4 IPAddress
aws:Ec2InstanceSourceVpc String
aws:EpochTime Date
aws:FederatedProvider String
aws:IsMcpServiceAction Bool
aws:MultiFactorAuthAge Numeric
aws:MultiFactorAuthPresent Bool
aws:PrincipalAccount String
aws:PrincipalArn ARN
aws:PrincipalIsAWSService Bool
aws:PrincipalOrgID String
aws:PrincipalOrgPaths ArrayOfString
aws:PrincipalServiceName String
aws:PrincipalServiceNamesList ArrayOfString
aws:PrincipalTag/${TagKey} String
aws:PrincipalType String
aws:Referer String
aws:RequestedRegion String
aws:RequestTag/${TagKey} String
aws:ResourceAccount String
aws:ResourceOrgID String
aws:ResourceOrgPaths ArrayOfString
aws:ResourceTag/${TagKey} String
aws:SecureTransport Bool
aws:SourceAccount String
aws:SourceArn ARN
aws:SourceIdentity String
aws:SourceIp IPAddress
aws:SourceOrgID String
aws:SourceOrgPaths ArrayOfString
aws:SourceOwner String
aws:SourceVpc String
aws:SourceVpcArn ARN
aws:SourceVpce String
aws:TagKeys ArrayOfString
aws:TokenIssueTime Date
aws:UserAgent String
aws:UserId String
aws:Username String
aws:ViaAWSMCPService Bool
aws:ViaAWSService Bool
aws:VpceAccount String
aws:VpceOrgID String
aws:VpceOrgPaths ArrayOfString
aws:VpcSourceIp IPAddress
ec2:RoleDelivery Numeric
ec2:SourceInstanceARN ARN
glue:CredentialIssuingService String
glue:RoleAssumedBy String
identitystore:UserId String
lambda:SourceFunctionArn ARN
ssm:SourceInstanceArn ARN
`)

func keysOf(lines string) (all []Key) {
	for line := range strings.Lines(strings.TrimSpace(lines)) {
		f := strings.Fields(line)
		all = append(all, Key{f[0], f[1]})
	}
	return all
}

// GlobalKey returns the condition key of every service that a policy names.
func GlobalKey(name string) (*Key, bool) { return find(global, name) }
