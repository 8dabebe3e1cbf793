package policy_test

import (
	"encoding/json"
	"slices"
	"strings"

	"cloister/policy"
	"cloister/policy/naive"

	"pgregory.net/rapid"
)

// The generators draw from small vocabularies, so that policies and requests
// meet often and disagree in one detail.

const (
	ours   = "111111111111"
	theirs = "222222222222"
)

var callers = []policy.Principal{
	{Kind: policy.PrincipalAnonymous},
	{Kind: policy.PrincipalRoot, Account: ours, ARN: "arn:aws:iam::" + ours + ":root", UserID: ours},
	{Kind: policy.PrincipalUser, Account: ours, ARN: "arn:aws:iam::" + ours + ":user/alice", UserID: "AIDAALICEALICEALICE1", CanonicalID: "c0ffee"},
	{Kind: policy.PrincipalUser, Account: theirs, ARN: "arn:aws:iam::" + theirs + ":user/carol", UserID: "AIDACAROLCAROLCAROL1"},
	{Kind: policy.PrincipalAssumedRole, Account: ours, ARN: "arn:aws:sts::" + ours + ":assumed-role/app/s1", RoleARN: "arn:aws:iam::" + ours + ":role/path/app", UserID: "AROAAPPAPPAPPAPPAPP1:s1"},
	{Kind: policy.PrincipalAssumedRole, Account: ours, ARN: "arn:aws:sts::" + ours + ":assumed-role/AWSServiceRoleForX/s1", RoleARN: "arn:aws:iam::" + ours + ":role/aws-service-role/x.amazonaws.com/AWSServiceRoleForX", UserID: "AROALINKEDLINKEDLINK1:s1"},
	{Kind: policy.PrincipalAssumedRole, Account: ours, ARN: "arn:aws:sts::" + ours + ":assumed-role/y/s1", RoleARN: "arn:aws:iam::" + ours + ":role/x:role/aws-service-role/y", UserID: "AROAPOSERPOSERPOSER1:s1"},
	{Kind: policy.PrincipalFederatedUser, Account: ours, ARN: "arn:aws:sts::" + ours + ":federated-user/bob", RoleARN: "arn:aws:iam::" + ours + ":user/alice", UserID: ours + ":bob"},
	{Kind: policy.PrincipalService, Service: "lambda.amazonaws.com"},
	{Kind: policy.PrincipalFederated, Provider: "accounts.example.com"},
}

var callerTypes = map[policy.PrincipalKind]string{
	policy.PrincipalAnonymous: "anonymous", policy.PrincipalRoot: "root", policy.PrincipalUser: "user", policy.PrincipalAssumedRole: "role",
	policy.PrincipalFederatedUser: "federated-user", policy.PrincipalService: "service", policy.PrincipalFederated: "federated",
}

var principalNames = map[string][]string{
	"AWS": {
		"*", ours, theirs, "arn:aws:iam::" + ours + ":root", "arn:aws:iam::" + ours + ":user/alice", "arn:aws:iam::" + theirs + ":user/carol",
		"arn:aws:iam::" + ours + ":role/path/app", "arn:aws:sts::" + ours + ":assumed-role/app/s1", "arn:aws:sts::" + ours + ":federated-user/bob",
		"arn:aws:sts::" + ours + ":assumed-role/app/s2", "AROAAPPAPPAPPAPPAPP1", "AIDAALICEALICEALICE1", "AROAOTHEROTHEROTHER1",
	},
	"Service":       {"lambda.amazonaws.com", "sns.amazonaws.com"},
	"Federated":     {"accounts.example.com", "arn:aws:iam::" + ours + ":oidc-provider/other.example.com"},
	"CanonicalUser": {"c0ffee", "decaf"},
}

var (
	actions        = []string{"s3:GetObject", "S3:getobject", "s3:PutObject", "sqs:SendMessage"}
	actionPatterns = []string{"*", "*", "*:*", "?*", "s3:*", "s3:Get*", "S3:GETOBJECT", "s?:*object", "sqs:SendMessage", "sqs:*Mess?ge*", "s3:P*"}
	resources      = []string{"*", "arn:aws:s3:::b", "arn:aws:s3:::b/alice/x", "arn:aws:s3:::b/a*c/x", "arn:aws:sqs:eu-west-1:" + ours + ":q:é"}
	resourceWords  = []string{
		"*", "*", "arn:aws:s3:::b", "arn:aws:s3:::b/*", "arn:aws:s3:::b/${aws:username}/*", "arn:aws:s3:::${t:many}*", "arn:aws:s3:::b/${aws:username, 'alice'}/?",
		"arn:aws:s3:::b/a${*}c/${?}", "arn:aws:s3:::b/a${*}c/*", "arn:aws:*", "arn:aws:sqs:*:" + ours + ":q:?", "arn:aws:sqs:*:é", "arn:aws:s3:::b/*/x", "arn:aws:s3:::b*${t:none}",
	}
	trustActions = []string{"sts:AssumeRole", "sts:*", "STS:Assume*", "sts:TagSession"}
)

// family is one kind of condition: its operators, the values it wants and those it sees.
type family struct {
	operators    []string
	key          string
	wanted, seen []string
}

var families = []family{
	{[]string{"StringEquals", "StringNotEquals", "StringEqualsIgnoreCase", "StringNotEqualsIgnoreCase", "StringLike", "StringNotLike"}, "aws:username",
		[]string{"alice", "Alice", "a*e", "${t:many}", "${t:none}", "${t:none, 'alice'}", "${aws:UserName}", "x${AWS:username}", "", "al?ce", "${*}", "*", "ſé*", "SÉ"},
		[]string{"alice", "ALICE", "*", "", "bob", "xalice", "sé", "SÉ"}},
	{[]string{"NumericEquals", "NumericNotEquals", "NumericLessThan", "NumericLessThanEquals", "NumericGreaterThan", "NumericGreaterThanEquals"}, "t:num",
		[]string{"1", "01.0", "-1.5", "10", "2", "0", "-0", "1.05", "-12345678901234567890.1"},
		[]string{"1", "1.0", "-1.5", "9", "10", "0.0", "one", "", "-12345678901234567890.10", "1e1", "1.50"}},
	{[]string{"DateEquals", "DateNotEquals", "DateLessThan", "DateLessThanEquals", "DateGreaterThan", "DateGreaterThanEquals"}, "t:date",
		[]string{"2026-11-24T07:00:00Z", "2026-11-24", "2026", "2026-11", "1795503600", "2026-11-24T08:00:00.5+01:00", "2026-11-24T06:59Z"},
		[]string{"2026-11-24T07:00:00Z", "2026-11-24T00:00:00Z", "2026-02-29", "2026-01-01T00:00:00-01:00", "1795503600", "yesterday", "2026-11-24T07:00:00.500Z"}},
	{[]string{"IpAddress", "NotIpAddress"}, "aws:sourceip",
		[]string{"10.0.0.0/8", "10.1.2.3", "192.0.2.7/24", "2001:db8::/32", "0.0.0.0/0", "::/0", "2001:db8::1"},
		[]string{"10.1.2.3", "192.0.2.200", "2001:DB8::1", "::ffff:10.1.2.3", "nowhere", "fe80::1"}},
	{[]string{"Bool"}, "t:bool", []string{"true", "false", "True", "${t:bool}", "${t:none}", "${t:none, 'true'}"}, []string{"true", "FALSE", "yes"}},
	{[]string{"ArnEquals", "ArnLike", "ArnNotEquals", "ArnNotLike"}, "t:arn",
		[]string{"*", "arn:aws:iam::*:role/*", "arn:aws:s3:::b*", "arn:aws:s*:*:*:${aws:username}", "${t:arn}", "arn:aws:x::${t:none}:?", "arn:aws:x:eu-*:1:y", "arn:aws:*:*:*:*:z"},
		[]string{"arn:aws:iam::1:role/x", "arn:aws:s3:::b:c", "arn:aws:sqs:::alice", "arn:aws:x:eu-west-1:1:y", "not an arn", "arn:aws:x:eu:1:1:y", "arn:aws:x:::y:z"}},
	{[]string{"BinaryEquals"}, "t:bin", []string{"YWxpY2U=", "AP8="}, []string{"alice", "\x00\xff", "YWxpY2U="}},
	{[]string{"StringEquals", "StringNotEquals", "StringLike", "StringNotLike"}, "t:many", []string{"a", "b", "a*", "", "${aws:username}"}, []string{"a", "b", "ab", ""}},
}

func pick(t *rapid.T, label string, list []string) string {
	return rapid.SampledFrom(list).Draw(t, label)
}

func some(t *rapid.T, label string, list []string) any {
	if rapid.IntRange(0, 2).Draw(t, label+" count") > 0 {
		return pick(t, label, list)
	}
	return rapid.SliceOfN(rapid.SampledFrom(list), 1, 3).Draw(t, label)
}

// oneIn is true once in n draws.
func oneIn(t *rapid.T, n int, label string) bool {
	return rapid.IntRange(1, n).Draw(t, label) == n
}

func element(t *rapid.T, name string) string {
	if oneIn(t, 6, "not") {
		return "Not" + name
	}
	return name
}

func drawPolicy(t *rapid.T, kind policy.Kind) string {
	old := oneIn(t, 8, "old version")
	var all []any
	for range rapid.IntRange(1, 3).Draw(t, "statements") {
		all = append(all, drawStatement(t, kind, old))
	}
	doc := map[string]any{"Statement": all}
	if !old {
		doc["Version"] = "2012-10-17"
	}
	text, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func drawStatement(t *rapid.T, kind policy.Kind, old bool) map[string]any {
	s := map[string]any{"Effect": "Allow"}
	if oneIn(t, 5, "deny") {
		s["Effect"] = "Deny"
	}
	switch kind {
	case policy.KindTrust:
		s["Action"] = some(t, "action", trustActions)
	case policy.KindResourceOrganization:
		s["Action"] = some(t, "action", actionPatterns)
		s["Principal"] = "*"
	default:
		s[element(t, "Action")] = some(t, "action", actionPatterns)
	}
	if kind != policy.KindTrust {
		s[element(t, "Resource")] = some(t, "resource", resourceWords)
	}
	if kind == policy.KindResource || kind == policy.KindTrust {
		s[element(t, "Principal")] = drawPrincipal(t)
	}
	if oneIn(t, 3, "conditional") {
		s["Condition"] = drawCondition(t, old)
	}
	return s
}

func drawPrincipal(t *rapid.T) any {
	if oneIn(t, 6, "everyone") {
		return "*"
	}
	kind := rapid.SampledFrom([]string{"AWS", "AWS", "AWS", "AWS", "Service", "Federated", "CanonicalUser"}).Draw(t, "principal kind")
	m := map[string]any{kind: some(t, "principal", principalNames[kind])}
	if oneIn(t, 4, "second kind") {
		m["AWS"] = some(t, "principal", principalNames["AWS"])
	}
	return m
}

// withoutVariables drops the values that only mean something as variables.
func withoutVariables(list []string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(s string) bool { return strings.Contains(s, "${") })
}

func drawCondition(t *rapid.T, old bool) map[string]any {
	condition := map[string]any{}
	for range rapid.IntRange(1, 2).Draw(t, "conditions") {
		f := rapid.SampledFrom(families).Draw(t, "family")
		wanted := f.wanted
		if old && (f.key == "t:bool" || f.key == "t:arn") {
			wanted = withoutVariables(wanted)
		}
		operator, values := pick(t, "operator", f.operators), some(t, "wanted", wanted)
		if oneIn(t, 5, "random pattern") && strings.HasSuffix(operator, "Like") && strings.HasPrefix(operator, "String") {
			values = rapid.StringOfN(rapid.RuneFrom([]rune("aab*?é")), 0, 8, -1).Draw(t, "pattern")
		}
		operator = rapid.SampledFrom([]string{"", "", "ForAllValues:", "ForAnyValue:"}).Draw(t, "set") + operator
		if oneIn(t, 4, "if exists") {
			operator += "IfExists"
		}
		if oneIn(t, 8, "null") {
			operator, values = "Null", some(t, "null", []string{"true", "false"})
		}
		condition[operator] = map[string]any{f.key: values}
	}
	return condition
}

func drawContext(t *rapid.T) policy.MapContext {
	ctx := policy.MapContext{}
	for _, f := range families {
		switch rapid.IntRange(0, 7).Draw(t, f.key) {
		case 0, 1:
		case 2:
			ctx[f.key] = rapid.SliceOfN(rapid.SampledFrom(f.seen), 0, 3).Draw(t, "values")
		case 3:
			ctx[f.key] = []string{rapid.StringOfN(rapid.RuneFrom([]rune("aabé€")), 0, 10, -1).Draw(t, "value")}
		default:
			ctx[f.key] = []string{pick(t, "value", f.seen)}
		}
	}
	return ctx
}

// drawCaller draws users and roles of our account most often.
func drawCaller(t *rapid.T) policy.Principal {
	if oneIn(t, 2, "common caller") {
		return rapid.SampledFrom([]policy.Principal{callers[2], callers[4]}).Draw(t, "caller")
	}
	return rapid.SampledFrom(callers).Draw(t, "caller")
}

func drawRequest(t *rapid.T, trust bool) *policy.Request {
	req := &policy.Request{
		Principal:              drawCaller(t),
		Action:                 pick(t, "action", actions),
		Resource:               pick(t, "resource", resources),
		ResourceAccount:        pick(t, "resource account", []string{"", ours, ours, theirs}),
		Context:                drawContext(t),
		ResourcePolicyRequired: trust || oneIn(t, 5, "resource policy required"),
	}
	if trust {
		req.Action, req.Resource = "sts:AssumeRole", "arn:aws:iam::"+ours+":role/r"
	}
	return req
}

// bothSets are the same policies as each evaluator takes them.
type bothSets struct {
	fast  policy.Policies
	plain naive.Policies
}

func drawPolicies(t *rapid.T, trust bool) *bothSets {
	b := &bothSets{}
	b.fast.Identity, b.plain.Identity = drawNamed(t, policy.KindIdentity, 0, 3)
	if oneIn(t, 3, "boundary") {
		fast, plain := drawNamed(t, policy.KindBoundary, 1, 1)
		b.fast.Boundary, b.plain.Boundary = &fast[0], &plain[0]
	}
	if oneIn(t, 3, "session") {
		b.fast.Session, b.plain.Session = drawNamed(t, policy.KindSession, 0, 2)
		b.fast.HasSession, b.plain.HasSession = true, true
	}
	if trust || oneIn(t, 2, "resource policy") {
		kind := policy.KindResource
		if trust {
			kind = policy.KindTrust
		}
		fast, plain := drawNamed(t, kind, 1, 1)
		b.fast.Resource, b.plain.Resource = &fast[0], &plain[0]
	}
	if !trust && oneIn(t, 4, "grants") {
		b.fast.Grants, b.plain.Grants = drawNamed(t, policy.KindResource, 1, 2)
	}
	if oneIn(t, 4, "scp") {
		b.fast.Organization, b.plain.SCP = drawLevels(t, policy.KindOrganization)
	}
	if oneIn(t, 4, "rcp") {
		b.fast.ResourceOrganization, b.plain.RCP = drawLevels(t, policy.KindResourceOrganization)
	}
	return b
}

// fullAccess are what an organisation attaches everywhere at first.
var fullAccess = map[policy.Kind]string{
	policy.KindOrganization:         `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`,
	policy.KindResourceOrganization: `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}}`,
}

func drawLevels(t *rapid.T, kind policy.Kind) (fast [][]policy.Named, plain [][]string) {
	for range rapid.IntRange(1, 2).Draw(t, "levels") {
		f, p := drawNamed(t, kind, 0, 2)
		if !oneIn(t, 4, "full access detached") {
			f = append(f, named(t, kind, "full access", fullAccess[kind]))
			p = append(p, fullAccess[kind])
		}
		fast, plain = append(fast, f), append(plain, p)
	}
	return fast, plain
}

func drawNamed(t *rapid.T, kind policy.Kind, low, high int) (fast []policy.Named, plain []string) {
	for range rapid.IntRange(low, high).Draw(t, kind.String()) {
		text := drawPolicy(t, kind)
		p, err := policy.Parse(kind, []byte(text))
		if err != nil {
			t.Fatalf("a valid %s does not parse: %v\n%s", kind, err, text)
		}
		fast = append(fast, policy.Named{Name: kind.String(), Policy: p})
		plain = append(plain, text)
	}
	return fast, plain
}

func plainRequest(r *policy.Request) naive.Request {
	p := r.Principal
	return naive.Request{
		Principal: naive.Principal{
			Type: callerTypes[p.Kind], ARN: p.ARN, Account: p.Account, BehindARN: p.RoleARN,
			Service: p.Service, Provider: p.Provider, UserID: p.UserID, CanonicalID: p.CanonicalID,
		},
		Action: r.Action, Resource: r.Resource, ResourceAccount: r.ResourceAccount,
		Keys: r.Context.(policy.MapContext), ResourcePolicyRequired: r.ResourcePolicyRequired,
	}
}
