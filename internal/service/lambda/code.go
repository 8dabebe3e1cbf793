package lambda

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"

	"github.com/google/uuid"

	"cloister/internal/awsapi"
	"cloister/internal/blob"
	"cloister/internal/service/lambda/codepkg"
)

// maxZip is AWS's limit for a package sent in the call itself, in bytes.
const maxZip = 52428800

func newID() string { return uuid.NewString() }

// withCode checks a package, stores it under the customer's key if there is one,
// and runs commit, which refers to it. A package that commit did not come to
// refer to is removed again.
func (s *Service) withCode(ctx context.Context, zip []byte, key codeKey, commit func(codeRef) error) error {
	code := codeRef{ID: blob.NewID(), SHA256: digest(zip), Size: int64(len(zip))}
	unpacked, err := s.checkZip(ctx, code.ID, zip)
	if err != nil {
		return err
	}
	code.Unpacked = unpacked
	content := zip
	if key.arn != "" {
		sealed, err := s.sealCode(ctx, key, zip)
		if err != nil {
			return err
		}
		content, code.Under = sealed.Text, &sealed.Wrapped
	}
	if err := s.upload(ctx, code, content, commit); err != nil {
		// An error may follow a commit that took place (a disk that failed, an
		// audit file that could not be written): only the store knows.
		s.sweep([]string{code.ID})
		return err
	}
	return nil
}

func (s *Service) upload(ctx context.Context, code codeRef, content []byte, commit func(codeRef) error) error {
	s.uploads.begin(code.ID)
	defer s.uploads.end(code.ID)
	if _, err := s.blobs.Put(ctx, code.ID, bytes.NewReader(content)); err != nil {
		return err
	}
	return commit(code)
}

func digest(zip []byte) string {
	hash := sha256.Sum256(zip)
	return base64.StdEncoding.EncodeToString(hash[:])
}

// checkGiven refuses a request without a package.
func checkGiven(zip []byte) error {
	if len(zip) == 0 {
		return fail("InvalidParameterValueException", "Please provide a source for function code.")
	}
	return nil
}

// checkZip unpacks a package into memory, where its first invocation finds it,
// and so refuses what could not be unpacked later. It returns what the package
// unpacks to, in bytes.
func (s *Service) checkZip(ctx context.Context, id string, zip []byte) (int64, error) {
	if len(zip) > maxZip {
		return 0, tooLarge("RequestEntityTooLargeException", "Zipped size must be smaller than %d bytes", maxZip)
	}
	unpacked, err := s.code.Acquire(ctx, id, func(context.Context, string) (codepkg.Archive, error) {
		return archive{bytes.NewReader(zip)}, nil
	})
	var bad *codepkg.Error
	if errors.As(err, &bad) {
		return 0, fail("InvalidParameterValueException", "%s", bad.Error())
	}
	if err != nil {
		return 0, err
	}
	defer unpacked.Release()
	return unpacked.Stats.Bytes, nil
}

// tooLarge is an error of the operations' that the model forgets to list for
// some of them.
func tooLarge(code, format string, args ...any) error {
	e := awsapi.Errorf(code, format, args...).With("Type", "User")
	e.Status = http.StatusRequestEntityTooLarge
	return e
}

// archive is a package that is still in memory.
type archive struct{ *bytes.Reader }

func (archive) Close() error { return nil }

// codeIDs are all packages that v needs to run.
func (v *version) codeIDs() []string {
	ids := []string{v.Code.ID}
	for _, l := range v.Layers {
		ids = append(ids, l.Code.ID)
	}
	return ids
}

// checkSize refuses code that is too large together with its layers.
func (v *version) checkSize() error {
	size := v.Code.Unpacked
	for _, l := range v.Layers {
		size += l.Code.Unpacked
	}
	if size > codepkg.MaxUnpacked {
		return fail("InvalidParameterValueException", "Function code combined with layers exceeds the maximum allowed size of %d bytes. The actual size is %d bytes.", codepkg.MaxUnpacked, size)
	}
	return nil
}

// OpenCode opens the archive of a package, for the data plane.
func (s *Service) OpenCode(ctx context.Context, id string) (codepkg.Archive, error) {
	return s.blobs.Open(ctx, id)
}
