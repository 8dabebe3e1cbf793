package organizations

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	api "cloister/internal/awsapi/organizations"
	"cloister/internal/door"
	"cloister/policy"
)

// The policy types that exist here, and the kinds of policies that they are.
const (
	scp = api.PolicyTypeServiceControlPolicy
	rcp = api.PolicyTypeResourceControlPolicy
)

var (
	policyTypes = []string{scp, rcp}
	kinds       = map[string]policy.Kind{scp: policy.KindOrganization, rcp: policy.KindResourceOrganization}
)

// maxContent is the most characters of a policy, white space included
// (https://docs.aws.amazon.com/organizations/latest/userguide/orgs_reference_limits.html).
const maxContent = 5120

// fullAccess are AWS's policies, which limit nothing and stand everywhere at first.
var fullAccess = map[string]*document{
	scp: {
		ID: "p-FullAWSAccess", Type: scp, Name: "FullAWSAccess", Description: "Allows access to every operation", Managed: true,
		Content: `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`,
	},
	rcp: {
		ID: "p-RCPFullAWSAccess", Type: rcp, Name: "RCPFullAWSAccess", Description: "Allows access to every resource", Managed: true,
		Content: `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}]}`,
	},
}

// checkContent refuses a policy of the wrong form.
func checkContent(kind, content string) error {
	if n := utf8.RuneCountInString(content); n > maxContent {
		return constraint("POLICY_CONTENT_LIMIT_EXCEEDED", "You have exceeded the allowed size of a policy: %d of %d characters.", n, maxContent)
	}
	_, err := policy.Parse(kinds[kind], []byte(content))
	var syntax *policy.SyntaxError
	if errors.As(err, &syntax) {
		return malformed(syntax.Line, syntax.Column, syntax.Reason)
	}
	if err != nil || kind != rcp {
		return err
	}
	return checkLimits(content)
}

// checkLimits refuses what AWS leaves to RCPFullAWSAccess: a resource control
// policy denies, and names what it denies of the services that have such
// policies
// (https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_rcps_syntax.html).
func checkLimits(content string) error {
	var doc struct {
		Version   string
		Statement json.RawMessage
	}
	if err := json.Unmarshal([]byte(content), &doc); err != nil {
		return err // it parsed
	}
	if doc.Version != "2012-10-17" {
		return malformed(1, 1, `a resource control policy must have the Version "2012-10-17"`)
	}
	at := strings.Index(content, string(doc.Statement))
	for _, statement := range listOf[json.RawMessage](doc.Statement) {
		at += strings.Index(content[at:], string(statement))
		if broken := brokenLimit(statement); broken != "" {
			before := content[:at]
			return malformed(1+strings.Count(before, "\n"), at-strings.LastIndexByte(before, '\n'), broken)
		}
		at += len(statement)
	}
	return nil
}

// brokenLimit says what a statement may not say, "" when there is nothing.
func brokenLimit(statement json.RawMessage) string {
	var s struct {
		Effect string
		Action json.RawMessage
	}
	if err := json.Unmarshal(statement, &s); err != nil || s.Effect != "Deny" {
		return "a resource control policy must have the Effect Deny"
	}
	for _, action := range listOf[string](s.Action) {
		service, _, _ := strings.Cut(action, ":")
		if !door.HasResourceControl(service) {
			return fmt.Sprintf("the action %q is of no service that supports resource control policies", action)
		}
	}
	return ""
}

// listOf reads one value or a list of them.
func listOf[T any](raw json.RawMessage) []T {
	var list []T
	if json.Unmarshal(raw, &list) == nil {
		return list
	}
	var one T
	if json.Unmarshal(raw, &one) == nil {
		return []T{one}
	}
	return nil
}
