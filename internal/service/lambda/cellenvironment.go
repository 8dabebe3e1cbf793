package lambda

import (
	"context"

	"cloister/internal/service/lambda/invoke"
	"cloister/internal/store"
)

// CellEnvironment opens a function's environment for a cell, and reads what it
// refers to, as the session of the function's role that the cell has: what the
// role may not decrypt or read the function does not get.
func (s *Service) CellEnvironment(ctx context.Context, fn *invoke.Function, with invoke.Credentials) (invoke.Environment, error) {
	f := ref{Account: fn.Account, Region: fn.Region, Name: fn.Name}
	v, err := s.versionOf(ctx, f, fn)
	if err != nil {
		return invoke.Environment{}, err
	}
	as, err := s.door.Session(ctx, with.AccessKeyID, with.SessionToken)
	if err != nil {
		return invoke.Environment{}, err
	}
	variables, err := s.openEnvironment(ctx, as, f, v)
	if err != nil {
		return invoke.Environment{}, err
	}
	return s.resolveReferences(ctx, as, variables)
}

// versionOf is the version that a snapshot was made of.
func (s *Service) versionOf(ctx context.Context, f ref, fn *invoke.Function) (v *version, err error) {
	number, _ := versionNumber(fn.Version)
	err = s.db.View(ctx, func(r store.Reader) error {
		v, err = versions.Get(r, f.key(number))
		return err
	})
	if err == nil && v.RevisionID != fn.Revision {
		err = fail("ResourceConflictException", "The operation cannot be performed at this time. The function is currently in the following state: Pending")
	}
	return v, err
}
