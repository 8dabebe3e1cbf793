package lambda

import (
	"errors"
	"fmt"

	"cloister/internal/store"
)

// Check verifies that the service's tables fit together: every version, alias,
// permission and event configuration belongs to a function that exists, and the
// latter two to a version or alias of it; every function has a latest version;
// every alias points to versions that exist; no version is numbered above the
// highest that was published; and the same of layers.
func (s *Service) Check(r store.Reader) error {
	return errors.Join(
		checkFunctions(r),
		checkVersions(r),
		checkOwned(r, "alias", aliases),
		checkQualified(r, "permission", permissions),
		checkQualified(r, "event configuration", eventConfigs),
		checkQualified(r, "function URL", urls),
		checkAliases(r),
		checkLayers(r),
		checkLayerPolicies(r),
	)
}

func checkFunctions(r store.Reader) error {
	var bad []error
	for item, err := range functions.Scan(r, nil, nil) {
		if err != nil {
			return err
		}
		f := refOfKey(item.Key)
		if _, err := versions.Get(r, f.key(int64(latest))); err != nil {
			bad = append(bad, fmt.Errorf("function %v: its latest version: %w", item.Key, err))
		}
		if last, err := lastEver(r, f); err != nil || last > item.Value.LastVersion {
			bad = append(bad, fmt.Errorf("function %v numbers its versions from %d, but %d was used: %w", item.Key, item.Value.LastVersion, last, err))
		}
	}
	return errors.Join(bad...)
}

func refOfKey(key store.Key) ref {
	return ref{Account: key[0].(string), Region: key[1].(string), Name: key[2].(string)}
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

// checkQualified verifies that the rows belong to versions or aliases that exist.
func checkQualified[T any](r store.Reader, what string, rows *store.Collection[T]) error {
	var bad []error
	for item, err := range rows.Scan(r, nil, nil) {
		if err != nil {
			return err
		}
		f := refOfKey(item.Key).qualified(item.Key[3].(string))
		if _, err := resolve(r, f); err != nil {
			bad = append(bad, fmt.Errorf("%s %v: %w", what, item.Key, err))
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
		f := refOfKey(item.Key)
		if err := checkAlias(r, f, item.Value); err != nil {
			bad = append(bad, fmt.Errorf("alias %v: %w", item.Key, err))
		}
	}
	return errors.Join(bad...)
}
func checkLayers(r store.Reader) error {
	var bad []error
	for item, err := range layerVersions.Scan(r, nil, nil) {
		if err != nil {
			return err
		}
		l, err := layers.Get(r, item.Key[:3])
		switch {
		case err != nil:
			bad = append(bad, fmt.Errorf("layer version %v: its layer: %w", item.Key, err))
		case item.Value.Number > l.LastVersion || item.Key[3] != item.Value.Number:
			bad = append(bad, fmt.Errorf("layer version %v says it is %d of %d", item.Key, item.Value.Number, l.LastVersion))
		}
	}
	return errors.Join(bad...)
}

func checkLayerPolicies(r store.Reader) error {
	var bad []error
	for item, err := range layerPolicies.Scan(r, nil, nil) {
		if err != nil {
			return err
		}
		if _, err := layerVersions.Get(r, item.Key); err != nil {
			bad = append(bad, fmt.Errorf("layer permission %v: its layer version: %w", item.Key, err))
		}
	}
	return errors.Join(bad...)
}
