package naive

import (
	"regexp"
	"strings"
)

func applies(s statement, r Request) bool {
	return appliesToAction(s, r) && appliesToResource(s, r) && appliesToPrincipal(s, r.Principal) && conditionsHold(s, r)
}

func appliesToAction(s statement, r Request) bool {
	if s["Action"] != nil {
		return actionIn(s["Action"], r.Action)
	}
	return !actionIn(s["NotAction"], r.Action)
}

func actionIn(v any, action string) bool {
	for _, p := range oneOrMany(v) {
		if wildcard("(?i)", p.(string)).MatchString(action) {
			return true
		}
	}
	return false
}

// wildcard makes a regular expression: * is any combination of characters, ? any single one.
func wildcard(flags, pattern string) *regexp.Regexp {
	var b strings.Builder
	for _, c := range pattern {
		switch c {
		case '*':
			b.WriteString(".*")
		case '?':
			b.WriteString(".")
		default:
			b.WriteString(regexp.QuoteMeta(string(c)))
		}
	}
	return regexp.MustCompile("(?s)" + flags + "^" + b.String() + "$")
}

func appliesToResource(s statement, r Request) bool {
	v, not := s["Resource"], false
	if v == nil {
		v, not = s["NotResource"], true
	}
	if v == nil {
		return true // a trust policy: the role is the resource
	}
	found, invalid := false, false
	for _, p := range oneOrMany(v) {
		re, ok := substitute(s, p.(string), r, true, "")
		if !ok {
			invalid = true
		} else if re.MatchString(r.Resource) {
			found = true
		}
	}
	if !not {
		return found
	}
	// "any attempt to match it fails and causes the statement to be invalid"
	// [variables]: an invalid Allow gives nothing; a Deny does not let go of
	// what it was not told to spare.
	if invalid && s["Effect"] == "Allow" {
		return false
	}
	return !found
}

// substitute replaces policy variables, literally, and makes a regular
// expression; ok is false when a variable has neither value nor default.
func substitute(s statement, text string, r Request, wild bool, flags string) (re *regexp.Regexp, ok bool) {
	var b strings.Builder
	for text != "" {
		if s[".variables"] == true && strings.HasPrefix(text, "${") {
			end := strings.Index(text, "}")
			value, ok := variable(text[2:end], r)
			if !ok {
				return nil, false
			}
			b.WriteString(regexp.QuoteMeta(value))
			text = text[end+1:]
			continue
		}
		c := []rune(text)[0]
		switch {
		case wild && c == '*':
			b.WriteString(".*")
		case wild && c == '?':
			b.WriteString(".")
		default:
			b.WriteString(regexp.QuoteMeta(string(c)))
		}
		text = text[len(string(c)):]
	}
	return regexp.MustCompile("(?s)" + flags + "^" + b.String() + "$"), true
}

func variable(body string, r Request) (string, bool) {
	if body == "*" || body == "?" || body == "$" {
		return body, true
	}
	key, standby, hasDefault := strings.Cut(body, ",")
	// "you cannot use a multivalued context key as a policy variable" [multi].
	if v := r.Keys[strings.ToLower(key)]; len(v) == 1 {
		return v[0], true
	}
	return strings.Trim(strings.TrimSpace(standby), "'"), hasDefault
}

// appliesToPrincipal: with NotPrincipal, a Deny spares only who is named
// itself, and an Allow leaves out whoever is named in any way: "You must also
// specify the account ARN of the not-denied principal. Otherwise, the policy
// might deny access" [notprincipal], decided both times for less access.
func appliesToPrincipal(s statement, p Principal) bool {
	if s["Principal"] != nil {
		return len(naming(s["Principal"], p)) > 0
	}
	if s["NotPrincipal"] == nil {
		return true // an identity policy
	}
	if s["Effect"] == "Deny" {
		return !naming(s["NotPrincipal"], p)["caller"]
	}
	return len(naming(s["NotPrincipal"], p)) == 0
}

// naming returns the ways in which an element names a principal: itself
// ("caller"), the role or user behind its session, its account.
func naming(element any, p Principal) map[string]bool {
	ways := map[string]bool{}
	if element == "*" {
		ways["caller"] = true
		return ways
	}
	for kind, v := range element.(map[string]any) {
		for _, name := range oneOrMany(v) {
			if way := named(kind, name.(string), p); way != "" {
				ways[way] = true
			}
		}
	}
	return ways
}

func named(kind, name string, p Principal) string {
	switch kind {
	case "Service":
		return when(p.Type == "service" && p.Service == name, "caller")
	case "Federated":
		return when(p.Type == "federated" && p.Provider == name, "caller")
	case "CanonicalUser":
		return when(inAccount(p) && p.CanonicalID == name, account(p))
	}
	// "For anonymous users, the following elements are equivalent" [principal].
	if name == "*" {
		return "caller"
	}
	if !inAccount(p) {
		return ""
	}
	rootOf := regexp.MustCompile(`^(?:arn:[^:]+:iam::)?(\d{12})(?::root)?$`).FindStringSubmatch(name)
	switch {
	case rootOf != nil:
		return when(rootOf[1] == p.Account, account(p))
	case name == p.ARN, name == p.UserID:
		return "caller"
	case name == p.BehindARN, strings.HasPrefix(p.UserID, name+":"):
		return "behind"
	}
	return ""
}

func account(p Principal) string {
	if p.Type == "root" {
		return "caller"
	}
	return "account"
}

func when(yes bool, way string) string {
	if yes {
		return way
	}
	return ""
}
