package lambda

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"cloister/internal/blob"
	"cloister/internal/service/lambda/codepkg"
	"cloister/internal/store"
)

// maxZip is AWS's limit for a package sent in the call itself, in bytes.
const maxZip = 52428800

func newID() string { return uuid.NewString() }

// uploads are the packages that are stored and not yet referred to: a call is
// between the two, so they are no orphans.
type uploads struct {
	mu  sync.Mutex
	ids map[string]bool
}

func (u *uploads) begin(id string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.ids == nil {
		u.ids = map[string]bool{}
	}
	u.ids[id] = true
}

func (u *uploads) end(id string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	delete(u.ids, id)
}

func (u *uploads) has(id string) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.ids[id]
}

// withCode checks a package, stores it and runs commit, which refers to it. If
// commit fails the package is removed again.
func (s *Service) withCode(ctx context.Context, zip []byte, commit func(codeRef) error) error {
	code := codeRef{ID: blob.NewID(), SHA256: digest(zip), Size: int64(len(zip))}
	if err := s.checkZip(ctx, code.ID, zip); err != nil {
		return err
	}
	s.uploads.begin(code.ID)
	defer s.uploads.end(code.ID)
	if _, err := s.blobs.Put(ctx, code.ID, bytes.NewReader(zip)); err != nil {
		return err
	}
	err := commit(code)
	if err != nil {
		s.discard(code.ID)
	}
	return err
}

func digest(zip []byte) string {
	hash := sha256.Sum256(zip)
	return base64.StdEncoding.EncodeToString(hash[:])
}

// checkZip unpacks a package into memory, where its first invocation finds it,
// and so refuses what could not be unpacked later.
func (s *Service) checkZip(ctx context.Context, id string, zip []byte) error {
	if len(zip) > maxZip {
		return fail("RequestEntityTooLargeException", "Zipped size must be smaller than %d bytes", maxZip)
	}
	unpacked, err := s.code.Acquire(ctx, id, func(context.Context, string) (codepkg.Archive, error) {
		return archive{bytes.NewReader(zip)}, nil
	})
	var bad *codepkg.Error
	if errors.As(err, &bad) {
		return fail("InvalidParameterValueException", "%s", bad.Error())
	}
	if err != nil {
		return err
	}
	unpacked.Release()
	return nil
}

// archive is a package that is still in memory.
type archive struct{ *bytes.Reader }

func (archive) Close() error { return nil }

// discard removes a package that nothing refers to; what fails here is found
// by removeOrphans at the next start.
func (s *Service) discard(ids ...string) {
	for _, id := range ids {
		if err := s.blobs.Delete(context.Background(), id); err != nil {
			slog.Warn("code that nothing refers to could not be removed", "blob", id, "error", err)
		}
	}
}

// discardGrace is how long replaced code is kept, for invocations that began
// before it was replaced and still have to start a cell.
const discardGrace = time.Minute

// discardUnused removes, some time after tx has committed, those packages to
// which nothing refers any more.
func (s *Service) discardUnused(tx *store.Tx, candidates []string) {
	tx.Defer(func() {
		time.AfterFunc(discardGrace, func() {
			if err := s.discardUnreferenced(context.Background(), candidates); err != nil {
				slog.Warn("code that nothing refers to could not be removed", "error", err)
			}
		})
	})
}

func (s *Service) discardUnreferenced(ctx context.Context, candidates []string) error {
	used, err := s.usedCode(ctx)
	if err != nil {
		return err
	}
	for _, id := range candidates {
		if !used[id] && !s.uploads.has(id) {
			s.discard(id)
		}
	}
	return nil
}

// removeOrphans removes every package to which nothing refers: what a crash
// between upload and commit left.
func (s *Service) removeOrphans(ctx context.Context) error {
	var all []string
	for id, err := range s.blobs.List(ctx) {
		if err != nil {
			return err
		}
		all = append(all, id)
	}
	return s.discardUnreferenced(ctx, all)
}

// usedCode is the set of packages that versions and layers refer to.
func (s *Service) usedCode(ctx context.Context) (map[string]bool, error) {
	used := map[string]bool{}
	err := s.db.View(ctx, func(r store.Reader) error {
		for item, err := range versions.Scan(r, nil, nil) {
			if err != nil {
				return err
			}
			for _, id := range item.Value.codeIDs() {
				used[id] = true
			}
		}
		for item, err := range layerVersions.Scan(r, nil, nil) {
			if err != nil {
				return err
			}
			used[item.Value.Code.ID] = true
		}
		return nil
	})
	return used, err
}

// codeIDs are all packages that v needs to run.
func (v *version) codeIDs() []string {
	ids := []string{v.Code.ID}
	for _, l := range v.Layers {
		ids = append(ids, l.Code.ID)
	}
	return ids
}

// OpenCode opens the archive of a package, for the data plane.
func (s *Service) OpenCode(ctx context.Context, id string) (codepkg.Archive, error) {
	return s.blobs.Open(ctx, id)
}

// noBucket refuses a request that names code elsewhere than in the call.
func noBucket(bucket, key, image *string) error {
	if val(bucket) != "" || val(key) != "" {
		return unavailable("code in S3", "send the package itself (ZipFile; aws lambda … --zip-file fileb://function.zip)")
	}
	if val(image) != "" {
		return unavailable("container images", "send a zip package for one of the runtimes that cloister doctor lists")
	}
	return nil
}

// unavailable refuses what this node cannot do, and says what to do instead.
func unavailable(what, instead string) error {
	return fail("InvalidParameterValueException", "This node does not offer %s: %s.", what, strings.TrimSuffix(instead, "."))
}
