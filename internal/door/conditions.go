package door

import (
	"maps"
	"strconv"
	"strings"
	"time"

	"cloister/policy"
)

// conditions answers the condition keys of one need of one call: the need's
// own keys first, then AWS's global keys
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html).
// A key that does not apply is absent, never empty.
type conditions struct {
	call    *Call
	need    *Need
	account string
	sides   sides
}

// Values implements policy.Context.
func (k *conditions) Values(key string) ([]string, bool) {
	if values, ok := k.need.Context[key]; ok {
		return values, true
	}
	if tag, ok := strings.CutPrefix(key, "aws:principaltag/"); ok {
		return principalTag(k.call.Principal, tag)
	}
	if value, ok := k.global(key); ok {
		return []string{value}, true
	}
	return k.several(key)
}

// multiple are the keys with several values.
var multiple = []string{
	"aws:calledvia", "aws:principalservicenameslist",
	"aws:principalorgpaths", "aws:resourceorgpaths", "aws:sourceorgpaths",
}

// several answers the keys that may have several values.
func (k *conditions) several(key string) ([]string, bool) {
	switch key {
	case "aws:calledvia":
		via := k.call.CalledVia()
		return via, len(via) > 0
	case "aws:principalservicenameslist":
		if service := k.call.Principal.Service; service != "" {
			return []string{service}, true
		}
	}
	if from := k.call.Principal.Federation; from != nil {
		if values, ok := from.Keys.Values(key); ok {
			return values, true
		}
	}
	return k.sides.paths(key)
}

// lasting are the keys with one value that an audit record does not have
// already. aws:Referer is none of them: it may hold what is secret in a URL.
var lasting = []string{
	"aws:securetransport", "aws:requestedregion", "aws:resourceaccount", "aws:viaawsservice",
	"aws:calledviafirst", "aws:calledvialast",
	"aws:principalisawsservice", "aws:principalservicename", "aws:sourcearn", "aws:sourceaccount",
	"aws:principaltype", "aws:principalarn", "aws:principalaccount", "aws:userid", "aws:username",
	"aws:sourceidentity", "aws:tokenissuetime", "aws:multifactorauthpresent", "aws:multifactorauthage",
	"aws:principalorgid", "aws:resourceorgid", "aws:sourceorgid",
	"aws:federatedprovider",
}

// all gives the keys that an audit record keeps of a denied need, so that the
// denial can be explained later.
func (k *conditions) all() map[string][]string {
	all := make(map[string][]string, len(lasting)+len(k.need.Context))
	for _, key := range lasting {
		if value, ok := k.global(key); ok {
			all[key] = []string{value}
		}
	}
	for _, key := range multiple {
		if values, ok := k.several(key); ok {
			all[key] = values
		}
	}
	for tag, value := range k.call.Principal.Tags {
		all["aws:principaltag/"+strings.ToLower(tag)] = []string{value}
	}
	if from := k.call.Principal.Federation; from != nil {
		maps.Copy(all, from.Keys)
	}
	maps.Copy(all, k.need.Context)
	return all
}

// principalTag finds a tag by its key, whose case does not count in a condition.
func principalTag(p *Principal, key string) ([]string, bool) {
	for name, value := range p.Tags {
		if strings.EqualFold(name, key) {
			return []string{value}, true
		}
	}
	return nil, false
}

// global answers the keys that have one value.
func (k *conditions) global(key string) (string, bool) {
	c := k.call
	switch key {
	case "aws:currenttime":
		return c.Time.UTC().Format(time.RFC3339), true
	case "aws:epochtime":
		return strconv.FormatInt(c.Time.Unix(), 10), true
	case "aws:sourceip":
		return present(c.SourceIP)
	case "aws:useragent":
		return present(c.UserAgent)
	case "aws:referer":
		return present(c.Header.Get("Referer"))
	case "aws:multifactorauthage":
		return strconv.FormatInt(int64(c.Time.Sub(c.Principal.IssuedAt)/time.Second), 10), c.Principal.MFA
	case "aws:securetransport":
		return strconv.FormatBool(c.Secure), true
	case "aws:requestedregion":
		return present(c.Region)
	case "aws:resourceaccount":
		return present(k.account)
	case "aws:viaawsservice":
		return strconv.FormatBool(c.forwarded()), true
	case "aws:calledviafirst":
		return first(c.CalledVia())
	case "aws:calledvialast":
		return last(c.CalledVia())
	}
	if value, ok := k.sides.organization(key); ok {
		return value, true
	}
	return principalKey(c.Principal, key)
}

// principalKey answers the keys that describe who calls.
func principalKey(p *Principal, key string) (string, bool) {
	service := p.Kind == policy.PrincipalService
	switch key {
	case "aws:principalisawsservice":
		return strconv.FormatBool(service), true
	case "aws:principalservicename":
		return present(p.Service)
	case "aws:sourcearn":
		return present(p.SourceARN)
	case "aws:sourceaccount":
		return present(p.SourceAccount)
	case "aws:principaltype":
		return present(p.typeName())
	case "aws:principalarn":
		return present(principalARN(p))
	case "aws:principalaccount":
		return present(p.Account)
	case "aws:userid":
		return present(p.UserID)
	case "aws:username":
		return present(userName(p))
	case "aws:sourceidentity":
		return present(p.SourceIdentity)
	case "aws:federatedprovider":
		return present(federatedProvider(p))
	case "aws:tokenissuetime":
		return presentTime(p.IssuedAt)
	case "aws:multifactorauthpresent":
		return strconv.FormatBool(p.MFA), !p.IssuedAt.IsZero()
	}
	return "", false
}

// principalARN is the value of aws:PrincipalArn: for a role session the role's
// ARN, not the session's.
func principalARN(p *Principal) string {
	if p.Kind == policy.PrincipalAssumedRole && p.RoleARN != "" {
		return p.RoleARN
	}
	return p.ARN
}

// userName is the value of aws:username, which only IAM users have.
func userName(p *Principal) string {
	if p.Kind == policy.PrincipalUser {
		return p.Name
	}
	return ""
}

// federatedProvider is the value of aws:FederatedProvider.
func federatedProvider(p *Principal) string {
	if p.Federation != nil {
		return p.Federation.Provider
	}
	return p.Provider
}

func present(s string) (string, bool) { return s, s != "" }

func presentTime(t time.Time) (string, bool) {
	if t.IsZero() {
		return "", false
	}
	return t.UTC().Format(time.RFC3339), true
}

func first(s []string) (string, bool) {
	if len(s) == 0 {
		return "", false
	}
	return s[0], true
}

func last(s []string) (string, bool) {
	if len(s) == 0 {
		return "", false
	}
	return s[len(s)-1], true
}
