package runtimes

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// maxLinks is how many links a path may lead through: the kernel's number.
const maxLinks = 40

// within finds where p lies in the root file system in dir: links are followed
// as they would be inside, so that none leads out of it. The result goes
// through no link any more. An image may be anybody's.
func within(dir, p string) (string, error) {
	at, links := "/", 0
	for rest := strings.Split(p, "/"); len(rest) > 0; {
		next := path.Join(at, rest[0])
		rest = rest[1:]
		st, err := os.Lstat(filepath.Join(dir, next))
		if err != nil {
			return "", err
		}
		if next == "/" || st.Mode()&os.ModeSymlink == 0 {
			at = next
			continue
		}
		if links++; links > maxLinks {
			return "", fmt.Errorf("%s: %w", p, syscall.ELOOP)
		}
		target, err := os.Readlink(filepath.Join(dir, next))
		if err != nil {
			return "", err
		}
		if path.IsAbs(target) {
			at = "/"
		}
		rest = slices.Concat(strings.Split(target, "/"), rest)
	}
	return filepath.Join(dir, at), nil
}

// dirWithin is within for a directory; empty: there is none.
func dirWithin(dir, p string) string {
	found, err := within(dir, p)
	if err != nil || !isDir(found) {
		return ""
	}
	return found
}
