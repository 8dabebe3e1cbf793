package door

import (
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"cloister/internal/awsapi"
	"cloister/internal/guardrail"
	"cloister/internal/store"
)

// inItsCell refuses a caller who signed well with credentials of a function, from
// elsewhere than its cells: they are worth nothing to whoever carried them off.
func (d *Door) inItsCell(c *Call) error {
	p := c.Principal
	if p.Cell == "" || isCellOf(c.SourceCell, p.Cell) {
		return nil
	}
	d.reportStray(c)
	return unauthenticated(&awsapi.Error{
		Code: "InvalidClientTokenId", Status: http.StatusForbidden,
		Message: "The security token included in the request is invalid: it works in the cells of " + p.Cell + " alone. Use credentials of your own.",
	})
}

// isCellOf says whether a cell, which is known by function and version, is one
// of the function's.
func isCellOf(cell, function string) bool {
	return cell == function || strings.HasPrefix(cell, function+":")
}

// strayPause is how long the findings of one function rest: each use is in the
// audit log anyway.
const strayPause = time.Minute

// strays remembers which functions' credentials were last found outside. Safe
// for concurrent use.
type strays struct {
	mu   sync.Mutex
	seen map[string]time.Time // by function
}

// due says whether there is to be a finding now, and remembers that there was.
func (s *strays) due(function string, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now.Sub(s.seen[function]) < strayPause {
		return false
	}
	if s.seen == nil || len(s.seen) >= 10_000 {
		s.seen = map[string]time.Time{}
	}
	s.seen[function] = now
	return true
}

// reportStray keeps a finding of credentials that were used outside their cells.
func (d *Door) reportStray(c *Call) {
	function := c.Principal.Cell
	if !d.strays.due(function, c.Time) {
		return
	}
	account := functionAccount(function)
	err := d.db.Update(c, func(tx *store.Tx) error {
		set, err := guardrail.Of(tx, account, guardrail.StrayCredentials)
		if err != nil || set.Mode == guardrail.Off {
			return err
		}
		return guardrail.Record(tx, guardrail.Finding{
			Account: account, Rule: guardrail.StrayCredentials, Severity: guardrail.Critical, Resource: function, Last: c.Time,
			Text: "Credentials of " + function + " (" + c.Principal.AccessKeyID + ") were used from " + origin(c) +
				" and refused. Find out how they left the function: cloister why " + c.RequestID + " shows the call.",
		})
	})
	if err != nil {
		slog.Error("a finding could not be kept", "rule", guardrail.StrayCredentials, "function", function, "error", err)
	}
}

// origin is where a call came from, for people.
func origin(c *Call) string {
	if c.SourceCell != "" {
		return "a cell of " + c.SourceCell
	}
	return "the address " + c.SourceIP
}

// functionAccount is the account in a function's ARN.
func functionAccount(arn string) string {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) < 6 {
		return ""
	}
	return parts[4]
}
