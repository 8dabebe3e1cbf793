package accessanalyzer

import (
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"time"

	"cloister/internal/door"
	"cloister/policy"
)

// elsewhere is an account that is nobody's: AWS's have no such number.
const elsewhere = "000000000001"

// outsider is a request, without action and resource yet, of a principal that a
// statement names and that is not of the resource's account. There is none for a
// principal of the account itself, nor where the conditions let in nobody else.
func outsider(need *door.Need, s policy.Node, w who, now time.Time) (*policy.Request, bool) {
	ctx := policy.MapContext{
		"aws:currenttime": {now.UTC().Format(time.RFC3339)}, "aws:securetransport": {"true"}, "aws:sourceip": {"203.0.113.7"},
		"aws:principalisawsservice": {"false"}, "aws:viaawsservice": {"false"}, "aws:resourceaccount": {need.Account},
	}
	for key, value := range met(s) {
		ctx[key] = []string{value}
	}
	req := &policy.Request{Context: ctx}
	switch w.kind {
	case "AWS":
		return req, account(req, ctx, s, w.name, need.Account)
	case "Federated":
		req.Principal = policy.Principal{Kind: policy.PrincipalFederated, Provider: w.name}
		return req, true
	case "Service":
		// Services act for whoever they say: one that must say for whom is bound.
		req.Principal = policy.Principal{Kind: policy.PrincipalService, Service: w.name}
		ctx["aws:principalisawsservice"] = []string{"true"}
		return req, need.ResourcePolicy.Policy.Kind() != policy.KindTrust && !bound(s)
	}
	return req, w.kind == "CanonicalUser"
}

// account makes the principal of an AWS name, of another account. The unique id
// of a user or role names one that is gone.
func account(req *policy.Request, ctx policy.MapContext, s policy.Node, name, own string) bool {
	owner, arn := elsewhere, name
	switch {
	case name == "*":
		if enclosed(s, own) {
			return false
		}
		if arn = first(ctx, "aws:principalarn"); arn != "" {
			owner = accountIn(arn, owner)
		} else if given := first(ctx, "aws:principalaccount"); given != "" {
			owner = given
		}
	case strings.HasPrefix(name, "arn:"):
		owner = accountIn(name, owner)
	case len(name) == 12:
		owner = name
	default:
		return false
	}
	if owner == own {
		return false
	}
	p := policy.Principal{Kind: policy.PrincipalUser, Account: owner, ARN: arn, UserID: "AIDAEXAMPLE"}
	switch {
	case strings.Contains(arn, ":role/"):
		p.Kind, p.RoleARN = policy.PrincipalAssumedRole, arn
	case !strings.Contains(arn, "/"): // a whole account
		p.ARN = "arn:aws:iam::" + owner + ":user/example"
	}
	req.Principal = p
	for key, value := range map[string]string{"aws:principalaccount": owner, "aws:principalarn": p.ARN} {
		if ctx[key] == nil {
			ctx[key] = []string{value}
		}
	}
	return true
}

func first(ctx policy.MapContext, key string) string {
	if values := ctx[key]; len(values) > 0 {
		return values[0]
	}
	return ""
}

func accountIn(arn, otherwise string) string {
	if parts := strings.SplitN(arn, ":", 6); len(parts) == 6 && len(parts[4]) == 12 {
		return parts[4]
	}
	return otherwise
}

// affirmative says whether an operator lets in only what it names.
func affirmative(operator string) bool {
	return !strings.Contains(operator, "Not") && !strings.HasSuffix(operator, "IfExists") && !strings.HasPrefix(operator, "ForAllValues:") && operator != "Null"
}

// of are the condition keys that say whose the caller, or what a service acts
// for, is, and how the account is in their values.
var of = map[string]func(value string) string{
	"aws:principalaccount": same, "aws:sourceaccount": same, "aws:sourceowner": same, "aws:vpceaccount": same,
	"aws:principalarn": inARN, "aws:sourcearn": inARN,
}

func same(v string) string { return v }

func inARN(v string) string { return accountIn(v, "") }

// enclosed says whether a condition lets in nobody outside the account.
func enclosed(s policy.Node, own string) bool {
	for _, operator := range s.Member("Condition").Members {
		if !affirmative(operator.Name) {
			continue
		}
		for _, key := range operator.Value.Members {
			name := strings.ToLower(key.Name)
			inside := func(v policy.Node) bool {
				account, ok := of[name]
				return ok && (account(v.Text) == own || strings.EqualFold(v.Text, "${aws:ResourceAccount}")) ||
					name == "aws:resourceaccount" && strings.EqualFold(v.Text, "${aws:PrincipalAccount}")
			}
			if !slices.ContainsFunc(key.Value.List(), func(v policy.Node) bool { return !inside(v) }) {
				return true
			}
		}
	}
	return false
}

// bound says whether a statement says for whom a service must act.
func bound(s policy.Node) bool {
	for _, operator := range s.Member("Condition").Members {
		for _, key := range operator.Value.Members {
			switch strings.ToLower(key.Name) {
			case "aws:sourcearn", "aws:sourceaccount", "aws:sourceowner", "aws:sourceorgid", "aws:sourceorgpaths", "lambda:eventsourcetoken":
				if affirmative(operator.Name) && slices.ContainsFunc(key.Value.List(), func(v policy.Node) bool { return strings.Trim(v.Text, "*?:") != "" }) {
					return true
				}
			}
		}
	}
	return false
}

var wildcards = regexp.MustCompile(`[*]|\$\{[^}]*\}`)

// met is values with which a statement's conditions hold, as far as one value can
// be told from the policy.
func met(s policy.Node) map[string]string {
	values := map[string]string{}
	for _, operator := range s.Member("Condition").Members {
		if !affirmative(operator.Name) {
			continue
		}
		for _, key := range operator.Value.Members {
			list := key.Value.List()
			if len(list) == 0 {
				continue
			}
			value := strings.ReplaceAll(wildcards.ReplaceAllString(list[0].Text, "example"), "?", "x")
			if strings.Contains(operator.Name, "IpAddress") {
				value = addressIn(list[0].Text)
			}
			values[strings.ToLower(key.Name)] = value
		}
	}
	return values
}

func addressIn(text string) string {
	if p, err := netip.ParsePrefix(text); err == nil {
		return p.Addr().String()
	}
	return text
}
