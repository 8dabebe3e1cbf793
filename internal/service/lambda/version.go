package lambda

import (
	"errors"

	api "cloister/internal/awsapi/lambda"
	"cloister/internal/door"
	"cloister/internal/store"
)

func (s *Service) publishVersion(c *door.Call, in *api.PublishVersionRequest) (*api.FunctionConfiguration, error) {
	f, err := parseWhole(c, in.FunctionName)
	if err != nil {
		return nil, err
	}
	var out *shown
	err = c.Commit(func(tx *store.Tx) error {
		out, err = publishLatest(tx, f, in)
		return err
	})
	return s.reveal(c, f, out, err)
}

func publishLatest(tx *store.Tx, f ref, in *api.PublishVersionRequest) (*shown, error) {
	v, err := latestOf(tx, f, in.RevisionId)
	if err != nil {
		return nil, err
	}
	if want := val(in.CodeSha256); want != "" && want != v.Code.SHA256 {
		return nil, fail("InvalidParameterValueException", "CodeSHA256 (%s) is different from current CodeSHA256 in $LATEST (%s). Please try again with the CodeSHA256 in $LATEST.", clip(want), v.Code.SHA256)
	}
	fn, err := functions.Get(tx, f.key())
	if err != nil {
		return nil, err
	}
	published, isNew, err := publish(tx, f, fn, v, val(in.Description))
	if err != nil {
		return nil, err
	}
	if !isNew {
		return &shown{published, published.configuration(f.qualified(published.name()))}, nil
	}
	return &shown{published, published.creating(f.qualified(published.name()))}, nil
}

// publish makes a numbered copy of the latest version v. Nothing is published
// twice: if v has not changed since it was last published, that version is the
// answer.
func publish(tx *store.Tx, f ref, fn *function, v *version, description string) (_ *version, isNew bool, err error) {
	if v.PublishedAs != 0 {
		published, err := versions.Get(tx, f.key(v.PublishedAs))
		if !errors.Is(err, store.ErrNotFound) {
			return published, false, err
		}
	}
	fn.LastVersion++
	published := *v
	published.Number = fn.LastVersion
	published.RevisionID = newID()
	published.PublishedAs = 0
	if description != "" {
		published.Description = description
	}
	v.PublishedAs = fn.LastVersion
	return &published, true, firstError(
		func() error { return functions.Put(tx, f.key(), fn) },
		func() error { return versions.Put(tx, f.key(int64(latest)), v) },
		func() error { return versions.Put(tx, f.key(published.Number), &published) },
	)
}

func (s *Service) listVersions(c *door.Call, in *api.ListVersionsByFunctionRequest) (*api.ListVersionsByFunctionResponse, error) {
	f, err := parseWhole(c, in.FunctionName)
	if err != nil {
		return nil, err
	}
	var all []listedVersion
	out := &api.ListVersionsByFunctionResponse{}
	err = c.View(func(r store.Reader) (err error) {
		all = nil // a view may run again
		if _, err := functions.Get(r, f.key()); err != nil {
			return orNotFound(err, f)
		}
		out.NextMarker, err = page(versions.Scan, r, f.key(), in.Marker, min(or(in.MaxItems, maxPage), maxPage), func(item store.Item[version]) bool {
			all = append(all, listedVersion{f.qualified(item.Value.name()), item.Value})
			return true
		})
		return err
	})
	if err == nil {
		out.Versions, err = s.revealAll(c, all)
	}
	return out, err
}

// listedVersion is a version as a list shows it, under the name f.
type listedVersion struct {
	f ref
	v *version
}

func (s *Service) revealAll(c *door.Call, all []listedVersion) ([]*api.FunctionConfiguration, error) {
	out := make([]*api.FunctionConfiguration, 0, len(all))
	for _, l := range all {
		as, err := s.reveal(c, l.f, &shown{l.v, l.v.listed(l.f)}, nil)
		if err != nil {
			return nil, err
		}
		out = append(out, as)
	}
	return out, nil
}
