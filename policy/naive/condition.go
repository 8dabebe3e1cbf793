package naive

import (
	"encoding/base64"
	"fmt"
	"math/big"
	"net"
	"regexp"
	"strings"
	"time"
)

// conditionsHold: "condition operators are evaluated using a logical AND",
// "context keys are evaluated using a logical AND" [operators].
func conditionsHold(s statement, r Request) bool {
	if s["Condition"] == nil {
		return true
	}
	for operator, keys := range s["Condition"].(map[string]any) {
		for key, values := range keys.(map[string]any) {
			if !holds(s, operator, values, r.Keys[strings.ToLower(key)], r) {
				return false
			}
		}
	}
	return true
}

func holds(s statement, operator string, policyValues any, seen []string, r Request) bool {
	qualifier, name, found := strings.Cut(operator, ":")
	if !found {
		qualifier, name = "", operator
	}
	name, ifExists := strings.CutSuffix(name, "IfExists")
	positive, negated := positiveForm(name)

	if name == "Null" {
		for _, v := range oneOrMany(policyValues) {
			if strings.EqualFold(fmt.Sprint(v), "true") == emptySet(seen) {
				return true
			}
		}
		return false
	}
	if len(seen) == 0 {
		switch {
		case ifExists:
			return true
		case qualifier == "ForAllValues":
			return true // "also returns true if there are no context keys in the request" [multi]
		case qualifier == "ForAnyValue":
			return false
		}
		return negated // "the right key is not present, the condition is true" [operators]
	}
	if qualifier != "" && emptySet(seen) {
		return qualifier == "ForAllValues"
	}
	trues, falses := 0, 0
	for _, v := range seen {
		if meets(s, positive, negated, policyValues, v, r) {
			trues++
		} else {
			falses++
		}
	}
	if qualifier == "ForAllValues" || qualifier == "" && negated {
		return falses == 0
	}
	return trues > 0
}

// emptySet: "the key values in the request resolve to an empty data set (for
// example, an empty string)" [multi].
func emptySet(values []string) bool { return strings.Join(values, "") == "" }

func positiveForm(name string) (string, bool) {
	if name == "NotIpAddress" {
		return "IpAddress", true
	}
	for _, family := range []string{"String", "Arn", "Numeric", "Date"} {
		if rest, ok := strings.CutPrefix(name, family+"Not"); ok {
			return family + rest, true
		}
	}
	return name, false
}

// meets: values of the policy are alternatives, for negated operators "NOR" [operators].
func meets(s statement, operator string, negated bool, policyValues any, seen string, r Request) bool {
	matched, invalid := false, false
	for _, v := range oneOrMany(policyValues) {
		m, ok := compare(s, operator, fmt.Sprint(v), seen, r)
		matched = matched || m
		invalid = invalid || !ok
	}
	switch {
	case !negated:
		return matched
	case matched:
		return false
	case invalid:
		return s["Effect"] == "Deny"
	}
	return true
}

// compare returns whether one value matches; ok is false for an unresolved variable.
func compare(s statement, operator, want, seen string, r Request) (matched, ok bool) {
	switch operator {
	case "StringEquals":
		return matchRegexp(s, want, seen, r, false, "")
	case "StringEqualsIgnoreCase":
		return matchRegexp(s, want, seen, r, false, "(?i)")
	case "StringLike":
		return matchRegexp(s, want, seen, r, true, "")
	case "ArnEquals", "ArnLike":
		return arn(s, want, seen, r)
	case "Bool":
		isBool := regexp.MustCompile("(?i)^(true|false)$").MatchString(seen)
		matched, ok = matchRegexp(s, want, seen, r, false, "(?i)")
		return matched && isBool, ok
	case "BinaryEquals":
		b, err := base64.StdEncoding.DecodeString(want)
		return err == nil && string(b) == seen, true
	case "IpAddress":
		return address(want, seen), true
	}
	if relation, found := strings.CutPrefix(operator, "Numeric"); found {
		a, aok := number(seen)
		b, bok := number(want)
		return aok && bok && related(relation, a.Cmp(b)), true
	}
	if relation, found := strings.CutPrefix(operator, "Date"); found {
		a, aok := date(seen)
		b, bok := date(want)
		return aok && bok && related(relation, a.Compare(b)), true
	}
	panic("unknown operator " + operator)
}

func matchRegexp(s statement, want, seen string, r Request, wild bool, flags string) (matched, ok bool) {
	re, ok := substitute(s, want, r, wild, flags)
	return ok && re.MatchString(seen), ok
}

func related(relation string, sign int) bool {
	switch relation {
	case "Equals":
		return sign == 0
	case "LessThan":
		return sign < 0
	case "LessThanEquals":
		return sign <= 0
	case "GreaterThan":
		return sign > 0
	case "GreaterThanEquals":
		return sign >= 0
	}
	panic("unknown relation " + relation)
}

// arn: "Each of the six colon-delimited components of the ARN is checked
// separately" [operators].
func arn(s statement, want, seen string, r Request) (matched, ok bool) {
	whole := regexp.MustCompile(`^(\*|\$\{[^}]*\})$`).MatchString(want)
	if whole {
		return matchRegexp(s, want, seen, r, true, "")
	}
	// Colons inside ${...} do not separate.
	hidden := want
	if s[".variables"] == true {
		hidden = regexp.MustCompile(`\$\{[^}]*\}`).ReplaceAllStringFunc(want, func(v string) string { return strings.ReplaceAll(v, ":", "\x00") })
	}
	wants, parts := strings.SplitN(hidden, ":", 6), strings.SplitN(seen, ":", 6)
	if len(parts) != len(wants) {
		return false, true
	}
	matched, ok = true, true
	for i := range wants {
		m, resolved := matchRegexp(s, strings.ReplaceAll(wants[i], "\x00", ":"), parts[i], r, true, "")
		if resolved && !m {
			return false, true // what differs elsewhere differs whatever the variable is
		}
		matched, ok = matched && m, ok && resolved
	}
	return matched, ok
}

func address(want, seen string) bool {
	ip := net.ParseIP(seen)
	if ip == nil {
		return false
	}
	if !strings.Contains(want, "/") {
		return ip.Equal(net.ParseIP(want))
	}
	_, network, err := net.ParseCIDR(want)
	return err == nil && network.Contains(ip)
}

func number(s string) (*big.Rat, bool) {
	if !regexp.MustCompile(`^-?\d+(\.\d+)?$`).MatchString(s) {
		return nil, false
	}
	return new(big.Rat).SetString(s)
}

// date: "one of the W3C implementations of the ISO 8601 date formats or in
// epoch (UNIX) time" [operators].
func date(s string) (time.Time, bool) {
	if regexp.MustCompile(`^(\d{1,3}|\d{5,})$`).MatchString(s) {
		n, ok := new(big.Int).SetString(s, 10)
		return time.Unix(n.Int64(), 0), ok
	}
	for _, layout := range []string{"2006", "2006-01", "2006-01-02", "2006-01-02T15:04Z07:00", "2006-01-02T15:04:05Z07:00"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}
