package lambda

import (
	"context"
	"log/slog"

	kmsapi "cloister/internal/awsapi/kms"
	"cloister/internal/door"
	"cloister/internal/store"
)

// retireGrants gives up, in the background, those grants of versions that were
// that no version of the function has any more: a role that a function had does
// not go on reading what it keeps. What fails, or a crash prevents, leaves a
// grant that is for the function's data only; the log says so.
func (s *Service) retireGrants(f ref, were ...*version) {
	held := map[string]string{} // the key's ARN by grant
	for _, v := range were {
		if v.Grant != "" && v.Sealed != nil {
			held[v.Grant] = v.Sealed.Key
		}
	}
	if len(held) > 0 {
		go s.retireUnused(f, held)
	}
}

func (s *Service) retireUnused(f ref, held map[string]string) {
	ctx := context.Background()
	err := s.db.View(ctx, func(r store.Reader) error {
		all, err := allVersions(r, f)
		for _, v := range all {
			delete(held, v.Grant)
		}
		return err
	})
	for grant, key := range held {
		if err == nil {
			_, err = door.Do(ctx, s.door, serviceFor(f), kmsapi.OpRetireGrant, &kmsapi.RetireGrantRequest{KeyId: &key, GrantId: &grant})
		}
	}
	if err != nil {
		slog.Warn("a grant that a function does not need any more could not be retired", "function", f.functionARN(), "error", err)
	}
}

func allVersions(r store.Reader, f ref) (all []*version, err error) {
	for item, err := range versions.Scan(r, f.key(), nil) {
		if err != nil {
			return nil, err
		}
		all = append(all, item.Value)
	}
	return all, nil
}
