package runtimes

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// Vet says why the directory of a registration must not become part of
// functions: it is not one ([Check]), somebody else can change what is in it or
// put another in its place, or functions could not read it. It looks at every
// file that functions would see.
func Vet(r Registration) error {
	if err := Check(r); err != nil {
		return err
	}
	if err := vetAbove(r.Dir); err != nil {
		return err
	}
	for _, dir := range shown(r) {
		if err := filepath.WalkDir(dir, vetEntry); err != nil {
			return err
		}
	}
	return nil
}

// shown are the directories of a registration that functions see.
func shown(r Registration) (dirs []string) {
	if sdk := sdkOnly(r); sdk != "" {
		return []string{sdk}
	}
	for _, part := range imageParts {
		if dir := dirWithin(r.Dir, part); dir != "" {
			dirs = append(dirs, dir)
		}
	}
	return dirs
}

// vetAbove checks the way to a directory. What is sticky, as /tmp is, lets
// others add but not replace.
func vetAbove(dir string) error {
	for {
		st, err := os.Stat(dir)
		if err != nil {
			return err
		}
		if err := vetOwner(dir, st); err != nil {
			return err
		}
		if st.Mode().Perm()&0o002 != 0 && st.Mode()&fs.ModeSticky == 0 {
			return writable(dir)
		}
		if dir == "/" {
			return nil
		}
		dir = filepath.Dir(dir)
	}
}

func vetEntry(p string, d fs.DirEntry, err error) error {
	if err != nil {
		return err
	}
	st, err := d.Info()
	if err != nil || st.Mode()&fs.ModeSymlink != 0 {
		return err
	}
	if err := vetOwner(p, st); err != nil {
		return err
	}
	mode := st.Mode().Perm()
	switch {
	case mode&0o002 != 0:
		return writable(p)
	case mode&0o004 == 0, d.IsDir() && mode&0o001 == 0:
		return fmt.Errorf("functions, which run as other users, cannot read %s: run chmod -R o+rX on the directory", p)
	}
	return nil
}

func writable(p string) error {
	return fmt.Errorf("everybody can write to %s: run chmod -R o-w on the directory, so that nobody else can change what functions run", p)
}

// vetOwner accepts root and the user that adds.
func vetOwner(p string, st fs.FileInfo) error {
	sys, ok := st.Sys().(*syscall.Stat_t)
	if !ok {
		return errors.New("the owner of files is not known on this system")
	}
	if sys.Uid != 0 && int(sys.Uid) != os.Geteuid() {
		return fmt.Errorf("%s belongs to another user (uid %d), who could change what functions run: run chown, or add a copy", p, sys.Uid)
	}
	return nil
}
