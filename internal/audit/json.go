package audit

import (
	"encoding/json"
	"time"
)

// eventVersion is the version of CloudTrail's record format that is followed
// (https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html).
const eventVersion = "1.11"

// wireRecord is a record in CloudTrail's form. Members after eventCategory are
// this platform's own.
type wireRecord struct {
	EventVersion    string          `json:"eventVersion"`
	UserIdentity    wireIdentity    `json:"userIdentity"`
	EventTime       string          `json:"eventTime"`
	EventSource     string          `json:"eventSource"`
	EventName       string          `json:"eventName"`
	Region          string          `json:"awsRegion"`
	SourceIP        string          `json:"sourceIPAddress"`
	UserAgent       string          `json:"userAgent,omitempty"`
	ErrorCode       string          `json:"errorCode,omitempty"`
	ErrorMessage    string          `json:"errorMessage,omitempty"`
	Request         json.RawMessage `json:"requestParameters"`
	Response        json.RawMessage `json:"responseElements"`
	RequestID       string          `json:"requestID"`
	EventID         string          `json:"eventID"`
	ReadOnly        bool            `json:"readOnly"`
	EventType       string          `json:"eventType"`
	ManagementEvent bool            `json:"managementEvent"`
	Account         string          `json:"recipientAccountId"`
	EventCategory   string          `json:"eventCategory"`
	Outcome         Outcome         `json:"outcome"`
	Needs           []Need          `json:"needs,omitempty"`
	Via             []string        `json:"via,omitempty"`
	SourceCell      string          `json:"sourceCell,omitempty"`
	Count           int64           `json:"count,omitempty"`
	Index           *int64          `json:"index,omitempty"` // of an Entry

	SessionPolicies []SessionPolicy `json:"sessionPolicies,omitempty"`
}

type wireIdentity struct {
	Type        string       `json:"type"`
	PrincipalID string       `json:"principalId,omitempty"`
	ARN         string       `json:"arn,omitempty"`
	AccountID   string       `json:"accountId,omitempty"`
	AccessKeyID string       `json:"accessKeyId,omitempty"`
	InvokedBy   string       `json:"invokedBy,omitempty"`
	Session     *wireSession `json:"sessionContext,omitempty"`
}

type wireSession struct {
	Issuer wireIssuer `json:"sessionIssuer"`
}

type wireIssuer struct {
	Type string `json:"type"`
	ARN  string `json:"arn"`
}

// dataEvents are the operations that CloudTrail calls data events: use of a
// resource, rather than management of it.
var dataEvents = map[string]bool{
	"Invoke": true, "InvokeAsync": true, "InvokeWithResponseStream": true,
}

// MarshalJSON gives the record in CloudTrail's form.
func (r Record) MarshalJSON() ([]byte, error) { return json.Marshal(r.wire()) }

// MarshalJSON gives the record in CloudTrail's form, with its index.
func (e Entry) MarshalJSON() ([]byte, error) {
	w := e.wire()
	w.Index = &e.Index
	return json.Marshal(w)
}

func (r *Record) wire() *wireRecord {
	category := "Management"
	if dataEvents[r.EventName] {
		category = "Data"
	}
	return &wireRecord{
		EventVersion: eventVersion, UserIdentity: r.Principal.wire(),
		EventTime: r.Time.UTC().Format(time.RFC3339Nano), EventSource: r.EventSource, EventName: r.EventName,
		Region: r.Region, SourceIP: r.SourceIP, UserAgent: r.UserAgent,
		ErrorCode: r.ErrorCode, ErrorMessage: r.ErrorMessage,
		Request: r.Request, Response: r.Response, RequestID: r.RequestID, EventID: r.EventID,
		ReadOnly: r.ReadOnly, EventType: "AwsApiCall", ManagementEvent: category == "Management",
		Account: r.Account, EventCategory: category, Outcome: r.Outcome, Needs: r.Needs, Via: r.Via,
		SourceCell: r.SourceCell, Count: r.Count, SessionPolicies: r.SessionPolicies,
	}
}

// issuerType is CloudTrail's name for what stands behind a session.
func (p *Principal) issuerType() string {
	if p.Type == "FederatedUser" {
		return "IAMUser"
	}
	return "Role"
}

func (p *Principal) wire() wireIdentity {
	w := wireIdentity{
		Type: p.Type, PrincipalID: p.ID, ARN: p.ARN, AccountID: p.Account,
		AccessKeyID: p.AccessKeyID, InvokedBy: p.Service,
	}
	if p.RoleARN != "" {
		w.Session = &wireSession{wireIssuer{Type: p.issuerType(), ARN: p.RoleARN}}
	}
	return w
}
