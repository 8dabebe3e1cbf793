package guardrail

import "slices"

// Rule is one guardrail as people see it.
type Rule struct {
	ID       string // CLO-AREA-NUMBER, never reused
	Name     string // in lower case with hyphens
	Title    string
	Severity Severity
	// Exemptions says that single resources may be let pass.
	Exemptions bool
	Page       string // its documentation, from the root of the source tree
}

// Severity says how much is lost where a rule is broken.
type Severity string

// The severities.
const (
	Critical Severity = "CRITICAL"
	High     Severity = "HIGH"
	Medium   Severity = "MEDIUM"
)

// The rules.
const (
	FullAccess        = "CLO-IAM-001"
	OpenTrust         = "CLO-IAM-002"
	AdministratorRole = "CLO-IAM-003"
	SharedIssuer      = "CLO-IAM-004"
	OldRuntime        = "CLO-LAMBDA-001"
	EnvironmentSecret = "CLO-SECRET-001"
	CodeSecret        = "CLO-SECRET-002"
	LayerSecret       = "CLO-SECRET-003"
	OpenKey           = "CLO-KMS-001"
	StrayCredentials  = "CLO-CELL-001"
	OpenRoute         = "CLO-GATE-001"
	UnusedAuthorizer  = "CLO-GATE-002"
)

var rules = []Rule{
	{ID: FullAccess, Name: "no-full-access-policy", Title: "No customer policy gives every action on every resource", Severity: Critical},
	{ID: OpenTrust, Name: "no-open-trust", Title: "No role's trust policy is open to everyone", Severity: Critical},
	{ID: AdministratorRole, Name: "no-administrator-functions", Title: "No role that a function can take has AdministratorAccess", Severity: Critical, Exemptions: true},
	{ID: SharedIssuer, Name: "no-shared-issuer-trust", Title: "No role trusts everybody whom a shared identity provider knows", Severity: Critical},
	{ID: OldRuntime, Name: "no-unsupported-runtimes", Title: "No function runs on a runtime that its makers no longer support", Severity: High},
	{ID: EnvironmentSecret, Name: "no-secrets-in-environment", Title: "No function's environment holds a secret in clear text", Severity: Critical, Exemptions: true},
	{ID: CodeSecret, Name: "no-secrets-in-code", Title: "No function's code holds a secret in clear text", Severity: Critical, Exemptions: true},
	{ID: LayerSecret, Name: "no-secrets-in-layers", Title: "No layer holds a secret in clear text", Severity: Critical, Exemptions: true},
	{ID: OpenKey, Name: "no-open-keys", Title: "No key policy is open to everyone", Severity: Critical},
	{ID: StrayCredentials, Name: "no-stray-credentials", Title: "No function's credentials are used outside its cells", Severity: Critical},
	{ID: OpenRoute, Name: "no-silent-public-routes", Title: "No route or function URL is open to everyone unless it says so", Severity: High},
	{ID: UnusedAuthorizer, Name: "no-idle-authorizers", Title: "No authorizer protects nothing", Severity: Medium},
}

// Rules lists all rules by identifier.
func Rules() []Rule { return slices.Clone(rules) }

func init() {
	for i := range rules {
		rules[i].Page = "docs/guardrails/" + rules[i].ID + ".md"
	}
}

// Find gives the rule with an identifier or a name.
func Find(name string) (Rule, bool) {
	i := slices.IndexFunc(rules, func(r Rule) bool { return r.ID == name || r.Name == name })
	if i < 0 {
		return Rule{}, false
	}
	return rules[i], true
}
