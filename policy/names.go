package policy

import "strings"

// IsAction says whether text names one action, as in a request:
// "service:Operation", without wildcards.
func IsAction(text string) bool {
	service, name, ok := strings.Cut(text, ":")
	return ok && service != "" && name != "" && !strings.ContainsAny(text, "*? ")
}

// IsARN says whether text has the parts of an ARN.
func IsARN(text string) bool {
	return strings.HasPrefix(text, "arn:") && strings.Count(text, ":") >= arnParts-1
}

// Literal writes text for a policy of version 2012-10-17 so that it stands for
// itself alone: no part of it is taken for a wildcard or a policy variable.
func Literal(text string) string { return literal(text, true) }
