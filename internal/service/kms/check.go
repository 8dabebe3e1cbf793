package kms

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"cloister/internal/store"
)

// Check verifies that aliases, keys, grants and materials belong together, that
// every material opens under its wrapping key and is of its key's kind, and that
// the keys of several regions agree.
func (s *Service) Check(ctx context.Context) error {
	k := checker{s: s, ctx: ctx, wraps: map[string]bool{}}
	err := s.db.View(ctx, func(r store.Reader) error {
		return errors.Join(k.keys(r), k.aliases(r), k.materials(r), k.grants(r), k.erasures(r), k.witness(r))
	})
	return errors.Join(err, k.files(), errors.Join(k.bad...))
}

type checker struct {
	s     *Service
	ctx   context.Context
	wraps map[string]bool
	bad   []error
}

func (k *checker) wrong(format string, args ...any) {
	k.bad = append(k.bad, fmt.Errorf(format, args...))
}

func (k *checker) keys(r store.Reader) error {
	for item, err := range keys.Scan(r, nil, nil) {
		if err != nil {
			return err
		}
		row := item.Value
		if !slices.Equal(item.Key, row.id().key()) {
			k.wrong("%s lies at %v", row.arn(), item.Key)
		}
		if _, err := row.compile(); err != nil {
			k.bad = append(k.bad, err)
		}
		k.key(r, row)
	}
	return nil
}

func (k *checker) key(r store.Reader, row *keyRow) {
	for _, name := range row.Aliases {
		if id, err := loadAlias(r, aliasID{row.Account, row.Region, name}); err != nil || id != row.id() {
			k.wrong("%s says that it is %s, which is %s (%v)", row.arn(), name, id.ID, err)
		}
	}
	for _, v := range row.Versions {
		if _, err := materials.Get(r, row.id().key(v.ID)); err != nil {
			k.wrong("%s, material %s: %w", row.arn(), v.ID, err)
		}
	}
	if bare := len(row.Versions) == 0; bare != (row.State == pendingImport) && !(bare && row.dying() && row.Origin == external) {
		k.wrong("%s is %s with %d materials", row.arn(), row.State, len(row.Versions))
	}
	for _, region := range row.regions() {
		other, err := keys.Get(r, keyID{row.Account, region, row.ID}.key())
		if err != nil {
			k.wrong("%s has no key in %s: %w", row.arn(), region, err)
			continue
		}
		sameIDs := slices.EqualFunc(row.Versions, other.Versions, func(a, b version) bool { return a.ID == b.ID })
		if row.Origin == fromKMS && !sameIDs || other.Primary != row.Primary || !slices.Equal(other.Replicas, row.Replicas) || other.RotationDays != row.RotationDays {
			k.wrong("%s and %s do not agree", row.arn(), other.arn())
		}
	}
}

func (k *checker) aliases(r store.Reader) error {
	for item, err := range aliases.Scan(r, nil, nil) {
		if err != nil {
			return err
		}
		name := item.Key[2].(string)
		row, err := keys.Get(r, store.K(item.Key[0], item.Key[1], item.Value.KeyID))
		if err != nil || !slices.Contains(row.Aliases, name) {
			k.wrong("alias %s stands for %s, which does not know (%v)", name, item.Value.KeyID, err)
		}
	}
	return nil
}

func (k *checker) materials(r store.Reader) error {
	for item, err := range materials.Scan(r, nil, nil) {
		if err != nil {
			return err
		}
		k.wraps[item.Value.Wrap] = true
		id, version := keyID{item.Key[0].(string), item.Key[1].(string), item.Key[2].(string)}, item.Key[3].(string)
		row, err := keys.Get(r, id.key())
		if err != nil || !row.has(version) {
			k.wrong("material %s belongs to no key (%v)", version, err)
			continue
		}
		raw, err := k.s.vault.unwrap(k.ctx, id, version, item.Value)
		if err == nil {
			_, err = parseMaterial(row.Spec, raw)
			clear(raw)
		}
		if err != nil {
			k.bad = append(k.bad, err)
		}
	}
	return nil
}

func (k *checker) grants(r store.Reader) error {
	for item, err := range grants.Scan(r, nil, nil) {
		if err != nil {
			return err
		}
		g := item.Value
		if !slices.Equal(item.Key, g.key()) {
			k.wrong("grant %s lies at %v", g.ID, item.Key)
		}
		if _, err := keys.Get(r, item.Key[:3]); err != nil {
			k.wrong("grant %s belongs to no key: %w", g.ID, err)
		}
		if _, err := g.compile(); err != nil {
			k.bad = append(k.bad, err)
		}
	}
	return nil
}

func (k *checker) erasures(r store.Reader) error {
	for item, err := range erasures.Scan(r, nil, nil) {
		if err != nil {
			return err
		}
		if k.wraps[item.Value.Wrap] {
			k.wrong("wrapping key %s is to be destroyed and is in use", item.Value.Wrap)
		}
		k.wraps[item.Value.Wrap] = true
	}
	return nil
}

func (k *checker) witness(r store.Reader) error {
	row, err := witnesses.Get(r, witnessKey)
	if err == nil {
		err = k.s.vault.holds(k.ctx, row.Wrap)
	}
	return err
}

func (k *checker) files() error {
	problems, err := k.s.vault.files.Check(k.ctx, nil)
	for _, p := range problems {
		k.wrong("%s", p)
	}
	return err
}
