package platform

// OpExplain says why a request is allowed or denied: one that was made, by its
// RequestId, or one that might be, by principal, action and resource.
var OpExplain = define[ExplainRequest, ExplainResponse]("Explain")

// ExplainRequest asks for a request of the audit log, or for one that might be
// made. Context holds condition keys that such a request would have, by key.
type ExplainRequest struct {
	RequestID *string             `api:"min=1,max=256"`
	Principal *string             `api:"min=1,max=2048"`
	Action    *string             `api:"min=3,max=256"`
	Resource  *string             `api:"min=1,max=2048"`
	Context   map[string][]string `api:"max=64"`
}

// ExplainResponse has an explanation for each permission that was needed.
type ExplainResponse struct {
	// Recorded is what the audit log says of the request; absent for one that
	// was not made.
	Recorded     *RecordedCall
	Explanations []Explanation
	// Notes say what is to be known of the explanations, such as that policies
	// have changed since.
	Notes []string
}

// RecordedCall is a call as the audit log has it.
type RecordedCall struct {
	RequestID    string
	Time         string // RFC 3339
	Operation    string // "lambda:Invoke"
	Principal    string
	Outcome      string // allowed, denied, failed
	ErrorCode    string
	ErrorMessage string
}

// Explanation is policy.Explanation.
type Explanation struct {
	Allowed   bool
	Reason    string
	Message   string
	Principal string
	Action    string
	Resource  string
	Recorded  string // what was decided when the call was made; "" for one that was not
	DecidedBy *StatementRef
	Steps     []Step
	Changes   []Change
}

// StatementRef points to a statement, from 0, of a policy.
type StatementRef struct {
	Policy    string
	Statement int64
	Sid       string
	Line      int64
}

// Step is what one layer of policies says.
type Step struct {
	Layer    string
	Level    int64 // from 1 at an organisation's root, 0 for layers without levels
	Outcome  string
	Policies []PolicyTrace
}

// PolicyTrace is what one policy says.
type PolicyTrace struct {
	Name       string
	Outcome    string
	Statements []StatementTrace
}

// StatementTrace is what one statement says. Failed names the first element
// that kept it from applying.
type StatementTrace struct {
	Statement  int64
	Sid        string
	Line       int64
	Effect     string
	Applies    bool
	Failed     string
	Conditions []ConditionTrace
}

// ConditionTrace is one condition with the values that it wanted and saw.
type ConditionTrace struct {
	Operator string
	Key      string
	Line     int64
	Wanted   []string
	Present  bool
	Seen     []string
	Holds    bool
}

// Change is one of the changes that together would allow a denied request.
// Statement and Condition are JSON.
type Change struct {
	Kind      string
	Layer     string
	Level     int64
	Policy    string
	Statement string
	Denies    *StatementRef
	Condition string
}
