// Package naive decides requests like package policy, slowly and plainly: it
// reads each policy anew, turns every wildcard into a regular expression, and
// follows the sentences of AWS's documentation one by one. It exists for tests
// that compare the two and shares nothing with policy, not even a helper; a
// test sees to that. Policies must be valid: it checks nothing.
//
// The sentences are from the IAM User Guide: [logic] is
// reference_policies_evaluation-logic_policy-eval-denyallow.html, [operators]
// reference_policies_elements_condition_operators.html, [multi]
// reference_policies_condition-single-vs-multi-valued-context-keys.html,
// [variables] reference_policies_variables.html, [principal] and
// [notprincipal] reference_policies_elements_principal.html and
// reference_policies_elements_notprincipal.html.
package naive

import (
	"encoding/json"
	"strings"
)

// Principal is the caller. Type is one of anonymous, root, user, role,
// federated-user, service and federated.
type Principal struct {
	Type, ARN, Account, BehindARN, Service, Provider, UserID, CanonicalID string
}

// Request is the question.
type Request struct {
	Principal                         Principal
	Action, Resource, ResourceAccount string
	Keys                              map[string][]string // condition keys, in lower case
	ResourcePolicyRequired            bool
}

// Policies are the texts of all policies that apply; absent ones are nil.
type Policies struct {
	Identity   []string
	Boundary   *string
	Session    []string
	HasSession bool
	Resource   *string
	Grants     []string
	SCP, RCP   [][]string
}

// Evaluate returns "allow by TYPE", "explicit deny by TYPE" or "implicit deny by TYPE".
func Evaluate(p Policies, r Request) string {
	if by := explicitDeny(p, r); by != "" {
		return "explicit deny by " + by
	}
	return implicit(p, r)
}

// explicitDeny: "If the enforcement code finds even one explicit deny that
// applies, the code returns a final decision of Deny" [logic].
func explicitDeny(p Policies, r Request) string {
	if serviceLinked(r.Principal) {
		p.RCP, p.SCP = nil, nil
	}
	for _, level := range p.RCP {
		if anyDenies(level, r) {
			return "rcp"
		}
	}
	if inAccount(r.Principal) {
		for _, level := range p.SCP {
			if anyDenies(level, r) {
				return "scp"
			}
		}
	}
	if p.Resource != nil && anyDenies([]string{*p.Resource}, r) {
		return "resource"
	}
	if anyDenies(p.Identity, r) {
		return "identity"
	}
	if p.Boundary != nil && anyDenies([]string{*p.Boundary}, r) {
		return "boundary"
	}
	if anyDenies(p.Session, r) {
		return "session"
	}
	return ""
}

func anyDenies(texts []string, r Request) bool {
	for _, text := range texts {
		for _, s := range statements(text) {
			if s["Effect"] == "Deny" && applies(s, r) {
				return true
			}
		}
	}
	return false
}

func anyAllows(texts []string, r Request) bool {
	for _, text := range texts {
		for _, s := range statements(text) {
			if s["Effect"] == "Allow" && applies(s, r) {
				return true
			}
		}
	}
	return false
}

func inAccount(p Principal) bool {
	return p.Type == "root" || p.Type == "user" || p.Type == "role" || p.Type == "federated-user"
}

// serviceLinked: "SCPs do not affect any service-linked role" and "RCPs can't
// be used to restrict service-linked roles"
// [orgs_manage_policies_scps.html, orgs_manage_policies_rcps.html].
func serviceLinked(p Principal) bool {
	parts := strings.SplitN(p.BehindARN, ":", 6)
	return p.Type == "role" && strings.HasPrefix(parts[len(parts)-1], "role/aws-service-role/")
}

func implicit(p Policies, r Request) string {
	if serviceLinked(r.Principal) {
		p.RCP, p.SCP = nil, nil
	}
	for _, level := range p.RCP {
		if !anyAllows(level, r) {
			return "implicit deny by rcp"
		}
	}
	// "SCPs apply to principals of the account where the SCPs are attached" [logic].
	if inAccount(r.Principal) {
		for _, level := range p.SCP {
			if !anyAllows(level, r) {
				return "implicit deny by scp"
			}
		}
	}
	how := howResourceAllows(p, r)
	if !inAccount(r.Principal) {
		if how["caller"] {
			return "allow by resource"
		}
		return "implicit deny by resource"
	}
	same := r.Principal.Account != "" && (r.ResourceAccount == "" || r.ResourceAccount == r.Principal.Account)
	if same && how["caller"] {
		// "If a resource-based policy grants permission directly to the IAM user
		// or the session principal that is making the request, then an implicit
		// deny in an identity-based policy, a permissions boundary, or a session
		// policy does not impact the final decision" [logic].
		return "allow by resource"
	}
	if (!same || r.ResourcePolicyRequired) && len(how) == 0 {
		return "implicit deny by resource"
	}
	byIdentity := anyAllows(p.Identity, r)
	byRole := same && how["behind"]
	isRoot := r.Principal.Type == "root"
	if !byIdentity && !byRole && !isRoot {
		return "implicit deny by identity"
	}
	// "Resource-based policies that grant permissions to an IAM role ARN are
	// limited by an implicit deny in a permissions boundary or session policy" [logic].
	if p.Boundary != nil && !anyAllows([]string{*p.Boundary}, r) {
		return "implicit deny by boundary"
	}
	given := p.HasSession || len(p.Session) > 0
	if given && !anyAllows(p.Session, r) {
		return "implicit deny by session"
	}
	// "If there is no session policy, the code checks whether the principal is a
	// role session. [...] Otherwise, the request is implicitly denied" [logic].
	if !given && r.Principal.Type == "federated-user" {
		return "implicit deny by session"
	}
	switch {
	case byRole:
		return "allow by resource"
	case isRoot:
		return "allow by root"
	}
	return "allow by identity"
}

// howResourceAllows returns the ways in which Allow statements of the resource
// policy and of grants that apply name the caller: "caller", "behind" and "account".
func howResourceAllows(p Policies, r Request) map[string]bool {
	how := map[string]bool{}
	for _, text := range ofResource(p) {
		for _, s := range statements(text) {
			if s["Effect"] != "Allow" || !applies(s, r) {
				continue
			}
			if s["NotPrincipal"] != nil {
				how["caller"] = true
			} else {
				for way := range naming(s["Principal"], r.Principal) {
					how[way] = true
				}
			}
		}
	}
	return how
}

// ofResource are the resource's policy and its grants.
func ofResource(p Policies) []string {
	if p.Resource == nil {
		return p.Grants
	}
	return append([]string{*p.Resource}, p.Grants...)
}

// statement is a decoded statement, with the version's "has variables" in ".variables".
type statement map[string]any

func statements(text string) []statement {
	var doc map[string]any
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber() // numbers are compared as they are written
	if err := decoder.Decode(&doc); err != nil {
		panic(err)
	}
	var all []statement
	for _, s := range oneOrMany(doc["Statement"]) {
		st := statement(s.(map[string]any))
		st[".variables"] = doc["Version"] == "2012-10-17"
		all = append(all, st)
	}
	return all
}

func oneOrMany(v any) []any {
	if list, ok := v.([]any); ok {
		return list
	}
	return []any{v}
}
