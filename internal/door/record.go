package door

import (
	"encoding/json"
	"errors"
	"net/http"

	"cloister/internal/audit"
	"cloister/internal/awsapi"
	"cloister/policy"
)

// record is the audit record of c, which ended with err, or well if that is nil.
func record(c *Call, err *awsapi.Error) *audit.Record {
	p := c.Principal
	rec := &audit.Record{
		Time:       c.Time,
		RequestID:  c.RequestID,
		Region:     c.Region,
		Account:    c.Account,
		SourceIP:   c.SourceIP,
		SourceCell: c.SourceCell,
		UserAgent:  c.UserAgent,
		Principal:  auditPrincipal(p),
		Needs:      c.decided,
		Via:        c.origin(),
		Outcome:    audit.Allowed,
	}
	if c.isStranger() {
		rec.UserAgent = rec.UserAgent[:min(len(rec.UserAgent), strangerAgent)]
	}
	if c.Operation != nil {
		rec.EventSource = serviceName(c.Operation)
		rec.EventName = c.Operation.Name
		rec.Request = redact(c)
		rec.ReadOnly = c.readOnly
	}
	if err != nil {
		describeFailure(rec, err)
		rec.ErrorMessage = hideInputs(c, rec.ErrorMessage)
		if errors.Is(err, errDenied) {
			rec.SessionPolicies, rec.HasSessionPolicies = sessionPolicies(p)
		}
	}
	return rec
}

// sessionPolicies are what narrowed the session of p; only its token has them.
func sessionPolicies(p *Principal) (all []audit.SessionPolicy, has bool) {
	for _, named := range p.SessionPolicies {
		one := audit.SessionPolicy{Name: named.Name}
		if named.Policy != nil {
			one.Text = string(named.Policy.Text())
		}
		all = append(all, one)
	}
	return all, p.HasSessionPolicies
}

func auditPrincipal(p *Principal) audit.Principal {
	recorded := audit.Principal{
		Type: identityType(p), ID: p.UserID, ARN: p.ARN, Account: p.Account,
		AccessKeyID: p.AccessKeyID, RoleARN: p.RoleARN, Service: p.Service, EntityID: p.EntityID,
	}
	if p.Kind == policy.PrincipalFederated {
		recorded.ARN = p.Provider
	}
	return recorded
}

// redact renders the call's input without what the model marks sensitive.
func redact(c *Call) json.RawMessage {
	if c.in == nil {
		return nil
	}
	return awsapi.Redact(c.Operation.Input, c.in)
}

// hideInputs takes out of a message what the call's input holds in confidence.
func hideInputs(c *Call, message string) string {
	if c.Operation == nil || c.in == nil {
		return message
	}
	return awsapi.HideIn(message, c.Operation.Input, c.in)
}

// describeFailure writes what the caller is told, and nothing more.
func describeFailure(rec *audit.Record, err *awsapi.Error) {
	rec.Outcome = audit.Failed
	if refused(err) {
		rec.Outcome = audit.Denied
	}
	rec.ErrorCode, rec.ErrorMessage = err.Code, err.Message
}

// refused tells refusals (by policy or by authentication) from failures.
func refused(err *awsapi.Error) bool {
	return errors.Is(err, errDenied) || errors.Is(err, errUnauthenticated) || err.Status == http.StatusForbidden
}

// identityType is CloudTrail's userIdentity.type
// (https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-user-identity.html).
func identityType(p *Principal) string {
	switch p.Kind {
	case policy.PrincipalRoot:
		return "Root"
	case policy.PrincipalUser:
		return "IAMUser"
	case policy.PrincipalAnonymous:
		return "Unknown"
	case policy.PrincipalFederated:
		return "WebIdentityUser"
	default:
		return p.typeName()
	}
}
