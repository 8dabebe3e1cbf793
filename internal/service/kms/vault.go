package kms

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"

	"cloister/internal/blob"
	"cloister/internal/seal"
)

// vault keeps a wrapping key for each material, in a file of its own. Material
// in the store opens with its wrapping key only, so destroying that file
// destroys the material in every copy of the store there is or was.
//
// The wrapping key is written before the transaction that names it, and
// destroyed after the transaction that gives it up: a crash leaves a wrapping
// key too many, never one too few. One that no material was ever committed under
// protects nothing and stays: removing what the store at hand does not name
// would be a disaster where it is the wrong store.
type vault struct{ files *blob.Dir }

// wrap seals material for its place.
func (v *vault) wrap(ctx context.Context, id keyID, version string, material []byte) (*materialRow, error) {
	var key [seal.AEADKeySize]byte
	defer clear(key[:])
	_, _ = rand.Read(key[:]) // never fails
	row := &materialRow{Wrap: blob.NewID()}
	if _, err := v.files.Put(ctx, row.Wrap, bytes.NewReader(key[:])); err != nil {
		return nil, fmt.Errorf("keep a wrapping key: %w", err)
	}
	row.Sealed = seal.NewAEAD(key[:]).Seal(nil, material, placeOf(id, version))
	return row, nil
}

// unwrap gives the material, which the caller clears.
func (v *vault) unwrap(ctx context.Context, id keyID, version string, row *materialRow) ([]byte, error) {
	f, err := v.files.Open(ctx, row.Wrap)
	if err != nil {
		return nil, fmt.Errorf("the wrapping key of material %s of %s: %w", version, id.arn(), err)
	}
	defer func() { _ = f.Close() }()
	var key [seal.AEADKeySize]byte
	defer clear(key[:])
	if _, err := io.ReadFull(f, key[:]); err != nil {
		return nil, fmt.Errorf("the wrapping key of material %s of %s: %w", version, id.arn(), err)
	}
	return seal.NewAEAD(key[:]).Open(nil, row.Sealed, placeOf(id, version))
}

// placeOf binds sealed material to where it belongs. No part has a space.
func placeOf(id keyID, version string) []byte {
	return []byte("kms material " + id.Account + " " + id.Region + " " + id.ID + " " + version)
}

// destroy removes wrapping keys; those that are gone already are fine.
func (v *vault) destroy(ctx context.Context, wraps ...string) error {
	for _, wrap := range wraps {
		if err := v.files.Delete(ctx, wrap); err != nil && !errors.Is(err, blob.ErrNotFound) {
			return fmt.Errorf("destroy a wrapping key: %w", err)
		}
	}
	return nil
}

// discard destroys the wrapping keys of rows that did not come to be. What
// fails here protects nothing.
func (v *vault) discard(rows ...*materialRow) {
	for _, row := range rows {
		_ = v.destroy(context.Background(), row.Wrap)
	}
}
