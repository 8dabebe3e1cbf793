package audit

import (
	"encoding/json"
	"time"
)

// Outcome is how a call ended.
type Outcome string

const (
	Allowed Outcome = "allowed" // authorised, and it succeeded
	Denied  Outcome = "denied"  // refused: not authenticated, not authorised, or by a guardrail
	Failed  Outcome = "failed"  // authorised, and it failed for another reason
)

// Record is one call and what became of it. Its JSON form is CloudTrail's,
// with this platform's own members beside it.
//
// It holds no secrets: access key ids are fine, secret keys, session tokens and
// members that the API model marks as sensitive are not; Request and Response
// are redacted by whoever fills them in.
type Record struct {
	Time         time.Time       `cbor:"1,keyasint"`           // the moment of Append or Stage when zero
	EventID      string          `cbor:"2,keyasint,omitempty"` // a new UUID when empty
	RequestID    string          `cbor:"3,keyasint,omitempty"`
	EventSource  string          `cbor:"4,keyasint,omitempty"` // "lambda.amazonaws.com"
	EventName    string          `cbor:"5,keyasint,omitempty"` // the operation, "CreateFunction"
	Region       string          `cbor:"6,keyasint,omitempty"`
	Account      string          `cbor:"7,keyasint,omitempty"` // whose resources were acted on
	SourceIP     string          `cbor:"8,keyasint,omitempty"` // empty for calls from a cell and from the node itself
	UserAgent    string          `cbor:"9,keyasint,omitempty"`
	Principal    Principal       `cbor:"10,keyasint"`
	Outcome      Outcome         `cbor:"11,keyasint,omitempty"`
	ErrorCode    string          `cbor:"12,keyasint,omitempty"`
	ErrorMessage string          `cbor:"13,keyasint,omitempty"`
	Needs        []Need          `cbor:"14,keyasint,omitempty"` // each permission that was asked for, and the answer
	Request      json.RawMessage `cbor:"15,keyasint,omitempty"` // redacted
	Response     json.RawMessage `cbor:"16,keyasint,omitempty"` // redacted
	ReadOnly     bool            `cbor:"17,keyasint,omitempty"`
	Via          []string        `cbor:"18,keyasint,omitempty"` // for a call between services: those it came through, outermost first
	SourceCell   string          `cbor:"19,keyasint,omitempty"` // for a call from a cell, instead of SourceIP: the ARN of the function that runs in it
	Count        int64           `cbor:"20,keyasint,omitempty"` // how many calls the record stands for, of which it shows the last; 0 for the usual one

	// SessionPolicies are those of the session whose call was denied by policy,
	// which nothing else keeps; HasSessionPolicies tells none from not narrowed.
	SessionPolicies    []SessionPolicy `cbor:"21,keyasint,omitempty"`
	HasSessionPolicies bool            `cbor:"22,keyasint,omitempty"`
}

// Principal is who called.
type Principal struct {
	Type        string `cbor:"1,keyasint,omitempty"` // CloudTrail's userIdentity type: Root, IAMUser, AssumedRole, FederatedUser, WebIdentityUser, AWSService, Unknown
	ID          string `cbor:"2,keyasint,omitempty"`
	ARN         string `cbor:"3,keyasint,omitempty"` // of a web identity: the provider's
	Account     string `cbor:"4,keyasint,omitempty"`
	AccessKeyID string `cbor:"5,keyasint,omitempty"`
	RoleARN     string `cbor:"6,keyasint,omitempty"` // of an assumed role session: the role; of a federated user: the user who vouches
	Service     string `cbor:"7,keyasint,omitempty"` // of a service principal: "lambda.amazonaws.com"
	EntityID    string `cbor:"8,keyasint,omitempty"` // of a federated user: the unique id of the user who vouches
}

// Need is one permission that a call needed, and what was decided.
type Need struct {
	Action   string `cbor:"1,keyasint,omitempty" json:"action"`
	Resource string `cbor:"2,keyasint,omitempty" json:"resource"`
	Allowed  bool   `cbor:"3,keyasint,omitempty" json:"allowed"`
	Reason   string `cbor:"4,keyasint,omitempty" json:"reason,omitempty"`
	Policy   string `cbor:"5,keyasint,omitempty" json:"policy,omitempty"` // the policy that decided, if one did

	// Context is the condition keys of a need that was denied, in lower case,
	// but for those that the record itself has (time, address, user agent), and
	// ContextCut says that some were too much to keep.
	Context    map[string][]string `cbor:"6,keyasint,omitempty" json:"context,omitempty"`
	ContextCut bool                `cbor:"7,keyasint,omitempty" json:"contextCut,omitempty"`
}

// SessionPolicy is a policy that narrowed a session: a managed one by its ARN,
// or one that was passed by its text.
type SessionPolicy struct {
	Name string `cbor:"1,keyasint,omitempty" json:"name"`
	Text string `cbor:"2,keyasint,omitempty" json:"text,omitempty"`
}

// Entry is a record at its place in the log.
type Entry struct {
	Index int64
	Record
}
