package kms

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"time"

	"cloister/internal/audit"
	"cloister/internal/store"
)

const sweepEvery = time.Minute

// sweeper comes by from time to time.
type sweeper struct {
	cancel context.CancelFunc
	done   chan struct{}
}

// sweep does what is due at a time.
type sweep func(ctx context.Context, now time.Time) error

// startSweeper calls sweep at once and every so often, until close.
func startSweeper(sweep sweep, clock func() time.Time, every time.Duration) *sweeper {
	ctx, cancel := context.WithCancel(context.Background())
	w := &sweeper{cancel: cancel, done: make(chan struct{})}
	go w.loop(ctx, sweep, clock, every)
	return w
}

func (w *sweeper) close() {
	w.cancel()
	<-w.done
}

func (w *sweeper) loop(ctx context.Context, sweep sweep, clock func() time.Time, every time.Duration) {
	defer close(w.done)
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for ctx.Err() == nil {
		if err := sweep(ctx, clock()); err != nil && ctx.Err() == nil {
			slog.Error("keys that were due could not be rotated or destroyed; it will be tried again", "error", err)
		}
		select {
		case <-ctx.Done():
		case <-ticker.C:
		}
	}
}

// sweep does what is due at the time now: it destroys the keys whose waiting
// period and the material whose time is over, rotates keys, and destroys the
// wrapping keys that were given up. Each key is a transaction of its own, which
// looks again whether it is due. One that fails does not hold up the others.
func (s *Service) sweep(ctx context.Context, now time.Time) error {
	due, err := s.due(ctx, now)
	for _, id := range due {
		err = errors.Join(err, s.attend(ctx, id, now))
	}
	return errors.Join(err, s.erase(ctx))
}

func (s *Service) due(ctx context.Context, now time.Time) (due []keyID, err error) {
	err = s.db.View(ctx, func(r store.Reader) error {
		for item, err := range keys.ScanIndex(r, "due", nil, nil) {
			if err != nil {
				return err
			}
			if item.Value.due().After(now) {
				return nil
			}
			due = append(due, item.Value.id())
		}
		return nil
	})
	return due, err
}

// attend does what is due with one key.
func (s *Service) attend(ctx context.Context, id keyID, now time.Time) error {
	rotates := false
	err := s.db.Update(ctx, func(tx *store.Tx) error {
		row, err := keys.Get(tx, id.key())
		if err != nil {
			return or404(err, nil)
		}
		rotates = row.State == enabled && row.rotatesItself() && !row.NextRotation.After(now)
		switch {
		case row.State == pendingDeletion && !row.DeletionDate.After(now):
			return errors.Join(s.note(tx, "DeleteKey", row, now), row.destroy(tx, now))
		case len(row.Versions) > 0 && !row.ValidTo.IsZero() && !row.ValidTo.After(now):
			return errors.Join(s.note(tx, "DeleteExpiredKeyMaterial", row, now), row.dropMaterial(tx))
		}
		return nil
	})
	if err != nil || !rotates {
		return err
	}
	return s.rotateWhenDue(ctx, id, now)
}

// note puts what the sweeper does into the audit log, in its own transaction, by
// the names that CloudTrail has for it
// (https://docs.aws.amazon.com/kms/latest/developerguide/logging-using-cloudtrail.html).
func (s *Service) note(tx *store.Tx, event string, row *keyRow, now time.Time) error {
	request, err := json.Marshal(map[string]string{"keyId": row.arn()})
	if err != nil {
		return err
	}
	return s.audit.Stage(tx, &audit.Record{
		Time: now, EventSource: "kms.amazonaws.com", EventName: event, Region: row.Region, Account: row.Account,
		Principal: audit.Principal{Type: "AWSService", Service: "kms.amazonaws.com"}, Outcome: audit.Allowed, Request: request,
	})
}

// erase destroys the wrapping keys that were given up. Each is forgotten once
// its file is gone, so that a crash in between is made good here.
func (s *Service) erase(ctx context.Context) error {
	var wraps []string
	err := s.db.View(ctx, func(r store.Reader) error {
		for item, err := range erasures.Scan(r, nil, nil) {
			if err != nil {
				return err
			}
			wraps = append(wraps, item.Value.Wrap)
		}
		return nil
	})
	if err != nil || len(wraps) == 0 {
		return err
	}
	if err := s.vault.destroy(ctx, wraps...); err != nil {
		return err
	}
	return s.db.Update(ctx, func(tx *store.Tx) error {
		for _, wrap := range wraps {
			if err := erasures.Delete(tx, store.K(wrap)); err != nil && !errors.Is(err, store.ErrNotFound) {
				return err
			}
		}
		return nil
	})
}
