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
	Header    http.Header
	SourceIP  string // empty for calls between services
	UserAgent string
	Secure    bool // came by TLS, or never left the process

	door      *Door
	parent    *Call
	in        any
	decided   []audit.Need
	recheck   func(r store.Reader) error
	committed bool
	readOnly  bool
}

// CalledVia lists the services this call passed through, first to last: the
// values of aws:CalledVia.
func (c *Call) CalledVia() []string {
	var via []string
	for p := c.parent; p != nil; p = p.parent {
		via = append([]string{p.Operation.Service.Name + ".amazonaws.com"}, via...)
	}
	return via
}

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
