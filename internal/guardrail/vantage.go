package guardrail

import (
	"crypto/rand"
	"fmt"
	"time"

	"cloister/policy"
)

// vantage is a situation in which a request may be made. A condition restricts
// if it fails in one of those that are tried.
type vantage struct {
	region    string
	principal policy.Principal
	context   policy.MapContext
}

// invented is a word that nobody's policy has in it, new for each decision, so
// that none can be written to step around it.
func invented() string {
	const letters = "abcdefghijklmnopqrstuvwxyz"
	var b [14]byte
	_, _ = rand.Read(b[:]) // never fails
	for i := range b {
		b[i] = letters[int(b[i])%len(letters)]
	}
	return string(b[:])
}

// vantages are two situations that have no more in common than any two
// requests to this node: by TLS, at or after the given time. In a year is one
// of them: a permission that ends before is restricted. holder is the ARN of
// the principal that a policy is attached to, or "" where it may be any.
func vantages(account, holder string, now time.Time) []vantage {
	word := invented()
	user, role := holder, holder
	if holder == "" {
		user = "arn:aws:iam::" + account + ":user/" + word
		role = "arn:aws:iam::" + account + ":role/" + word
	}
	return []vantage{
		newVantage(account, "us-east-1", "203.0.113.7", now, policy.Principal{
			Kind: policy.PrincipalUser, ARN: user, Account: account, UserID: "AIDA" + word,
		}, "User"),
		newVantage(account, "xx-"+word+"-9", "10.20.30.40", now.AddDate(1, 0, 0), policy.Principal{
			Kind: policy.PrincipalAssumedRole, ARN: role, RoleARN: role, Account: account, UserID: "AROA" + word + ":" + word,
		}, "AssumedRole"),
	}
}

func newVantage(account, region, ip string, at time.Time, p policy.Principal, kind string) vantage {
	ctx := policy.MapContext{
		"aws:currenttime":           {at.UTC().Format(time.RFC3339)},
		"aws:epochtime":             {fmt.Sprint(at.Unix())},
		"aws:securetransport":       {"true"},
		"aws:sourceip":              {ip},
		"aws:requestedregion":       {region},
		"aws:principalaccount":      {p.Account},
		"aws:principalarn":          {p.ARN},
		"aws:principaltype":         {kind},
		"aws:principalisawsservice": {"false"},
		"aws:viaawsservice":         {"false"},
		"aws:userid":                {p.UserID},
		"aws:resourceaccount":       {account},
		"aws:useragent":             {invented()},
	}
	if p.Kind == policy.PrincipalAssumedRole {
		ctx["aws:multifactorauthpresent"] = []string{"false"}
	}
	return vantage{region: region, principal: p, context: ctx}
}
