package kms

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"

	"cloister/internal/blob"
	"cloister/internal/store"
)

// The witness is a file among the wrapping keys whose name the store knows. A
// folder without it is another's, or what is left of one: keys would fail one by
// one there, and those that are destroyed would keep their wrapping keys in the
// folder where they are.

var errOtherFolder = errors.New("the wrapping keys of this store are not in this data directory")

// attest finds the witness, or makes it for a store that has none. lost says to
// do without wrapping keys that are gone.
func (s *Service) attest(ctx context.Context, lost bool) error {
	known, err := s.witness(ctx)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return s.putWitness(ctx, "")
	case err != nil:
		return err
	}
	err = s.vault.holds(ctx, known)
	if !errors.Is(err, blob.ErrNotFound) {
		return err
	}
	if lost {
		return s.putWitness(ctx, known)
	}
	return fmt.Errorf("%w: have its folder wrapping/ be the one that the other nodes of this store use, by storage that they share, "+
		"or bring it back from its backup; if it is gone for good, so is all that is under its keys: start once with --accept-lost-keys (docs/erasure.md)", errOtherFolder)
}

func (s *Service) witness(ctx context.Context) (id string, err error) {
	err = s.db.View(ctx, func(r store.Reader) error {
		row, err := witnesses.Get(r, witnessKey)
		if err == nil {
			id = row.Wrap
		}
		return err
	})
	return id, err
}

// putWitness makes a witness that takes the place of old, unless another node
// was faster.
func (s *Service) putWitness(ctx context.Context, old string) error {
	id := blob.NewID()
	if _, err := s.vault.files.Put(ctx, id, io.LimitReader(rand.Reader, 32)); err != nil {
		return fmt.Errorf("keep the witness of the wrapping keys: %w", err)
	}
	mine := true
	err := s.db.Update(ctx, func(tx *store.Tx) error {
		mine = true
		row, err := witnesses.Get(tx, witnessKey)
		if err == nil && row.Wrap != old {
			mine = false
			return nil
		}
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		return witnesses.Put(tx, witnessKey, &witnessRow{id})
	})
	if err != nil || mine {
		return err
	}
	return errors.Join(s.vault.destroy(ctx, id), s.attest(ctx, false))
}

// holds tells whether the file of a wrapping key, or of the witness, is there
// and whole.
func (v *vault) holds(ctx context.Context, id string) error {
	f, err := v.files.Open(ctx, id)
	if err != nil {
		return fmt.Errorf("the witness of the wrapping keys: %w", err)
	}
	_, err = io.Copy(io.Discard, f)
	return errors.Join(err, f.Close())
}
