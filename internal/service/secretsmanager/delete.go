package secretsmanager

import (
	"context"
	"errors"
	"log/slog"
	"time"

	api "cloister/internal/awsapi/secretsmanager"
	"cloister/internal/door"
	"cloister/internal/store"
)

func (s *Service) deleteSecret(c *door.Call, tx *store.Tx, in *api.DeleteSecretRequest) (*api.DeleteSecretResponse, error) {
	force := val(in.ForceDeleteWithoutRecovery)
	days := or(in.RecoveryWindowInDays, 30)
	switch {
	case force && in.RecoveryWindowInDays != nil:
		return nil, badParameter("You can't use ForceDeleteWithoutRecovery in conjunction with RecoveryWindowInDays.")
	case days < 7 || days > 30:
		return nil, badParameter("The RecoveryWindowInDays value must be between 7 and 30 days (inclusive).")
	}
	f, err := find(c, tx, val(in.SecretId))
	if err != nil {
		return nil, err
	}
	row := f.row
	switch {
	case row == nil && force: // as on AWS, there is nothing left to do
		return &api.DeleteSecretResponse{ARN: ptr(f.ref.arn()), Name: &f.ref.Name, DeletionDate: &c.Time}, nil
	case row == nil:
		return nil, notFound()
	case force:
		return &api.DeleteSecretResponse{ARN: ptr(row.arn()), Name: &row.Name, DeletionDate: &c.Time}, remove(tx, row)
	case len(row.Replicas) > 0:
		return nil, badRequest("You can't delete secret %s that still has replica regions. Remove them first (RemoveRegionsFromReplication).", row.Name)
	case !row.Deleted.IsZero():
		return nil, badRequest("You can't perform this operation on the secret because it was already scheduled for deletion.")
	}
	row.Deleted, row.Purge = c.Time, c.Time.AddDate(0, 0, int(days))
	out := &api.DeleteSecretResponse{ARN: ptr(row.arn()), Name: &row.Name, DeletionDate: &row.Purge}
	return out, errors.Join(put(tx, row), deleteIfThere(tx, jobs, row.key()))
}

func (s *Service) restoreSecret(c *door.Call, tx *store.Tx, in *api.RestoreSecretRequest) (*api.RestoreSecretResponse, error) {
	row, err := get(c, tx, in.SecretId)
	if err != nil {
		return nil, err
	}
	row.Deleted, row.Purge = time.Time{}, time.Time{}
	if err := s.reschedule(tx, row, c.Time); err != nil {
		return nil, err
	}
	return &api.RestoreSecretResponse{ARN: ptr(row.arn()), Name: &row.Name}, put(tx, row)
}

// remove takes a secret away with all that it had.
func remove(tx *store.Tx, row *secret) error {
	for _, v := range row.Versions {
		if err := deleteIfThere(tx, values, row.valueKey(v.ID)); err != nil {
			return err
		}
	}
	return errors.Join(
		deleteIfThere(tx, accessed, row.key(row.Suffix)),
		deleteIfThere(tx, jobs, row.key()),
		secrets.Delete(tx, row.key()),
	)
}

func deleteIfThere[T any](tx *store.Tx, rows *store.Collection[T], key store.Key) error {
	if err := rows.Delete(tx, key); err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	return nil
}

// sweep removes the secrets whose recovery window is over.
func (s *Service) sweep(ctx context.Context) {
	var gone []store.Key
	err := s.db.View(ctx, func(r store.Reader) error {
		for item, err := range secrets.Scan(r, nil, nil) {
			if err != nil {
				return err
			}
			if item.Value.isGone(s.now()) {
				gone = append(gone, item.Value.key())
			}
		}
		return nil
	})
	for _, key := range gone {
		err = errors.Join(err, s.db.Update(ctx, func(tx *store.Tx) error {
			row, err := secrets.Get(tx, key)
			if errors.Is(err, store.ErrNotFound) || err == nil && !row.isGone(s.now()) {
				return nil
			}
			if err != nil {
				return err
			}
			return remove(tx, row)
		}))
	}
	if err != nil && ctx.Err() == nil {
		slog.Warn("secrets past their recovery window could not be removed", "error", err)
	}
}

// noteReads writes down on which day secrets were read.
func (s *Service) noteReads(ctx context.Context) {
	s.mu.Lock()
	noted := make([]read, 0, len(s.read))
	for _, n := range s.read {
		noted = append(noted, n)
	}
	s.mu.Unlock()
	if len(noted) == 0 {
		return
	}
	err := s.db.Update(ctx, func(tx *store.Tx) error {
		for _, n := range noted {
			if err := noteDay(tx, &n); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		if ctx.Err() == nil {
			slog.Warn("the days on which secrets were read could not be written down", "error", err)
		}
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, n := range noted {
		if s.read[n.row.incarnation()].day == n.day {
			delete(s.read, n.row.incarnation())
		}
	}
}

func noteDay(tx *store.Tx, n *read) error {
	row, err := secrets.Get(tx, n.row.key())
	if errors.Is(err, store.ErrNotFound) || err == nil && row.Suffix != n.row.Suffix {
		return nil
	}
	if err != nil {
		return err
	}
	key := row.key(row.Suffix)
	known, err := accessed.Get(tx, key)
	if err == nil && !known.Day.Before(n.day) {
		return nil
	}
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	return accessed.Put(tx, key, &access{n.day})
}
