package guardrail

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strings"
	"time"

	"cloister/internal/store"
)

// Finding is something in an account that is not as a rule wants it. Detectors
// of any kind record theirs with Record.
type Finding struct {
	ID       string // of rule, resource and part: found again it is the same finding
	Account  string
	Rule     string
	Severity Severity
	Resource string // ARN
	Part     string // what of the resource, such as "inline policy x"; or ""
	Text     string
	Status   Status
	First    time.Time
	Last     time.Time // found again, or resolved
}

// Status says whether what was found is still so.
type Status string

// The statuses.
const (
	Active   Status = "ACTIVE"
	Resolved Status = "RESOLVED"
)

var findings = store.Define[Finding]("guardrail.finding", // account, id
	store.Index("resource", func(f *Finding) []store.Key { return []store.Key{store.K(f.Account, f.Resource)} }))

// Record keeps a finding of which all but ID, Status and First is given.
func Record(tx *store.Tx, f Finding) error {
	f.ID, f.Status, f.First = findingID(f.Rule, f.Resource, f.Part), Active, f.Last
	known, err := findings.Get(tx, store.K(f.Account, f.ID))
	switch {
	case err == nil:
		f.First = known.First
	case !errors.Is(err, store.ErrNotFound):
		return err
	}
	return findings.Put(tx, store.K(f.Account, f.ID), &f)
}

// findingID joins with a byte that no ARN and no name has.
func findingID(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return hex.EncodeToString(sum[:12])
}

// resolve marks a finding, if there is one, as no longer so.
func resolve(tx *store.Tx, account, id string, at time.Time) error {
	f, err := findings.Get(tx, store.K(account, id))
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil || f.Status == Resolved {
		return err
	}
	f.Status, f.Last = Resolved, at
	return findings.Put(tx, store.K(account, id), f)
}

// Gone resolves the findings of a resource that is deleted, or of one part of
// it. An empty part means the whole.
func Gone(tx *store.Tx, account, resource, part string, at time.Time) error {
	var ids []string
	for item, err := range findings.ScanIndex(tx, "resource", store.K(account, resource), nil) {
		if err != nil {
			return err
		}
		if part == "" || part == item.Value.Part {
			ids = append(ids, item.Value.ID)
		}
	}
	for _, id := range ids {
		if err := resolve(tx, account, id, at); err != nil {
			return err
		}
	}
	return nil
}

// Moved has what is still so of a resource be so of the ARN that it has from now
// on. What is no longer so keeps the ARN under which it was.
func Moved(tx *store.Tx, account, from, to string) error {
	if from == to {
		return nil
	}
	var moved []*Finding
	for item, err := range findings.ScanIndex(tx, "resource", store.K(account, from), nil) {
		if err != nil {
			return err
		}
		if item.Value.Status == Active {
			moved = append(moved, item.Value)
		}
	}
	for _, f := range moved {
		if err := findings.Delete(tx, store.K(account, f.ID)); err != nil {
			return err
		}
		f.ID, f.Resource = findingID(f.Rule, to, f.Part), to
		f.Text = strings.ReplaceAll(f.Text, from+" ", to+" ")
		if err := findings.Put(tx, store.K(account, f.ID), f); err != nil {
			return err
		}
	}
	return nil
}

// Findings lists an account's findings by id: those after the given id and,
// if a status is given, of that status. It says whether there are more.
func Findings(r store.Reader, account string, status Status, after string, most int) (found []*Finding, more bool, err error) {
	var from store.Key
	if after != "" {
		from = store.K(account, after)
	}
	for item, err := range findings.Scan(r, store.K(account), from) {
		if err != nil {
			return nil, false, err
		}
		if status != "" && item.Value.Status != status {
			continue
		}
		if len(found) == most {
			return found, true, nil
		}
		found = append(found, item.Value)
	}
	return found, false, nil
}
