package lint

import "strings"

// rule is a check: how grave what it finds is, and what it says.
type rule struct {
	kind    Type
	message string
}

// rules are the checks by their codes. Codes and messages are those of IAM Access
// Analyzer's policy check reference, to which learnMore points; those that begin
// with CLOISTER_ are this platform's.
var rules = map[string]rule{
	"ARN_ACCOUNT_NOT_ALLOWED":                                 {Error, "The service %s does not support specifying an account ID in the resource ARN."},
	"ARN_REGION_NOT_ALLOWED":                                  {Error, "The service %s does not support specifying a Region in the resource ARN."},
	"DATA_TYPE_MISMATCH":                                      {Error, "The text does not match the expected JSON data type %s."},
	"DUPLICATE_KEYS_WITH_DIFFERENT_CASE":                      {Error, "The condition key %s appears more than once with different capitalization in the same condition block. Remove the duplicate condition keys."},
	"FEDERATED_PRINCIPAL_NOT_SUPPORTED":                       {Error, "The policy type does not support a federated identity provider in the principal element. Use a supported principal."},
	"INVALID_ACTION":                                          {Error, "The action %s does not exist.%s"},
	"INVALID_ARN_ACCOUNT":                                     {Error, "The resource ARN account ID %s is not valid. Provide a 12-digit account ID."},
	"INVALID_ARN_PREFIX":                                      {Error, "Add the required prefix (arn) to the resource ARN."},
	"INVALID_ARN_RESOURCE":                                    {Error, "Resource ARN does not match the expected ARN format. Update the resource portion of the ARN."},
	"INVALID_ARN_SERVICE_CASE":                                {Error, "Update the service name %s in the resource ARN to use all lowercase letters."},
	"INVALID_CONDITION_DATA_TYPE":                             {Error, "The condition value data types do not match. Use condition values of the same JSON data type."},
	"INVALID_CONDITION_KEY_FORMAT":                            {Error, "The condition key format is not valid. Use the format service:keyname."},
	"INVALID_CONDITION_MULTIPLE_BOOLEAN":                      {Error, "The condition key does not support multiple Boolean values. Use a single Boolean value."},
	"INVALID_CONDITION_OPERATOR":                              {Error, "The condition operator %s is not valid. Use a valid condition operator."},
	"INVALID_EFFECT":                                          {Error, "The effect %s is not valid. Use Allow or Deny."},
	"INVALID_FEDERATED_PRINCIPAL_SYNTAX_IN_ROLE_TRUST_POLICY": {Error, "The principal value specifies a federated principal that does not match the expected format. Update the federated principal to a domain name or a SAML metadata ARN."},
	"INVALID_GLOBAL_CONDITION_KEY":                            {Error, "The condition key %s does not exist. Use a valid condition key."},
	"INVALID_PARTITION":                                       {Error, "The resource ARN for the service %s does not support the partition %s. Use the supported values: %s"},
	"INVALID_POLICY_ELEMENT":                                  {Error, "The policy element %s is not valid."},
	"INVALID_PRINCIPAL_FORMAT":                                {Error, "The Principal element contents are not valid. Specify a key-value pair in the Principal element."},
	"INVALID_PRINCIPAL_KEY":                                   {Error, "The principal key %s is not valid."},
	"INVALID_SERVICE":                                         {Error, "The service %s does not exist. Use a valid service name."},
	"INVALID_SERVICE_CONDITION_KEY":                           {Error, "The condition key %s does not exist in the service %s. Use a valid condition key."},
	"INVALID_SERVICE_IN_ACTION":                               {Error, "The service %s specified in the action does not exist.%s"},
	"INVALID_SERVICE_PRINCIPAL_FORMAT":                        {Error, "The service principal does not match the expected format. Use the format %s."},
	"INVALID_VARIABLE_FOR_OPERATOR":                           {Error, "Policy variables can only be used with String and ARN operators."},
	"INVALID_VERSION":                                         {Error, "The version %s is not valid. Use one of the following versions: %s"},
	"INVALID_VPC_FORMAT":                                      {Error, "The VPC identifier in the condition key value is not valid. Use the prefix 'vpc-' followed by 8 or 17 alphanumeric characters."},
	"INVALID_VPCE_FORMAT":                                     {Error, "The VPCE identifier in the condition key value is not valid.  Use the prefix 'vpce-' followed by 8 or 17 alphanumeric characters."},
	"JSON_SYNTAX_ERROR":                                       {Error, "Fix the JSON syntax error at index %d line %d column %d."},
	"MISMATCHED_ACTION_FOR_PRINCIPAL":                         {Error, "The %s action is invalid with the following principal(s): %s. Use a SAML provider principal with the sts:AssumeRoleWithSAML action or use an OIDC provider principal with the sts:AssumeRoleWithWebIdentity action. Ensure the provider is Federated if you use either of the two options."},
	"MISSING_ACTION":                                          {Error, "Add an Action or NotAction element to the policy statement."},
	"MISSING_ACTION_FOR_ROLES_ANYWHERE_TRUST_POLICY":          {Error, "The rolesanywhere.amazonaws.com service principal requires the sts:AssumeRole, sts:SetSourceIdentity, and sts:TagSession permissions to assume a role. Add the missing permissions to the policy."},
	"MISSING_ARN_ACCOUNT":                                     {Error, "The resource %s in the arn is missing an account id. Please provide a 12 digit account id."},
	"MISSING_ARN_FIELD":                                       {Error, "Resource ARNs must include at least %d fields in the following structure: arn:partition:service:region:account:resource"},
	"MISSING_ARN_REGION":                                      {Error, "Add a Region to the %s resource ARN."},
	"MISSING_BRACE_IN_VARIABLE":                               {Error, "The policy variable is missing a closing curly brace. Add } after the variable text."},
	"MISSING_EFFECT":                                          {Error, "Add an Effect element to the policy statement with a value of Allow or Deny."},
	"MISSING_PRINCIPAL":                                       {Error, "Add a Principal element to the policy statement."},
	"MISSING_QUALIFIER":                                       {Error, "The request context key %s has multiple values. Use the ForAllValues or ForAnyValue condition key qualifiers in your policy."},
	"MISSING_QUOTE_IN_VARIABLE":                               {Error, "The policy variable default value must begin and end with a single quote. Add the missing quote."},
	"MISSING_RESOURCE":                                        {Error, "Add a Resource or NotResource element to the policy statement."},
	"MISSING_STATEMENT":                                       {Error, "Add a statement to the policy"},
	"MISSING_TAG_KEY_IN_CONDITION":                            {Error, "The condition key %s must include a tag key to control access based on tags. Use the format %stag-key and specify a key name for tag-key."},
	"NULL_WITH_IF_EXISTS":                                     {Error, "The Null condition operator cannot be used with the IfExists suffix. Update the operator or the suffix."},
	"POLICY_SIZE_EXCEEDS_RCP_QUOTA":                           {Error, "The %d characters in the resource control policy (RCP) exceed the %d character maximum for RCPs. We recommend that you use multiple granular policies."},
	"POLICY_SIZE_EXCEEDS_SCP_QUOTA":                           {Error, "The %d characters in the service control policy (SCP) exceed the %d character maximum for SCPs. We recommend that you use multiple granular policies."},
	"RCP_SYNTAX_ERROR_ALLOW":                                  {Error, `RCPs only support specifying all principals ("*") in the Principal element, all resources ("*") in the Resource element, and no Condition element with an effect of Allow.`},
	"RCP_SYNTAX_ERROR_NOTACTION":                              {Error, "RCPs do not support the NotAction element. Update to use the Action element."},
	"RCP_SYNTAX_ERROR_PRINCIPAL":                              {Error, `The Principal element contents are not valid. RCPs only support specifying all principals ("*") in the Principal element. The NotPrincipal element is not supported for RCPs.`},
	"ROLE_TRUST_POLICY_SYNTAX_ERROR_NOTPRINCIPAL":             {Error, "Role trust policies do not support NotPrincipal. Update the policy to use a Principal element instead."},
	"ROLE_TRUST_POLICY_SYNTAX_ERROR_RESOURCE":                 {Error, "Role trust policies apply to the role that they are attached to. You cannot specify a resource. Remove the Resource or NotResource element."},
	"ROLE_TRUST_POLICY_UNSUPPORTED_WILDCARD_IN_PRINCIPAL":     {Error, `"Principal:" "*" is not supported in the principal element of a role trust policy. Replace the wildcard with a valid principal value.`},
	"SCP_SYNTAX_ERROR_PRINCIPAL":                              {Error, "SCPs do not support specifying principals. Remove the Principal or NotPrincipal element."},
	"TYPE_MISMATCH_IP_RANGE":                                  {Error, "The condition operator %s is used with an invalid IP range value. Specify the IP range in standard CIDR format."},
	"UNIQUE_SIDS_REQUIRED":                                    {Error, "Duplicate statement IDs are not supported for this policy type. Update the Sid value."},
	"UNSUPPORTED_ACTION_FOR_CONDITION_KEY":                    {Error, "The following actions: %s are not supported by the condition key %s. The condition will not be evaluated for these actions. We recommend that you move these actions to a different statement without this condition key."},
	"UNSUPPORTED_ACTION_IN_POLICY":                            {Error, "The action %s is not supported for the resource-based policy attached to the resource type %s."},
	"UNSUPPORTED_ELEMENT_COMBINATION":                         {Error, "The policy elements %s and %s can not be used in the same statement. Remove one of these elements."},
	"UNSUPPORTED_PRINCIPAL":                                   {Error, "The policy type %s does not support the Principal element. Remove the Principal element."},
	"UNSUPPORTED_SID":                                         {Error, "Update the characters in the Sid element to use one of the following character types: [a-z, A-Z, 0-9]"},
	"UNSUPPORTED_SPACE_IN_VARIABLE":                           {Error, "A space is not supported within the policy variable text. Remove the space."},
	"UNSUPPORTED_WILDCARD_IN_PRINCIPAL":                       {Error, "Wildcards (*, ?) are not supported with the principal key %s. Replace the wildcard with a valid principal value."},
	"EMPTY_VARIABLE":                                          {Error, "Empty policy variable. Remove the ${ } variable structure or provide a variable within the structure."},
	"VARIABLE_UNSUPPORTED_IN_ELEMENT":                         {Error, "Policy variables are supported in the Resource and Condition elements. Remove the policy variable %s from this element."},
	"VARIABLE_UNSUPPORTED_IN_VERSION":                         {Error, "To include variables in your policy, use the policy version 2012-10-17 or later."},

	"ALLOW_WITH_NOT_PRINCIPAL":                       {SecurityWarning, "Using Allow with NotPrincipal can be overly permissive. We recommend that you use Principal instead."},
	"FORALLVALUES_WITH_SINGLE_VALUED_KEY":            {SecurityWarning, "Using ForAllValues qualifier with the single-valued condition key %s can be overly permissive. We recommend that you remove ForAllValues:."},
	"MISSING_CONDITION_KEY_FOR_OIDC_PRINCIPAL":       {SecurityWarning, "Using an Open ID Connect principal without a condition can be overly permissive. Add condition keys with a prefix that matches your federated OIDC principals to ensure that only the intended identity provider assumes the role."},
	"MISSING_GITHUB_REPO_CONDITION_KEY":              {SecurityWarning, "Granting a federated GitHub principal permissions without a condition key can allow more sources to assume the role than you intended. Add the token.actions.githubusercontent.com:sub condition key and specify the branch and repository name in the value."},
	"MISSING_PAIRED_CONDITION_KEYS":                  {SecurityWarning, "Using the condition key %s can be overly permissive without also using the following condition keys: %s. Condition keys like this one are more secure when paired with a related key. We recommend that you add the related condition keys to the same condition block."},
	"PASS_ROLE_WITH_NOT_ACTION_AND_NOT_RESOURCE":     {SecurityWarning, "Using NotAction with NotResource can be overly permissive because it can allow iam:PassRole permissions on multiple resources.. We recommend that you specify resource ARNs instead."},
	"PASS_ROLE_WITH_NOT_RESOURCE":                    {SecurityWarning, "Using the iam:PassRole action with NotResource can be overly permissive because it can allow iam:PassRole permissions on multiple resources. We recommend that you specify resource ARNs instead."},
	"PASS_ROLE_WITH_STAR_IN_ACTION_AND_NOT_RESOURCE": {SecurityWarning, "Using an action with a wildcard (*) and NotResource can be overly permissive because it can allow iam:PassRole permissions on multiple resources. We recommend that you specify resource ARNs instead."},
	"PASS_ROLE_WITH_STAR_IN_ACTION_AND_RESOURCE":     {SecurityWarning, "Using wildcards (*) in the action and the resource can be overly permissive because it allows iam:PassRole permissions on all resources. We recommend that you specify resource ARNs or add the iam:PassedToService condition key to your statement."},
	"PASS_ROLE_WITH_STAR_IN_RESOURCE":                {SecurityWarning, "Using the iam:PassRole action with wildcards (*) in the resource can be overly permissive because it allows iam:PassRole permissions on multiple resources. We recommend that you specify resource ARNs or add the iam:PassedToService condition key to your statement."},
	"PASS_ROLE_WITH_STAR_IN_RESOURCE_AND_NOT_ACTION": {SecurityWarning, "Using a resource with wildcards (*) and NotAction can be overly permissive because it allows iam:PassRole permissions on all resources. We recommend that you specify resource ARNs or add the iam:PassedToService condition key to your statement."},
	"RESTRICT_ACCESS_TO_SERVICE_PRINCIPAL":           {SecurityWarning, "Granting access to a service principal without specifying a source is overly permissive. Use aws:SourceArn, aws:SourceAccount, aws:SourceOrgID, or aws:SourceOrgPaths condition key to grant fine-grained access."},
	"STRING_LIKE_OPERATOR_WITH_ARN_CONDITION_KEYS":   {SecurityWarning, "Use the operator type %s instead of operator %s for the condition key %s."},
	"UNTRUSTWORTHY_CONDITION_KEY":                    {SecurityWarning, "The %s condition key is not recommended for access control as it can be spoofed/manipulated by the caller."},

	"CREATE_SLR_WITH_NOT_ACTION_AND_NOT_RESOURCE":     {Warning, "Using NotAction with NotResource can allow creation of unintended service-linked roles because it allows iam:CreateServiceLinkedRole permissions on multiple resources. We recommend that you specify resource ARNs instead."},
	"CREATE_SLR_WITH_NOT_RESOURCE":                    {Warning, "Using the iam:CreateServiceLinkedRole action with NotResource can allow creation of unintended service-linked roles for multiple resources. We recommend that you specify resource ARNs instead."},
	"CREATE_SLR_WITH_STAR_IN_ACTION_AND_NOT_RESOURCE": {Warning, "Using an action with a wildcard(*) and NotResource can allow creation of unintended service-linked roles because it can allow iam:CreateServiceLinkedRole permissions on multiple resources. We recommend that you specify resource ARNs instead."},
	"CREATE_SLR_WITH_STAR_IN_ACTION_AND_RESOURCE":     {Warning, "Using wildcards (*) in the action and the resource can allow creation of unintended service-linked roles because it allows iam:CreateServiceLinkedRole permissions on all resources. We recommend that you specify resource ARNs instead."},
	"CREATE_SLR_WITH_STAR_IN_RESOURCE":                {Warning, "Using the iam:CreateServiceLinkedRole action with wildcards (*) in the resource can allow creation of unintended service-linked roles. We recommend that you specify resource ARNs instead."},
	"CREATE_SLR_WITH_STAR_IN_RESOURCE_AND_NOT_ACTION": {Warning, "Using a resource with wildcards (*) and NotAction can allow creation of unintended service-linked roles because it allows iam:CreateServiceLinkedRole permissions on all resources. We recommend that you specify resource ARNs instead."},
	"DEPRECATED_GLOBAL_CONDITION_KEY":                 {Warning, "We recommend that you update aws:ARN to use the newer condition key aws:PrincipalArn."},
	"INVALID_DATE_VALUE":                              {Warning, "The date %s might not resolve as expected. We recommend that you use the YYYY-MM-DD format."},
	"INVALID_ROLE_REFERENCE":                          {Warning, "The Principal element includes the IAM role ID %s. We recommend that you use a role ARN instead."},
	"INVALID_USER_REFERENCE":                          {Warning, "The Principal element includes the IAM user ID %s. We recommend that you use a user ARN instead."},
	"MISSING_VERSION":                                 {Warning, "We recommend that you specify the Version element to help you with debugging permission issues."},
	"POLICY_SIZE_EXCEEDS_IDENTITY_POLICY_QUOTA":       {Warning, "The %d characters in the identity policy, excluding whitespace, exceed the %d character maximum for inline and managed policies. We recommend that you use multiple granular policies."},
	"POLICY_SIZE_EXCEEDS_RESOURCE_POLICY_QUOTA":       {Warning, "The %d characters in the resource policy exceed the %d character maximum for resource policies. We recommend that you use multiple granular policies."},
	"POLICY_SIZE_EXCEEDS_ROLE_TRUST_POLICY_QUOTA":     {Warning, "The characters in the role trust policy, excluding whitespace, exceed the character maximum. We recommend that you request a role trust policy length quota increase using Service Quotas and AWS Support Center. If the quotas have already been increased, then you can ignore this warning."},
	"SPECIFIC_GITHUB_REPO_AND_BRANCH_RECOMMENDED":     {Warning, "Using a wildcard (*) in token.actions.githubusercontent.com:sub can allow requests from more sources than you intended. Specify the value of token.actions.githubusercontent.com:sub with the repository and branch name. If the subject claim does not include the branch, specify it in a token.actions.githubusercontent.com:ref condition key."},
	"TYPE_MISMATCH":                                   {Warning, "Use the operator type %s instead of operator %s for the condition key %s."},
	"TYPE_MISMATCH_BOOLEAN":                           {Warning, "Add a valid Boolean value (true or false) for the condition operator %s."},
	"TYPE_MISMATCH_DATE":                              {Warning, "The date condition operator is used with an invalid value. Specify a valid date using YYYY-MM-DD or other ISO 8601 date/time format."},
	"TYPE_MISMATCH_NUMBER":                            {Warning, "Add a valid numeric value for the condition operator %s."},
	"TYPE_MISMATCH_STRING":                            {Warning, "Add a valid base64-encoded string value for the condition operator %s."},
	"WILDCARD_WITHOUT_LIKE_OPERATOR":                  {Warning, "Your condition value includes a * or ? character. If you meant to use a wildcard (*, ?), update the condition operator to include Like."},

	"EMPTY_ARRAY_ACTION":                               {Suggestion, "This statement includes no actions and does not affect the policy. Specify actions."},
	"EMPTY_ARRAY_CONDITION":                            {Suggestion, "There are no values for the condition key %s and it does not affect the policy. Specify conditions."},
	"EMPTY_ARRAY_CONDITION_FORALLVALUES":               {Suggestion, "The ForAllValues prefix with an empty condition key matches only if the key %s is missing from the request context. To determine if the request context is empty, we recommend that you use the Null condition operator with the value of true instead."},
	"EMPTY_ARRAY_CONDITION_FORANYVALUE":                {Suggestion, "The ForAnyValue prefix with an empty condition key %s never matches the request context and it does not affect the policy. Specify conditions."},
	"EMPTY_ARRAY_CONDITION_IFEXISTS":                   {Suggestion, "The IfExists suffix with an empty condition key matches only if the key %s is missing from the request context. To determine if the request context is empty, we recommend that you use the Null condition operator with the value of true instead."},
	"EMPTY_ARRAY_PRINCIPAL":                            {Suggestion, "This statement includes no principals and does not affect the policy. Specify principals."},
	"EMPTY_ARRAY_RESOURCE":                             {Suggestion, "This statement includes no resources and does not affect the policy. Specify resources."},
	"EMPTY_OBJECT_CONDITION":                           {Suggestion, "This condition block is empty and it does not affect the policy. Specify conditions."},
	"EMPTY_OBJECT_PRINCIPAL":                           {Suggestion, "This statement includes no principals and does not affect the policy. Specify principals."},
	"EMPTY_SID_VALUE":                                  {Suggestion, "Add a value to the empty string in the Sid element."},
	"EQUIVALENT_TO_NULL_FALSE":                         {Suggestion, "We recommend replacing the key %s in the condition block of %s with {%s: false} to ensure better enforcement of the condition."},
	"IMPROVE_IP_RANGE":                                 {Suggestion, "The non-zero bits in the IP address after the masked bits are ignored. Replace address with %s."},
	"NULL_WITH_QUALIFIER":                              {Suggestion, "Avoid using the Null condition operator with the ForAllValues or ForAnyValue qualifiers because they always return a true or false respectively."},
	"REDUNDANT_ACTION":                                 {Suggestion, "The %d action(s) are redundant because they provide similar permissions. Update the policy to remove the redundant action such as: %s."},
	"REDUNDANT_CONDITION_VALUE_NUM":                    {Suggestion, "Multiple values in %s are redundant. Replace with the %s single value for %s."},
	"REDUNDANT_KEY_DUE_TO_WILDCARD_IN_CONDITION":       {Suggestion, "The key %s in the condition block of %s is redundant because it is always matched. Remove this key to simplify the condition."},
	"REDUNDANT_PRINCIPAL_IN_ROLE_TRUST_POLICY":         {Suggestion, "The assumed-role principal %s is redundant with its parent role %s. Remove the assumed-role principal."},
	"REDUNDANT_RESOURCE":                               {Suggestion, "The %d resource ARN(s) are redundant because they reference the same resource. Review the use of wildcards (*), or remove the resource %s to remove the redundancy."},
	"REDUNDANT_STATEMENT":                              {Suggestion, "The statements are redundant because they provide identical permissions. Update the policy to remove the redundant statement."},
	"REDUNDANT_STATEMENT_DUE_TO_WILDCARD_IN_CONDITION": {Suggestion, "The key %s in the condition block of %s does not match any values. Remove this key to simplify the condition."},
	"WILDCARD_IN_SERVICE_NAME":                         {Suggestion, "Avoid using wildcards (*, ?) in the service name because it might grant unintended access to other AWS services with similar names."},

	"DENY_WITH_UNSUPPORTED_TAG_CONDITION_KEY_FOR_SERVICE":            {SecurityWarning, "Using the effect Deny with the tag condition key %s and actions for services with the following prefixes can be overly permissive: %s. Actions for the listed services are not denied by this statement. We recommend that you move these actions to a different statement without this condition key."},
	"DENY_NOTACTION_WITH_UNSUPPORTED_TAG_CONDITION_KEY_FOR_SERVICE":  {SecurityWarning, "Using the effect Deny with NotAction and the tag condition key %s can be overly permissive because some service actions are not denied by this statement. This is because the condition key doesn't apply to some service actions. We recommend that you use Action instead of NotAction."},
	"ALLOW_WITH_UNSUPPORTED_TAG_CONDITION_KEY_FOR_SERVICE":           {Suggestion, "Using the effect Allow with the tag condition key %s and actions for services with the following prefixes does not affect the policy: %s. Actions for the listed service are not allowed by this statement. We recommend that you move these actions to a different statement without this condition key."},
	"ALLOW_NOTACTION_WITH_UNSUPPORTED_TAG_CONDITION_KEY_FOR_SERVICE": {Suggestion, "Using the effect Allow with NotAction and the tag condition key %s allows only service actions that support the condition key. The condition key doesn't apply to some service actions. We recommend that you use Action instead of NotAction."},

	"CLOISTER_FULL_ACCESS":              {SecurityWarning, "The policy allows every action on every resource but those that it names. Allow only the actions and resources that are needed."},
	"CLOISTER_NOT_A_POLICY":             {Error, "This is no policy that can be attached: %s."},
	"CLOISTER_PUBLIC_PRINCIPAL":         {SecurityWarning, "This statement allows everyone, anonymous callers included. Name the principals, or add a condition such as aws:PrincipalOrgID or aws:SourceArn."},
	"CLOISTER_STATEMENT_WITHOUT_EFFECT": {Warning, "The statement changes nothing: other statements allow, or deny, all that it speaks of. Remove it, or mend those."},
}

const reference = "https://docs.aws.amazon.com/IAM/latest/UserGuide/access-analyzer-reference-policy-checks.html"

var chapters = map[Type]string{Error: "error", SecurityWarning: "security-warning", Warning: "general-warning", Suggestion: "suggestion"}

// learnMore is where AWS explains a code.
func learnMore(code string, kind Type) string {
	if strings.HasPrefix(code, "CLOISTER_") {
		return reference
	}
	return reference + "#access-analyzer-reference-policy-checks-" + chapters[kind] + "-" + strings.ReplaceAll(strings.ToLower(code), "_", "-")
}
