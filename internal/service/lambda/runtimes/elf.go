package runtimes

import (
	"bufio"
	"debug/elf"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
)

// libraries finds the shared libraries that programs need, by reading the
// programs: nothing is executed, as ldd would.
type libraries struct {
	dirs []string
	read map[string]*program // by path; nil: it cannot be read as a program
}

// newLibraries knows the loader's own directories and those of ld.so.conf.
func newLibraries() *libraries {
	return &libraries{dirs: machineDirs(), read: map[string]*program{}}
}

// program is readProgram with a memory.
func (l *libraries) program(file string) *program {
	p, ok := l.read[file]
	if !ok {
		p, _ = readProgram(file)
		l.read[file] = p
	}
	return p
}

var machineDirs = sync.OnceValue(func() []string {
	dirs := []string{"/lib64", "/usr/lib64", "/lib", "/usr/lib"}
	for _, pattern := range []string{"/lib/*-linux-gnu*", "/usr/lib/*-linux-gnu*"} {
		found, _ := filepath.Glob(pattern)
		dirs = append(found, dirs...)
	}
	return append(dirs, confDirs("/etc/ld.so.conf", 0)...)
})

// confDirs reads ld.so.conf(5).
func confDirs(file string, depth int) []string {
	f, err := os.Open(file)
	if err != nil || depth > 4 {
		return nil
	}
	defer f.Close() //nolint:errcheck // only read
	var dirs []string
	for lines := bufio.NewScanner(f); lines.Scan(); {
		line, _, _ := strings.Cut(lines.Text(), "#")
		line = strings.TrimSpace(line)
		if pattern, ok := strings.CutPrefix(line, "include "); ok {
			files, _ := filepath.Glob(strings.TrimSpace(pattern))
			for _, f := range files {
				dirs = append(dirs, confDirs(f, depth+1)...)
			}
		} else if strings.HasPrefix(line, "/") {
			dirs = append(dirs, line)
		}
	}
	return dirs
}

// program is what one ELF file asks of others.
type program struct {
	class  elf.Class
	arch   elf.Machine
	interp string
	needed []string
	rpath  []string
}

// errNotELF says that a file is a script or data.
var errNotELF = errors.New("not an ELF file")

func readProgram(file string) (*program, error) {
	f, err := elf.Open(file)
	if format := (*elf.FormatError)(nil); errors.As(err, &format) {
		return nil, errNotELF
	}
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // only read
	p := &program{class: f.Class, arch: f.Machine}
	if p.needed, err = f.ImportedLibraries(); err != nil {
		return nil, fmt.Errorf("libraries of %s: %w", file, err)
	}
	p.interp = interpreter(f)
	for _, tag := range []elf.DynTag{elf.DT_RPATH, elf.DT_RUNPATH} {
		paths, _ := f.DynString(tag)
		for _, s := range paths {
			p.rpath = append(p.rpath, strings.Split(strings.ReplaceAll(s, "$ORIGIN", filepath.Dir(file)), ":")...)
		}
	}
	return p, nil
}

func interpreter(f *elf.File) string {
	for _, s := range f.Progs {
		if s.Type == elf.PT_INTERP && s.Filesz < 4096 {
			b := make([]byte, s.Filesz)
			if _, err := s.ReadAt(b, 0); err == nil {
				return strings.TrimRight(string(b), "\x00")
			}
		}
	}
	return ""
}

// find gives the path of a library for programs like p, or "".
func (l *libraries) find(name string, p *program) string {
	if strings.Contains(name, "/") {
		return name
	}
	for _, dir := range append(p.rpath, l.dirs...) {
		file := filepath.Join(dir, name)
		if other := l.program(file); other != nil && other.class == p.class && other.arch == p.arch {
			return file
		}
	}
	return ""
}

// closure lists everything that the program at file loads, the loader
// included. A library that is not there is not an error: a part of the program
// that needs it will say so better.
func (l *libraries) closure(file string) ([]string, error) {
	p, err := readProgram(file)
	if err != nil {
		return nil, err
	}
	seen := map[string]bool{}
	var files []string
	if p.interp != "" {
		files = append(files, p.interp)
	}
	for queue := []*program{p}; len(queue) > 0; queue = queue[1:] {
		for _, name := range queue[0].needed {
			if seen[name] {
				continue
			}
			seen[name] = true
			found := l.find(name, queue[0])
			if found == "" {
				continue
			}
			files = append(files, found)
			if lib := l.program(found); lib != nil {
				queue = append(queue, lib)
			}
		}
	}
	return files, nil
}
