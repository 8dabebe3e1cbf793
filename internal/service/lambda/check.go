package lambda

import (
	"errors"
	"fmt"

	"cloister/internal/store"
)

// Check verifies that the service's tables fit together: every version, alias,
// permission and event configuration belongs to a function that exists, every
// alias points to versions that exist, and no version is numbered above the
// highest that was published.
func (s *Service) Check(r store.Reader) error {
	return errors.Join(
		checkVersions(r),
		checkOwned(r, "alias", aliases),
		checkOwned(r, "permission", permissions),
		checkOwned(r, "event configuration", eventConfigs),
		checkAliases(r),
	)
}

func checkVersions(r store.Reader) error {
	var bad []error
	for item, err := range versions.Scan(r, nil, nil) {
		if err != nil {
			return err
		}
		fn, err := functions.Get(r, item.Key[:3])
		switch {
		case err != nil:
			bad = append(bad, fmt.Errorf("version %v: its function: %w", item.Key, err))
		case item.Value.Number > fn.LastVersion:
			bad = append(bad, fmt.Errorf("version %v is above the highest published, %d", item.Key, fn.LastVersion))
		case item.Key[3] != item.Value.Number:
			bad = append(bad, fmt.Errorf("version %v says it is %d", item.Key, item.Value.Number))
		}
	}
	return errors.Join(bad...)
}

// checkOwned verifies that the rows belong to functions that exist.
func checkOwned[T any](r store.Reader, what string, rows *store.Collection[T]) error {
	var bad []error
	for item, err := range rows.Scan(r, nil, nil) {
		if err != nil {
			return err
		}
		if _, err := functions.Get(r, item.Key[:3]); err != nil {
			bad = append(bad, fmt.Errorf("%s %v: its function: %w", what, item.Key, err))
		}
	}
	return errors.Join(bad...)
}

func checkAliases(r store.Reader) error {
	var bad []error
	for item, err := range aliases.Scan(r, nil, nil) {
		if err != nil {
			return err
		}
		f := ref{Account: item.Key[0].(string), Region: item.Key[1].(string), Name: item.Key[2].(string)}
		if err := checkAlias(r, f, item.Value); err != nil {
			bad = append(bad, fmt.Errorf("alias %v: %w", item.Key, err))
		}
	}
	return errors.Join(bad...)
}
