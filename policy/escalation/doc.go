// Package escalation finds the known ways in which the principals of an account
// can gain privileges that nobody gave them: the published techniques, chained
// from principal to principal until one is an administrator.
//
// Its laws: whether a permission is there is decided by the evaluator, over
// identity policies, groups, boundaries, service control policies, explicit
// denies and trust policies, and never by comparing text; what the account's
// data does not tell (condition keys such as aws:SourceIp, whether a function
// runs as a role) makes a step possible and is named, and never decides it.
//
// The data is that of iam:GetAccountAuthorizationDetails, as the aws CLI prints
// it. Nothing is read or called: the functions are pure.
package escalation
