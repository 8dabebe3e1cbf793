package lambda

import (
	"errors"
	"strings"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/lambda"
	"cloister/internal/door"
	"cloister/internal/guardrail"
	"cloister/internal/store"
)

func (s *Service) deleteFunction(c *door.Call, tx *store.Tx, in *api.DeleteFunctionRequest) (*awsapi.None, error) {
	f, err := parseRef(c, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	if f.Qualifier != "" {
		return none, s.deleteVersion(c, tx, f)
	}
	fn, err := functions.Get(tx, f.key())
	if err != nil {
		return nil, orNotFound(err, f)
	}
	code, err := codeOfAll(tx, f)
	if err != nil {
		return nil, err
	}
	granted, err := allVersions(tx, f)
	if err != nil {
		return nil, err
	}
	held, role, err := interfacesOfAll(tx, f)
	if err != nil {
		return nil, err
	}
	s.leaveAfter(c, tx, f, role, held)
	err = errors.Join(
		rememberLast(tx, f, fn.LastVersion),
		deleteAll(tx, versions, f.key()),
		deleteAll(tx, aliases, f.key()),
		deleteAll(tx, permissions, f.key()),
		deleteAll(tx, eventConfigs, f.key()),
		deleteAll(tx, urls, f.key()),
		functions.Delete(tx, f.key()),
		guardrail.Gone(tx, f.Account, f.functionARN(), "", c.Time),
	)
	s.discardUnused(tx, code)
	tx.Defer(func() { s.retireGrants(f, granted...) })
	return none, err
}

// orNotFound turns the store's ErrNotFound into the API's.
func orNotFound(err error, f ref) error {
	if errors.Is(err, store.ErrNotFound) {
		return notFound(f)
	}
	return err
}

func codeOfAll(r store.Reader, f ref) (ids []string, err error) {
	for item, err := range versions.Scan(r, f.key(), nil) {
		if err != nil {
			return nil, err
		}
		ids = append(ids, item.Value.codeIDs()...)
	}
	return ids, nil
}

// interfacesOfAll are the interfaces of all versions, and the latest one's role.
func interfacesOfAll(r store.Reader, f ref) (ids []string, role string, err error) {
	for item, err := range versions.Scan(r, f.key(), nil) {
		if err != nil {
			return nil, "", err
		}
		ids = append(ids, item.Value.VPC.ids()...)
		if item.Value.Number == latest {
			role = item.Value.Role
		}
	}
	return sorted(ids), role, nil
}

// deleteAll deletes the rows below prefix.
func deleteAll[T any](tx *store.Tx, rows *store.Collection[T], prefix store.Key) error {
	var keys []store.Key
	for item, err := range rows.Scan(tx, prefix, nil) {
		if err != nil {
			return err
		}
		keys = append(keys, item.Key)
	}
	for _, key := range keys {
		if err := rows.Delete(tx, key); err != nil {
			return err
		}
	}
	return nil
}

// lastEver is the highest number that a version of a function of this name ever
// had: AWS uses none twice, even when the function is deleted and created again.
func lastEver(r store.Reader, f ref) (int64, error) {
	row, err := numbers.Get(r, f.key())
	if errors.Is(err, store.ErrNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	return row.LastVersion, nil
}

func rememberLast(tx *store.Tx, f ref, last int64) error {
	if last == 0 {
		return nil
	}
	return numbers.Put(tx, f.key(), &numbering{LastVersion: last})
}

// deleteVersion deletes one published version that no alias points to. One that
// does not exist is no error, as on AWS.
func (s *Service) deleteVersion(c *door.Call, tx *store.Tx, f ref) error {
	number, ok := versionNumber(f.Qualifier)
	if !ok {
		return fail("InvalidParameterValueException", "Deletion of aliases is not currently supported.")
	}
	if number == latest {
		return fail("InvalidParameterValueException", "$LATEST version cannot be deleted without deleting the function.")
	}
	if _, err := functions.Get(tx, f.key()); err != nil {
		return orNotFound(err, f.qualified(""))
	}
	v, err := versions.Get(tx, f.key(number))
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := refusePointedTo(tx, f, v.name()); err != nil {
		return err
	}
	if err := versions.Delete(tx, f.key(number)); err != nil {
		return err
	}
	gone, err := unheld(tx, f, v.VPC.ids())
	if err != nil {
		return err
	}
	s.leaveAfter(c, tx, f, v.Role, gone)
	s.discardUnused(tx, v.codeIDs())
	tx.Defer(func() { s.retireGrants(f, v) })
	return errors.Join(
		deleteIfThere(tx, permissions, f.key(f.Qualifier)),
		deleteIfThere(tx, eventConfigs, f.key(f.Qualifier)),
	)
}

func refusePointedTo(tx *store.Tx, f ref, versionName string) error {
	var names []string
	for item, err := range aliases.Scan(tx, f.key(), nil) {
		if err != nil {
			return err
		}
		if _, weighted := item.Value.Weights[versionName]; weighted || item.Value.Version == versionName {
			names = append(names, item.Value.Name)
		}
	}
	if len(names) > 0 {
		return fail("ResourceConflictException", "Unable to delete version because the following aliases reference it: [%s]", strings.Join(names, ", "))
	}
	return nil
}

func deleteIfThere[T any](tx *store.Tx, rows *store.Collection[T], key store.Key) error {
	err := rows.Delete(tx, key)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	return err
}
