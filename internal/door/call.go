package door

import (
	"context"
	"net/http"
	"time"

	"cloister/internal/audit"
	"cloister/internal/awsapi"
	"cloister/internal/store"
)

// Call is one call on its way through the door. It belongs to the goroutine
// that handles it.
type Call struct {
	context.Context

	Principal *Principal
	Operation *awsapi.Operation
	Region    string
	Account   string // whose resources the call speaks of: the caller's account
	RequestID string
	Time      time.Time

	// Header is the request's HTTP header; nil for calls between services.
	Header     http.Header
	SourceIP   string // empty for calls from a cell
	SourceCell string // the ARN of the function that runs in the cell; empty for others
	UserAgent  string
	Secure     bool // came by TLS, or never left the process

	// Found is what the resolver found and its needs speak of, for the handler
	// to act on: the same thing, whatever has changed since. For operations
	// registered with Read or Act; a resolver sets it at every decision.
	Found any

	// Evidence is what the Identifier of a ByToken operation found.
	Evidence any

	door      *Door
	confide   func(secret []byte) // nil unless the caller is a function
	parent    *Call
	in        any
	decided   []audit.Need
	rejection *rejection                 // by policies, the last time that they were asked
	recheck   func(r store.Reader) error // decides the call on what r sees
	committed bool
	readOnly  bool
}

type callKey struct{}

// Value implements context.Context. A context made from a call leads back to
// it, so that Do knows on whose behalf it is called.
func (c *Call) Value(key any) any {
	if key == (callKey{}) {
		return c
	}
	return c.Context.Value(key)
}

// callOf is the call that ctx was made from, nil if there is none.
func callOf(ctx context.Context) *Call {
	c, _ := ctx.Value(callKey{}).(*Call)
	return c
}

// CalledVia lists the services that forwarded the caller's own session to this
// call, first to last: the values of aws:CalledVia. A role or service that acts
// in its own name has come through none.
func (c *Call) CalledVia() []string {
	if !c.forwarded() {
		return nil
	}
	return append(c.parent.CalledVia(), serviceName(c.parent.Operation))
}

// forwarded reports whether a service makes the call with its caller's session.
func (c *Call) forwarded() bool { return c.parent != nil && c.parent.Principal == c.Principal }

// origin lists all services that this call came through, in whatever name.
func (c *Call) origin() []string {
	if c.parent == nil {
		return nil
	}
	return append(c.parent.origin(), serviceName(c.parent.Operation))
}

// Origin is the service that made the call while it handled another: "lambda".
// It is empty for calls from the wire and in the background.
func (c *Call) Origin() string {
	if c.parent == nil {
		return ""
	}
	return c.parent.Operation.Service.Name
}

func serviceName(op *awsapi.Operation) string { return op.Service.Name + ".amazonaws.com" }

// Commit runs fn as the call's one state change: authorised again inside the
// transaction and committed with the call's audit leaf. fn may run more than
// once and must have no outside effect. For handlers registered with Act; a
// second Commit of the same call is a mistake and fails.
func (c *Call) Commit(fn func(tx *store.Tx) error) error {
	return c.door.commit(c, fn)
}

// View runs fn on a consistent snapshot.
func (c *Call) View(fn func(r store.Reader) error) error {
	return c.door.db.View(c, fn)
}
