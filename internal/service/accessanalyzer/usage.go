package accessanalyzer

import (
	"context"
	"errors"
	"strings"
	"time"

	"cloister/internal/audit"
	"cloister/internal/store"
)

// batch is how many records of the audit log are read before what they tell is
// written down.
const batch = 20_000

// readUses reads on in the audit log, from where the last scan ended, and notes
// what the users and roles of the analyzers' accounts did.
func (s *Service) readUses(ctx context.Context, all []*analyzer) error {
	accounts := map[string]bool{}
	for _, a := range all {
		if a.Type == unusedAccess {
			accounts[a.Account] = true
		}
	}
	end := s.Audit.Size()
	for account := range accounts {
		for {
			more, err := s.readSome(ctx, account, end)
			if err != nil {
				return err
			}
			if !more {
				break
			}
		}
	}
	return nil
}

// readSome reads one batch, up to a record of the log as it was.
func (s *Service) readSome(ctx context.Context, account string, end int64) (more bool, err error) {
	at, err := s.positionOf(ctx, account)
	if err != nil || at.Next >= end {
		return false, err
	}
	seen := map[string]*use{} // by ARN
	next := at.Next
	for e, err := range s.Audit.Records(ctx, at.Next) {
		if err != nil {
			return false, err
		}
		if next = e.Index + 1; next > end || next-at.Next >= batch {
			break
		}
		note(seen, account, &e.Record)
	}
	at.Next = min(next, end)
	err = s.DB.Update(ctx, func(tx *store.Tx) error {
		for arn, fresh := range seen {
			if err := add(tx, store.K(account, arn), fresh); err != nil {
				return err
			}
		}
		return positions.Put(tx, store.K(account), at)
	})
	return at.Next < end, err
}

func (s *Service) positionOf(ctx context.Context, account string) (at *position, err error) {
	err = s.DB.View(ctx, func(r store.Reader) error {
		at, err = positions.Get(r, store.K(account))
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return &position{}, nil
	}
	return at, err
}

// note adds what one call tells: every attempt counts, as with AWS, if the caller
// proved to be who it is.
func note(seen map[string]*use, account string, rec *audit.Record) {
	arn := rec.Principal.ARN
	if rec.Principal.RoleARN != "" {
		arn = rec.Principal.RoleARN
	}
	if rec.Principal.Account != account || len(rec.Needs) == 0 || arn == "" {
		return
	}
	u := seen[arn]
	if u == nil {
		u = &use{Actions: map[string]time.Time{}}
		seen[arn] = u
	}
	u.did(rec.Time, rec.Needs)
}

func (u *use) did(at time.Time, needs []audit.Need) {
	at = at.UTC().Truncate(time.Second)
	if at.After(u.Last) {
		u.Last = at
	}
	for _, n := range needs {
		if action := strings.ToLower(n.Action); at.After(u.Actions[action]) {
			u.Actions[action] = at
		}
	}
}

// add joins fresh uses to those that are known.
func add(tx *store.Tx, key store.Key, fresh *use) error {
	known, err := uses.Get(tx, key)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return uses.Put(tx, key, fresh)
	case err != nil:
		return err
	}
	if known.Actions == nil {
		known.Actions = map[string]time.Time{}
	}
	if fresh.Last.After(known.Last) {
		known.Last = fresh.Last
	}
	for action, at := range fresh.Actions {
		if at.After(known.Actions[action]) {
			known.Actions[action] = at
		}
	}
	return uses.Put(tx, key, known)
}

// since is what was used after an identity was made: an earlier one of its name
// is somebody else.
func (u *use) since(made time.Time) *use {
	if u.Last.Before(made) {
		return &use{}
	}
	after := &use{Last: u.Last, Actions: map[string]time.Time{}}
	for action, at := range u.Actions {
		if !at.Before(made) {
			after.Actions[action] = at
		}
	}
	return after
}

// forget removes the uses of users and roles that are gone.
func forget(tx *store.Tx, account string, alive map[string]bool) error {
	var gone []store.Key
	for item, err := range uses.Scan(tx, store.K(account), nil) {
		if err != nil {
			return err
		}
		if !alive[item.Key[1].(string)] {
			gone = append(gone, item.Key)
		}
	}
	for _, key := range gone {
		if err := uses.Delete(tx, key); err != nil {
			return err
		}
	}
	return nil
}
