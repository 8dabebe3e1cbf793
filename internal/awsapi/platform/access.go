package platform

import (
	"time"

	"cloister/internal/awsapi"
)

// The operations on which addresses may come to the node's listener.
var (
	OpDeleteAccessRule = define[DeleteAccessRuleRequest, DeleteAccessRuleResponse]("DeleteAccessRule")
	OpListAccessRules  = define[ListAccessRulesRequest, ListAccessRulesResponse]("ListAccessRules")
	OpPutAccessRule    = define[PutAccessRuleRequest, PutAccessRuleResponse]("PutAccessRule")
)

// PutAccessRuleRequest lets a range of addresses in or keeps it out, in the place
// of what was said of the same range.
type PutAccessRuleRequest struct {
	Range  *string `api:"required,min=2,max=64"` // CIDR, or an address
	Effect *string `api:"required,enum=allow|deny"`
}

// PutAccessRuleResponse has the rule as it is kept.
type PutAccessRuleResponse struct{ Rule AccessRule }

// DeleteAccessRuleRequest takes a rule away.
type DeleteAccessRuleRequest struct {
	Range *string `api:"required,min=2,max=64"`
}

// DeleteAccessRuleResponse has nothing.
type DeleteAccessRuleResponse struct{}

// ListAccessRulesRequest asks for all rules.
type ListAccessRulesRequest struct{}

// ListAccessRulesResponse has all rules, in the order of their ranges' texts.
type ListAccessRulesResponse struct{ Rules []AccessRule }

// AccessRule is one rule.
type AccessRule struct {
	Range   string
	Effect  string
	Changed time.Time
	By      string
}

// Metrics is the page of the node's counters, which the gate alone reaches.
var Metrics = awsapi.Service{Name: Name, ID: "Metrics", SigningName: Name}

// OpGetMetrics is one request for the counters.
var OpGetMetrics = defineIn[GetMetricsRequest, GetMetricsResponse](&Metrics, "GetMetrics")

// GetMetricsRequest is what the audit log has of a request for the counters.
type GetMetricsRequest struct {
	Path string

	// Exchange is the request.
	Exchange any `api:"-"`
}

// GetMetricsResponse says that the counters may be shown.
type GetMetricsResponse struct{}
