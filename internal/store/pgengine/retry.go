package pgengine

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// maxAttempts is for transactions that nobody's context ends.
const maxAttempts = 100

// againError marks an error after which the whole transaction runs again.
type againError struct{ error }

func (e againError) Unwrap() error { return e.error }

func again(err error) bool {
	_, ok := err.(againError)
	return ok
}

func unwrapAgain(err error) error {
	if a, ok := err.(againError); ok {
		return a.error
	}
	return err
}

// retryable marks err when the server says that the transaction did not take
// place because of another one.
func retryable(err error) error {
	var pg *pgconn.PgError
	if !errors.As(err, &pg) {
		return err
	}
	switch {
	case pg.Code == "40001", pg.Code == "40P01": // serialization_failure, deadlock_detected
		return againError{err}
	case pg.Code == "23505" && pg.TableName == "cloister_feed":
		// The feed gave our number up for lost before we used it.
		return againError{err}
	}
	return err
}

// pause waits longer with each attempt, a random while so that those who met
// do not meet again.
func pause(ctx context.Context, attempt int) error {
	limit := min(time.Millisecond<<min(attempt, 10), 100*time.Millisecond)
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(rand.N(limit)):
		return nil
	}
}
