// Package policy parses, evaluates and explains policies of the IAM policy language.
//
// Its laws: an explicit deny always wins; what no statement allows is denied;
// a policy that does not parse in full has no meaning at all, and an unknown
// operator, element or kind of value is refused instead of ignored; a
// permissions boundary, a session policy and an organisation policy can only
// take away. The functions are pure: they read no clock, network or file.
//
// Parse compiles a policy once; Evaluate then decides without allocating, and
// Explain tells the same decision step by step. The rules are those of AWS's
// "Policy evaluation logic" (IAM User Guide, reference_policies_evaluation-logic.html).
package policy
