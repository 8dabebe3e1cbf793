package ssm

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"
	"time"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/ssm"
)

// policyText is one policy of a parameter, as it was given
// (https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-policies.html).
type policyText struct{ Type, Text string }

// maxPolicies is how many policies a parameter can have.
const maxPolicies = 10

// parsePolicies reads a parameter's policies and says when it expires, zero for
// never. An empty list takes all policies away.
func parsePolicies(text string) (policies []policyText, expires time.Time, err error) {
	if text == "" {
		return nil, expires, nil
	}
	var all []json.RawMessage
	if err := json.Unmarshal([]byte(text), &all); err != nil {
		return nil, expires, badPolicy("The policies are not a list of JSON objects.")
	}
	if len(all) > maxPolicies {
		return nil, expires, awsapi.Errorf("PoliciesLimitExceededException", "You specified more than the maximum number of allowed policies for the parameter. The maximum is %d.", maxPolicies)
	}
	for _, one := range all {
		p, at, err := parsePolicy(one)
		if err != nil {
			return nil, expires, err
		}
		if p.Type == "Expiration" {
			if !expires.IsZero() {
				return nil, expires, badPolicy("A parameter can have one Expiration policy.")
			}
			expires = at
		}
		policies = append(policies, p)
	}
	if expires.IsZero() && slices.ContainsFunc(policies, func(p policyText) bool { return p.Type == "ExpirationNotification" }) {
		return nil, expires, badPolicy("An ExpirationNotification needs an Expiration.")
	}
	return policies, expires, nil
}

func parsePolicy(text json.RawMessage) (p policyText, expires time.Time, err error) {
	var one struct {
		Type, Version string
		Attributes    struct{ Timestamp, Before, After, Unit string }
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&one); err != nil {
		return p, expires, badPolicy("A policy has Type, Version and Attributes, whose values are strings.")
	}
	a := one.Attributes
	switch one.Type {
	case "Expiration":
		if expires, err = time.Parse(time.RFC3339, a.Timestamp); err != nil || a.Before+a.After+a.Unit != "" {
			return p, expires, badPolicy("The Timestamp of an Expiration is a time such as 2030-12-02T21:34:33.000Z.")
		}
	case "ExpirationNotification":
		if !isSpan(a.Before, a.Unit) || a.Timestamp+a.After != "" {
			return p, expires, badPolicy("An ExpirationNotification has Before, a number, and Unit, Days or Hours.")
		}
	case "NoChangeNotification":
		if !isSpan(a.After, a.Unit) || a.Timestamp+a.Before != "" {
			return p, expires, badPolicy("A NoChangeNotification has After, a number, and Unit, Days or Hours.")
		}
	default:
		return p, expires, awsapi.Errorf("InvalidPolicyTypeException", "The policy type isn't supported. Parameter Store supports the following policy types: Expiration, ExpirationNotification, and NoChangeNotification.")
	}
	if one.Version != "1.0" {
		return p, expires, badPolicy("The Version of a policy is 1.0.")
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, text); err != nil {
		return p, expires, err
	}
	return policyText{one.Type, compact.String()}, expires, nil
}

func isSpan(n, unit string) bool {
	number, err := strconv.Atoi(n)
	return err == nil && number > 0 && (unit == "Days" || unit == "Hours")
}

func badPolicy(message string) error {
	return awsapi.Errorf("InvalidPolicyAttributeException", "%s", message)
}

func wirePolicies(policies []policyText) []*api.ParameterInlinePolicy {
	all := []*api.ParameterInlinePolicy{}
	for i := range policies {
		all = append(all, &api.ParameterInlinePolicy{PolicyText: &policies[i].Text, PolicyType: &policies[i].Type, PolicyStatus: ptr("Pending")})
	}
	return all
}
