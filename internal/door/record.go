package door

import (
	"encoding/json"
	"errors"

	"cloister/internal/audit"
	"cloister/internal/awsapi"
	"cloister/policy"
)

// record is the audit record of c, which ended with err.
func record(c *Call, err error) *audit.Record {
	p := c.Principal
	rec := &audit.Record{
		Time:      c.Time,
		RequestID: c.RequestID,
		Region:    c.Region,
		Account:   c.Account,
		SourceIP:  c.SourceIP,
		UserAgent: c.UserAgent,
		Principal: auditPrincipal(p),
		Needs:     c.decided,
		Via:       c.CalledVia(),
		Outcome:   audit.Allowed,
	}
	if c.Operation != nil {
		rec.EventSource = c.Operation.Service.Name + ".amazonaws.com"
		rec.EventName = c.Operation.Name
		rec.Request = redact(c)
		rec.ReadOnly = c.readOnly
	}
	if err != nil {
		describeFailure(rec, err)
	}
	return rec
}

func auditPrincipal(p *Principal) audit.Principal {
	return audit.Principal{
		Type: identityType(p), ID: p.UserID, ARN: p.ARN, Account: p.Account,
		AccessKeyID: p.AccessKeyID, RoleARN: p.RoleARN, Service: p.Service,
	}
}

// redact renders the call's input without what the model marks sensitive.
func redact(c *Call) json.RawMessage {
	if c.in == nil {
		return nil
	}
	return awsapi.Redact(c.Operation.Input, c.in)
}

// describeFailure writes what the caller is told, and nothing more.
func describeFailure(rec *audit.Record, err error) {
	rec.Outcome = audit.Failed
	if refused(err) {
		rec.Outcome = audit.Denied
	}
	wire := wireError(err)
	rec.ErrorCode, rec.ErrorMessage = wire.Code, wire.Message
}

// refused tells refusals (by policy or by authentication) from failures.
func refused(err error) bool {
	var wire *awsapi.Error
	return errors.Is(err, errDenied) || errors.Is(err, errUnauthenticated) || errors.As(err, &wire) && wire.Status == 403
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
	default:
		return p.typeName()
	}
}
