package blob

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
)

// Problem is one thing that Check found. Path is relative to the directory; ID
// is empty unless it is a blob's.
type Problem struct {
	Path   string
	ID     string
	Reason string
	Err    error // of a blob that does not open or read to its end
}

// String says it in one line, for people.
func (p Problem) String() string {
	if p.Err != nil {
		return fmt.Sprintf("%s: %s: %v", p.Path, p.Reason, p.Err)
	}
	return fmt.Sprintf("%s: %s", p.Path, p.Reason)
}

// Check reads every blob to its end and returns all that should not be so:
// blobs that do not open, blobs that wanted does not want (wanted may be nil;
// delete these with Delete), files that crashed Puts left behind (remove them
// with Clean), and files that are none of this package's. What is missing the
// caller sees by comparing List. It returns an error only when it could not
// look everywhere.
func (d *Dir) Check(ctx context.Context, wanted func(id string) bool) ([]Problem, error) {
	problems, err := d.leftovers()
	for _, folder := range folders()[1:] {
		names, readErr := d.fs.ReadDir(filepath.Join(d.dir, folder))
		err = errors.Join(err, readErr)
		for _, name := range names {
			if ctx.Err() != nil {
				return problems, ctx.Err()
			}
			if problem := d.checkFile(ctx, folder, name, wanted); problem != nil {
				problems = append(problems, *problem)
			}
		}
	}
	if err != nil {
		return problems, fmt.Errorf("check blobs: %w", err)
	}
	return problems, nil
}

func (d *Dir) checkFile(ctx context.Context, folder, name string, wanted func(id string) bool) *Problem {
	path := filepath.Join(folder, name)
	if !belongs(name, folder) {
		return &Problem{Path: path, Reason: "not a blob's name, or in another's folder"}
	}
	if wanted != nil && !wanted(name) {
		return &Problem{Path: path, ID: name, Reason: "nothing refers to this blob"}
	}
	if err := d.readAll(ctx, name); err != nil && !errors.Is(err, ErrNotFound) { // deleted meanwhile
		return &Problem{Path: path, ID: name, Reason: "damaged", Err: err}
	}
	return nil
}

func (d *Dir) readAll(ctx context.Context, id string) error {
	r, err := d.Open(ctx, id)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, &contextReader{ctx, r})
	return errors.Join(err, r.Close())
}

// leftovers finds files under tmp that no running Put writes.
func (d *Dir) leftovers() ([]Problem, error) {
	d.mu.Lock() // a Put ends under mu, so none that is listed ends meanwhile
	defer d.mu.Unlock()
	names, err := d.fs.ReadDir(filepath.Join(d.dir, tmpDir))
	if err != nil {
		return nil, err
	}
	var found []Problem
	for _, name := range names {
		if _, writing := d.writing[name]; !writing {
			found = append(found, Problem{Path: filepath.Join(tmpDir, name), Reason: "left behind by a write that did not finish"})
		}
	}
	return found, nil
}

// Clean removes what crashed Puts left behind and returns how many files that
// were. A node calls it when it starts.
func (d *Dir) Clean() (removed int, err error) {
	found, err := d.leftovers()
	for _, problem := range found {
		if removeErr := d.fs.Remove(filepath.Join(d.dir, problem.Path)); removeErr != nil {
			err = errors.Join(err, removeErr)
			continue
		}
		removed++
	}
	if err != nil {
		return removed, fmt.Errorf("clean up blobs: %w", err)
	}
	return removed, nil
}
