package door

import (
	"cmp"
	"context"
	"net/http"

	"github.com/google/uuid"

	"cloister/internal/audit"
	"cloister/internal/awsapi"
	"cloister/internal/store"
)

// Do calls op as principal as: authorised and audited like a call from the
// wire. Called from a handler, ctx is its *Call or made from it, and the new
// call is in its region; with the handler's caller as principal it is seen as
// made on its behalf (aws:CalledVia). In the background, ctx is any context and
// the region the node's own. The account is the principal's. The error is an
// *awsapi.Error.
func Do[In, Out any](ctx context.Context, d *Door, as *Principal, op awsapi.Op[In, Out], in *In) (*Out, error) {
	c := d.internalCall(ctx, as, op.Operation)
	c.in = in
	if err := awsapi.Validate(op.Operation, in); err != nil {
		return nil, d.finish(c, err)
	}
	out, err := d.run(c, in)
	if err != nil {
		return nil, err
	}
	return out.(*Out), nil
}

func (d *Door) internalCall(ctx context.Context, as *Principal, op *awsapi.Operation) *Call {
	c := &Call{
		Context:   ctx,
		Principal: as,
		Operation: op,
		Region:    d.region,
		Account:   accountOf(as),
		RequestID: uuid.NewString(),
		Time:      d.now(),
		Secure:    true,
		door:      d,
	}
	if parent := callOf(ctx); parent != nil {
		c.parent, c.Region, c.UserAgent = parent, parent.Region, parent.UserAgent
		c.SourceIP, c.SourceCell = parent.SourceIP, parent.SourceCell
	} else if in, within := insideOf(ctx); within {
		c.SourceCell, c.Region, c.confide = in.From, cmp.Or(in.Region, c.Region), in.Confide
	}
	return c
}

// accountOf is the account whose resources a principal's calls speak of.
func accountOf(p *Principal) string {
	if p.Account != "" {
		return p.Account
	}
	return p.SourceAccount
}

// run authorises and handles a decoded, validated call and audits how it ended.
// The error is an *awsapi.Error that tells the caller no internal matter.
func (d *Door) run(c *Call, in any) (out any, err error) {
	c.in = in
	e, ok := d.entries[c.Operation]
	if !ok {
		return nil, d.finish(c, notAvailable(c.Operation))
	}
	if err := d.healthy(); err != nil {
		return nil, unavailable(err)
	}
	c.readOnly = e.reads
	c.recheck = func(r store.Reader) error { return d.authorise(c, e, r) }
	out, err = e.guarded(c, in)
	for i := range c.decided {
		d.directory.Acted(c.Principal, c.decided[i].Action, c.Region, c.Time)
	}
	return out, d.finish(c, err)
}

// guarded runs the entry and survives its panic.
func (e *entry) guarded(c *Call, in any) (out any, err error) {
	defer rescue(c, &err)
	if e.identify != nil {
		if err := e.identify(c, in); err != nil {
			return nil, err
		}
	}
	return e.run(c, in)
}

// finish audits the end of a call and turns its error into the wire's. What
// cannot be audited is not answered, and nothing is once the store has failed:
// what was read or refused may then never have been.
func (d *Door) finish(c *Call, err error) error {
	var wire *awsapi.Error
	if err != nil {
		wire = wireError(err)
	}
	if wire != nil || !c.committed {
		if err := d.write(c, record(c, wire)); err != nil {
			return unavailable(err)
		}
	}
	if err := d.healthy(); err != nil {
		return unavailable(err)
	}
	if wire != nil {
		return wire
	}
	return nil
}

// write puts the record of an ended call in the audit log. Refusals of callers
// whom nobody knows are bounded.
func (d *Door) write(c *Call, rec *audit.Record) error {
	if c.isStranger() && rec.Outcome != audit.Allowed {
		return d.strangers.refuse(c, rec)
	}
	return d.audit.Append(rec)
}

// unavailable is the answer while the node cannot keep what it acknowledges.
func unavailable(cause error) *awsapi.Error {
	e := awsapi.Errorf("ServiceUnavailable", "The service is unavailable. Please try again shortly.")
	e.Status, e.Cause = http.StatusServiceUnavailable, cause
	return e
}
