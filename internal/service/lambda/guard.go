package lambda

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"cloister/internal/door"
	"cloister/internal/guardrail"
	"cloister/internal/secretscan"
	"cloister/internal/store"
)

// guardFunction asks the guardrails about a function as it is about to be, with
// env as its environment; nil for one that is under a customer's key and was
// asked about when it was set.
func (s *Service) guardFunction(c *door.Call, tx *store.Tx, f ref, v *version, env map[string]string) error {
	subject := &guardrail.Subject{Account: f.Account, Resource: f.functionARN(), Time: c.Time}
	if err := s.guard.Runtime(tx, subject, v.Runtime); err != nil {
		return err
	}
	if v.Sealed == nil || env != nil {
		if err := s.guard.EnvironmentSecrets(tx, subject, env); err != nil {
			return err
		}
	}
	return s.guard.FunctionRole(tx, subject, v.Role)
}

// guardCode asks the guardrails about code that a function is about to have.
func (s *Service) guardCode(c *door.Call, tx *store.Tx, f ref, scan guardrail.Scan) error {
	return s.guard.CodeSecrets(tx, &guardrail.Subject{Account: f.Account, Resource: f.functionARN(), Time: c.Time}, scan)
}

// layerSubject is a version of a layer to the guardrails.
func layerSubject(c *door.Call, l layerID) *guardrail.Subject {
	return &guardrail.Subject{
		Account: l.Account, Resource: layerARN(l.Account, l.Region, l.Name), Part: fmt.Sprintf("version %d", l.Number), Time: c.Time,
	}
}

// scanTime is how long a package is scanned. Those that AWS takes need a
// fraction of it, unless they are made to need more.
const scanTime = 20 * time.Second

// scanOf scans a package for a rule: at once where the rule wants to know, so
// that no transaction waits for it.
func (s *Service) scanOf(c *door.Call, rule string, zip []byte) (guardrail.Scan, error) {
	scan := sync.OnceValues(func() (*secretscan.Report, error) {
		ctx, cancel := context.WithTimeout(c, scanTime)
		defer cancel()
		report, err := secretscan.Zip(ctx, bytes.NewReader(zip), int64(len(zip)), nil)
		if errors.Is(err, context.DeadlineExceeded) {
			err = fail("InvalidParameterValueException", "The package could not be scanned for secrets within %s: leave out of it what is not code, or have an administrator set %s to off.", scanTime, rule)
		}
		return report, err
	})
	return scan, c.View(func(r store.Reader) error {
		set, err := guardrail.Of(r, c.Account, rule)
		if err == nil && set.Mode != guardrail.Off {
			_, err = scan()
		}
		return err
	})
}
