// Package lint finds mistakes and dangers in policies of the IAM policy language,
// with the finding types, codes and messages of IAM Access Analyzer's policy
// validation (IAM User Guide, access-analyzer-reference-policy-checks.html), and
// with a few codes of its own that begin with CLOISTER_.
//
// It is pure, never changes what a policy means, and its cost is bounded whatever
// the text is. What it promises: a text that policy.Parse refuses has at least one
// finding of type ERROR. Which actions and condition keys exist it knows from
// package catalog.
package lint
