package secretsmanager

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	lambda "cloister/internal/awsapi/lambda"
	"cloister/internal/door"
	"cloister/internal/store"
)

// steps are what a rotation function is asked to do, one after the other
// (https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotate-secrets_lambda-functions.html).
var steps = []string{"createSecret", "setSecret", "testSecret", "finishSecret"}

// attempts is how often a rotation is tried; after each failure it waits twice
// as long.
const (
	attempts   = 5
	firstDelay = time.Minute
)

// atOnce is how many rotations run at the same time.
const atOnce = 4

// rotateDue does all rotations that are due, until none is or one cannot go on:
// that is tried again later.
func (s *Service) rotateDue(ctx context.Context) {
	for ctx.Err() == nil {
		due, err := s.due(ctx)
		if err != nil && ctx.Err() == nil {
			slog.Warn("the rotations that are due could not be read", "error", err)
		}
		if err != nil || len(due) == 0 {
			return
		}
		var all sync.WaitGroup
		var stuck atomic.Bool
		for _, j := range due {
			all.Go(func() {
				if err := s.rotate(ctx, j); err != nil && ctx.Err() == nil {
					stuck.Store(true)
					slog.Warn("a rotation could not go on", "secret", j.Name, "error", err)
				}
			})
		}
		all.Wait()
		if stuck.Load() {
			return
		}
	}
}

// due are the first few jobs whose time has come.
func (s *Service) due(ctx context.Context) (due []*job, err error) {
	err = s.db.View(ctx, func(r store.Reader) error {
		for item, err := range jobs.ScanIndex(r, "due", nil, nil) {
			if err != nil {
				return err
			}
			if item.Value.Due.After(s.now()) || len(due) == atOnce {
				return nil
			}
			due = append(due, item.Value)
		}
		return nil
	})
	return due, err
}

// rotate does one job as far as it goes: each step that was done is written
// down before the next, so that a process that takes over asks for that again
// which it does not know to be done.
func (s *Service) rotate(ctx context.Context, j *job) error {
	row, j, err := s.takeUp(ctx, j)
	if err != nil || row == nil {
		return err
	}
	for j.Step < len(steps) {
		if err := s.step(ctx, row, j); err != nil {
			return s.failed(ctx, j, err)
		}
		j.Step++
		if _, err := s.advance(ctx, j, func(tx *store.Tx, _ *secret, stored *job) error {
			stored.Step = j.Step
			return jobs.Put(tx, row.key(), stored)
		}); err != nil {
			return err
		}
	}
	return s.finished(ctx, j)
}

// takeUp begins a job whose time has come, or finds where it was.
func (s *Service) takeUp(ctx context.Context, j *job) (row *secret, taken *job, err error) {
	if j.Token == "" {
		_, err = s.advance(ctx, j, func(tx *store.Tx, row *secret, stored *job) error {
			if err := jobs.Delete(tx, row.key()); err != nil {
				return err
			}
			return s.begin(tx, row, newToken(), s.now())
		})
		if err != nil {
			return nil, nil, err
		}
	}
	err = s.db.View(ctx, func(r store.Reader) (err error) {
		if row, err = secrets.Get(r, j.key()); err == nil {
			taken, err = jobs.Get(r, j.key())
		}
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil, nil // deleted or cancelled meanwhile
	}
	return row, taken, err
}

func (j *job) key() store.Key { return store.K(j.Account, j.Region, j.Name) }

// advance changes a job that is still the one it was, and tells whether it was.
func (s *Service) advance(ctx context.Context, j *job, change func(tx *store.Tx, row *secret, stored *job) error) (ok bool, err error) {
	err = s.db.Update(ctx, func(tx *store.Tx) error {
		ok = false
		row, err := secrets.Get(tx, j.key())
		if errors.Is(err, store.ErrNotFound) || err == nil && (row.Suffix != j.Suffix || !row.Deleted.IsZero()) {
			return nil
		}
		if err != nil {
			return err
		}
		stored, err := jobs.Get(tx, j.key())
		if errors.Is(err, store.ErrNotFound) || err == nil && stored.Token != j.Token {
			return nil
		}
		if err != nil {
			return err
		}
		ok = true
		return change(tx, row, stored)
	})
	return ok, err
}

// event is what a rotation function gets.
type event struct {
	Step               string
	SecretID           string `json:"SecretId"`
	ClientRequestToken string
}

// step asks the function for one step. What it answers, also of its failures,
// may hold what is secret and goes nowhere.
func (s *Service) step(ctx context.Context, row *secret, j *job) error {
	payload, err := json.Marshal(event{steps[j.Step], row.arn(), j.Token})
	if err != nil {
		return err
	}
	out, err := door.Do(ctx, s.door, row.principal(), lambda.OpInvoke, &lambda.InvocationRequest{FunctionName: &row.Rotation.Function, Payload: payload})
	if err != nil {
		return err
	}
	if val(out.FunctionError) != "" {
		return fmt.Errorf("the function failed at %s; its log says why", steps[j.Step])
	}
	return nil
}

// failed has a job be tried again later, from its first step, or no more.
func (s *Service) failed(ctx context.Context, j *job, cause error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	slog.Warn("a rotation failed", "secret", j.Name, "step", steps[j.Step], "attempt", j.Failed+1, "error", cause)
	_, err := s.advance(ctx, j, func(tx *store.Tx, row *secret, stored *job) error {
		stored.Failed++
		if stored.Failed >= attempts {
			if err := s.plan(tx, row, s.now()); err != nil {
				return err
			}
			return put(tx, row)
		}
		stored.Step, stored.Due = 0, s.now().Add(firstDelay<<(stored.Failed-1))
		return jobs.Put(tx, row.key(), stored)
	})
	return err
}

// finished ends a rotation whose steps are done: the version must be AWSCURRENT
// now.
func (s *Service) finished(ctx context.Context, j *job) error {
	isCurrent := false
	_, err := s.advance(ctx, j, func(tx *store.Tx, row *secret, _ *job) error {
		v := row.version(j.Token)
		if isCurrent = v != nil && slices.Contains(v.Stages, current); !isCurrent {
			return nil
		}
		row.Rotated, row.Changed = s.now(), s.now()
		if err := s.plan(tx, row, s.now()); err != nil {
			return err
		}
		return put(tx, row)
	})
	if err == nil && !isCurrent {
		j.Step = len(steps) - 1
		return s.failed(ctx, j, errors.New("the function said that it was done, and the new version is not AWSCURRENT"))
	}
	return err
}
