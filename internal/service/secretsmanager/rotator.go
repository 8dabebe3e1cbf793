package secretsmanager

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
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

// rotate does a claimed job as far as it goes: each step that was done is
// written down before the next, so that a process that takes over asks for that
// again which it does not know to be done.
func (s *Service) rotate(ctx context.Context, row *secret, j *job) error {
	ctx, stop := s.hold(ctx, j)
	defer stop()
	for j.Step < len(steps) {
		if err := s.step(ctx, row, j); err != nil {
			return s.failed(ctx, j, err)
		}
		j.Step++
		held, err := s.held(ctx, j, func(tx *store.Tx, _ *secret, stored *job) error {
			stored.Step = j.Step
			return jobs.Put(tx, j.key(), stored)
		})
		if err != nil || !held {
			return err
		}
	}
	return s.finished(ctx, j)
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
		return context.Cause(ctx)
	}
	slog.Warn("a rotation failed", "secret", j.Name, "step", steps[j.Step], "attempt", j.Failed+1, "error", cause)
	_, err := s.held(ctx, j, func(tx *store.Tx, row *secret, stored *job) error {
		stored.Failed++
		if stored.Failed >= attempts {
			if err := s.plan(tx, row, s.now()); err != nil {
				return err
			}
			return put(tx, row)
		}
		stored.Step, stored.Holder, stored.Due = 0, "", s.now().Add(firstDelay<<(stored.Failed-1))
		return jobs.Put(tx, row.key(), stored)
	})
	return err
}

// finished ends a rotation whose steps are done: the version must be AWSCURRENT
// now.
func (s *Service) finished(ctx context.Context, j *job) error {
	isCurrent := false
	held, err := s.held(ctx, j, func(tx *store.Tx, row *secret, _ *job) error {
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
	if err == nil && held && !isCurrent {
		j.Step = len(steps) - 1
		return s.failed(ctx, j, errors.New("the function said that it was done, and the new version is not AWSCURRENT"))
	}
	return err
}
