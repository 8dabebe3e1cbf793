package secretsmanager

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/google/uuid"

	"cloister/internal/awsapi"
	"cloister/internal/store"
)

// lease is how long a rotation is its holder's without a word from it. Nodes on
// one database so never ask for the same step at once, unless their clocks are
// apart by more than what is left of a lease when it is renewed.
const lease = 15 * time.Second

// claim takes up an account's first rotation that is due, and begins it if it
// has not begun; nil if none is due. Nobody else does it while the lease lasts.
func (s *Service) claim(ctx context.Context, account string) (row *secret, j *job, err error) {
	err = s.db.Update(ctx, func(tx *store.Tx) error {
		for {
			if j, err = s.firstDue(tx, account); err != nil || j == nil {
				return err
			}
			row, err = s.takeUp(tx, j)
			if err != nil || row != nil {
				return err
			}
		}
	})
	return row, j, err
}

func (s *Service) firstDue(r store.Reader, account string) (*job, error) {
	for item, err := range jobs.ScanIndex(r, "due of", store.K(account), nil) {
		if err != nil || item.Value.Due.After(s.now()) {
			return nil, err
		}
		return item.Value, nil
	}
	return nil, nil
}

// takeUp makes a job the caller's. Without a secret there was nothing to take
// up, and the job is gone.
func (s *Service) takeUp(tx *store.Tx, j *job) (*secret, error) {
	row, err := secretOf(tx, j)
	if err != nil {
		return nil, err
	}
	if row == nil {
		return nil, jobs.Delete(tx, j.key())
	}
	if j.Token == "" {
		switch err := s.begin(tx, row, newToken(), s.now()); {
		case isRefusal(err):
			slog.Warn("a rotation could not begin", "secret", row.Name, "error", err)
			return nil, s.postpone(tx, j)
		case err != nil:
			return nil, err
		}
		begun, err := jobs.Get(tx, j.key())
		if err != nil {
			return nil, err
		}
		*j = *begun
	}
	j.Holder, j.Due = uuid.NewString(), s.now().Add(lease)
	return row, jobs.Put(tx, j.key(), j)
}

// postpone leaves a rotation that cannot begin to the next time of its schedule.
func (s *Service) postpone(tx *store.Tx, j *job) error {
	row, err := secrets.Get(tx, j.key())
	if err != nil {
		return err
	}
	return errors.Join(s.plan(tx, row, s.now()), put(tx, row))
}

func isRefusal(err error) bool {
	var e *awsapi.Error
	return errors.As(err, &e) && e.Status < http.StatusInternalServerError
}

// secretOf is the secret that a job is of, nil if that is gone.
func secretOf(r store.Reader, j *job) (*secret, error) {
	row, err := secrets.Get(r, j.key())
	if errors.Is(err, store.ErrNotFound) || err == nil && (row.Suffix != j.Suffix || !row.Deleted.IsZero()) {
		return nil, nil
	}
	return row, err
}

// held changes a job that is still its holder's, and tells whether it was.
func (s *Service) held(ctx context.Context, j *job, change func(tx *store.Tx, row *secret, stored *job) error) (ok bool, err error) {
	err = s.db.Update(ctx, func(tx *store.Tx) error {
		ok = false
		row, err := secretOf(tx, j)
		if err != nil || row == nil {
			return err
		}
		stored, err := jobs.Get(tx, j.key())
		if errors.Is(err, store.ErrNotFound) || err == nil && stored.Holder != j.Holder {
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

var errLost = errors.New("it was cancelled, or is another's now")

// hold renews a job's lease until stop is called. The context ends when the
// lease is lost: the rotation was cancelled, or is another's.
func (s *Service) hold(ctx context.Context, j *job) (held context.Context, stop func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	holder := *j
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		defer cancel(errLost)
		tick := time.NewTicker(lease / 3)
		defer tick.Stop()
		for left := lease; left > 0; {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			ok, err := s.held(ctx, &holder, func(tx *store.Tx, _ *secret, stored *job) error {
				stored.Due = s.now().Add(lease)
				return jobs.Put(tx, holder.key(), stored)
			})
			switch {
			case err == nil && !ok:
				return
			case err == nil:
				left = lease
			default:
				left -= lease / 3
			}
		}
	}()
	return ctx, func() { cancel(nil); <-ended }
}
