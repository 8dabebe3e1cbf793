package secretscan

import (
	"archive/zip"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
)

// Bounds of one scan. What is beyond them is not scanned, and counted.
const (
	maxFile    = 64 << 20 // bytes of one file
	maxTotal   = 2 << 30  // bytes of all
	maxEntries = 1 << 20  // files
	maxFound   = 10_000   // findings that are kept
)

// Report is what a scan of many files came to.
type Report struct {
	Findings []Finding // by file, then by line
	Files    int       // looked at, binaries included
	Bytes    int64     // of text
	Binary   int       // files that are no text
	Skipped  int       // files beyond the bounds, links, and what cannot be read
	More     bool      // there are more findings than those
}

// Progress is told how many files and bytes are done, now and then, by several
// goroutines.
type Progress func(files int, bytes int64)

// Folder scans all files under the root of a file system, which the bounds let
// in. It follows no links. A file that cannot be read is counted as skipped.
func Folder(ctx context.Context, files fs.FS, progress Progress) (*Report, error) {
	s := newScanning(ctx, progress)
	walked := fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			s.skip()
		case d.IsDir():
			if name != "." && anyAllowsPath(s.rules.allow, name) {
				return fs.SkipDir
			}
		case d.Type().IsRegular():
			s.add(name, fileSize(d), func() (io.ReadCloser, error) { return files.Open(name) })
		default:
			s.skip()
		}
		return ctx.Err()
	})
	return s.wait(ctx, walked)
}

func fileSize(d fs.DirEntry) int64 {
	info, err := d.Info()
	if err != nil {
		return maxFile + 1
	}
	return info.Size()
}

// File scans one file of a name.
func File(ctx context.Context, name string, r io.Reader, progress Progress) (*Report, error) {
	s := newScanning(ctx, progress)
	s.add(name, 0, func() (io.ReadCloser, error) { return io.NopCloser(r), nil })
	return s.wait(ctx, nil)
}

// Zip scans the files in a zip archive. Zips within it are not opened.
func Zip(ctx context.Context, r io.ReaderAt, size int64, progress Progress) (*Report, error) {
	archive, err := zip.NewReader(r, size)
	if err != nil {
		return nil, fmt.Errorf("read the zip: %w", err)
	}
	s := newScanning(ctx, progress)
	for _, f := range archive.File {
		if ctx.Err() != nil {
			break
		}
		if strings.HasSuffix(f.Name, "/") {
			continue
		}
		if !f.Mode().IsRegular() {
			s.skip()
			continue
		}
		s.add(path.Clean(f.Name), int64(min(f.UncompressedSize64, maxFile+1)), f.Open)
	}
	return s.wait(ctx, nil)
}

// scanning is one scan under way: files go to a worker for each processor.
type scanning struct {
	rules    *ruleSet
	progress Progress
	jobs     chan job
	workers  sync.WaitGroup
	budget   int64 // bytes that may still be added
	files    atomic.Int64
	bytes    atomic.Int64

	mu     sync.Mutex
	report Report
}

type job struct {
	name string
	open func() (io.ReadCloser, error)
}

func newScanning(ctx context.Context, progress Progress) *scanning {
	if progress == nil {
		progress = func(int, int64) {}
	}
	s := &scanning{rules: defaultRules(), progress: progress, jobs: make(chan job), budget: maxTotal}
	for range runtime.GOMAXPROCS(0) {
		s.workers.Go(func() {
			for j := range s.jobs {
				if ctx.Err() == nil {
					s.scan(ctx, j)
				}
			}
		})
	}
	return s
}

func (s *scanning) add(name string, size int64, open func() (io.ReadCloser, error)) {
	s.report.Files++
	if size > maxFile || size > s.budget || s.report.Files > maxEntries {
		s.skip()
		return
	}
	s.budget -= size
	s.jobs <- job{name, open}
}

func (s *scanning) skip() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.report.Skipped++
}

func (s *scanning) scan(ctx context.Context, j job) {
	content, err := readFile(j.open)
	if err != nil {
		s.skip()
		return
	}
	found, binary, err := fileCache.findings(ctx, s.rules, j.name, content)
	if err != nil {
		return // the whole scan fails with it
	}
	s.progress(int(s.files.Add(1)), s.bytes.Add(int64(len(content))))
	s.mu.Lock()
	defer s.mu.Unlock()
	if binary {
		s.report.Binary++
	} else {
		s.report.Bytes += int64(len(content))
	}
	s.report.Findings = append(s.report.Findings, found...)
}

// readFile reads a file that may be larger than it said.
func readFile(open func() (io.ReadCloser, error)) (content []byte, err error) {
	f, err := open()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	content, err = io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(content) > maxFile {
		err = errors.New("the file is too large")
	}
	return content, err
}

// wait ends the scan, which fails as a whole when ctx ended before it.
func (s *scanning) wait(ctx context.Context, walked error) (*Report, error) {
	close(s.jobs)
	s.workers.Wait()
	if err := cmp.Or(walked, ctx.Err()); err != nil {
		return nil, err
	}
	slices.SortFunc(s.report.Findings, Finding.compare)
	if len(s.report.Findings) > maxFound {
		s.report.Findings, s.report.More = s.report.Findings[:maxFound], true
	}
	return &s.report, nil
}

func (f Finding) compare(g Finding) int {
	if c := strings.Compare(f.File, g.File); c != 0 {
		return c
	}
	for _, d := range []int{f.Line - g.Line, f.Column - g.Column} {
		if d != 0 {
			return d
		}
	}
	return strings.Compare(f.Rule, g.Rule)
}
