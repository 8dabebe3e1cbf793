package secretsmanager

import (
	"errors"
	"fmt"
	"slices"

	"cloister/internal/store"
	"cloister/policy"
)

// Check verifies that a stage is on one version only, that AWSCURRENT is on one
// that has a value whenever there is any, that exactly the versions that say so
// have values, and that jobs are of secrets that are rotated.
func (s *Service) Check(r store.Reader) error {
	k := checker{filled: map[string]bool{}}
	return errors.Join(k.secrets(r), k.values(r), k.jobs(r), errors.Join(k.bad...))
}

type checker struct {
	filled map[string]bool // values that there must be, by key
	bad    []error
}

func (k *checker) wrong(format string, args ...any) {
	k.bad = append(k.bad, fmt.Errorf(format, args...))
}

func (k *checker) secrets(r store.Reader) error {
	for item, err := range secrets.Scan(r, nil, nil) {
		if err != nil {
			return err
		}
		row := item.Value
		k.stages(row)
		if row.Policy != "" {
			if _, err := policy.Parse(policy.KindResource, []byte(row.Policy)); err != nil {
				k.wrong("%s: its policy: %w", row.arn(), err)
			}
		}
	}
	return nil
}

func (k *checker) stages(row *secret) {
	seen := map[string]bool{}
	any := false
	for _, v := range row.Versions {
		for _, stage := range v.Stages {
			if seen[stage] {
				k.wrong("%s: %s is on two versions", row.arn(), stage)
			}
			seen[stage] = true
		}
		if v.Filled {
			any = true
			k.filled[fmt.Sprint(row.valueKey(v.ID))] = true
		} else if slices.Contains(v.Stages, current) {
			k.wrong("%s: AWSCURRENT has no value", row.arn())
		}
	}
	if any && row.at(current) == nil && row.at(pending) == nil && !k.onlyLabelled(row) {
		k.wrong("%s: it has values and no AWSCURRENT", row.arn())
	}
}

// onlyLabelled tells whether no value was ever put as AWSCURRENT.
func (k *checker) onlyLabelled(row *secret) bool { return row.at(previous) == nil }

func (k *checker) values(r store.Reader) error {
	for item, err := range values.Scan(r, nil, nil) {
		if err != nil {
			return err
		}
		key := fmt.Sprint(item.Key)
		if !k.filled[key] {
			k.wrong("value %s belongs to no version", key)
		}
		delete(k.filled, key)
	}
	for key := range k.filled {
		k.wrong("the value %s is missing", key)
	}
	return nil
}

func (k *checker) jobs(r store.Reader) error {
	for item, err := range jobs.Scan(r, nil, nil) {
		if err != nil {
			return err
		}
		j := item.Value
		row, err := secrets.Get(r, j.key())
		if err != nil || row.Suffix != j.Suffix || !row.Rotation.Enabled || !row.Deleted.IsZero() {
			k.wrong("the rotation of %s, which is not rotated: %v", j.Name, err)
		}
	}
	return nil
}
