package platform

import "time"

// The operations on guardrails and on what they and other detectors found.
var (
	OpListFindings   = define[ListFindingsRequest, ListFindingsResponse]("ListFindings")
	OpListGuardrails = define[ListGuardrailsRequest, ListGuardrailsResponse]("ListGuardrails")
	OpPutGuardrail   = define[PutGuardrailRequest, PutGuardrailResponse]("PutGuardrail")
)

// ListGuardrailsRequest asks for the account's posture.
type ListGuardrailsRequest struct{}

// ListGuardrailsResponse has every guardrail with its mode in the account.
type ListGuardrailsResponse struct{ Guardrails []Guardrail }

// PutGuardrailRequest changes a guardrail, by identifier or name, or all of
// them. Exempt and Unexempt are the ARN of a resource that it lets pass.
type PutGuardrailRequest struct {
	Guardrail *string `api:"required,min=1,max=64,pattern=[A-Za-z0-9-]+"`
	Mode      *string `api:"enum=enforce|warn|off"`
	Exempt    *string `api:"min=1,max=2048"`
	Unexempt  *string `api:"min=1,max=2048"`
}

// PutGuardrailResponse has the guardrails as they are now.
type PutGuardrailResponse struct{ Guardrails []Guardrail }

// Guardrail is a rule and what the account has set for it.
type Guardrail struct {
	ID       string
	Name     string
	Title    string
	Severity string
	Page     string
	Mode     string
	Exempt   []string
	Changed  *time.Time // nil while nobody has
	By       string
	Active   int64 // findings that are still so
}

// ListFindingsRequest asks for a page of findings, of one status, if one is given.
type ListFindingsRequest struct {
	Status     *string `api:"enum=ACTIVE|RESOLVED"`
	MaxResults *int64  `api:"min=1,max=1000"`
	NextToken  *string `api:"min=1,max=128"`
}

// ListFindingsResponse has NextToken where there are more.
type ListFindingsResponse struct {
	Findings  []Finding
	NextToken *string
}

// Finding is something that is not as a rule wants it.
type Finding struct {
	ID       string
	Rule     string
	Severity string
	Status   string
	Resource string
	Part     string
	Text     string
	First    time.Time
	Last     time.Time
}
