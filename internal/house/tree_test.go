package house

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
)

// module is the import path of this tree, root its directory seen from here.
const (
	module = "cloister"
	root   = "../.."
)

// source is one parsed Go file: its path from the root, its package comment
// and what it imports.
type source struct {
	path    string
	pkg     string
	doc     string
	imports []string
}

// dir is the package's folder from the root, with forward slashes.
func (s source) dir() string { return filepath.ToSlash(filepath.Dir(s.path)) }

func (s source) isTest() bool { return strings.HasSuffix(s.path, "_test.go") }

// sources parses the imports of every Go file of the main module. Nested
// modules (the generator, the benchmarks) and test data are not part of it.
func sources(t *testing.T) []source {
	t.Helper()
	var found []source
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(root, path)
		if d.IsDir() {
			return skipFolder(rel, path, d)
		}
		if strings.HasSuffix(path, ".go") {
			s, err := parse(path, rel)
			if err != nil {
				return err
			}
			found = append(found, s)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(found) < 10 {
		t.Fatalf("found only %d Go files: the walk is broken", len(found))
	}
	return found
}

func skipFolder(rel, path string, d fs.DirEntry) error {
	if rel == "." {
		return nil
	}
	nested, _ := filepath.Glob(filepath.Join(path, "go.mod"))
	if len(nested) > 0 || d.Name() == "testdata" || d.Name() == "node_modules" || strings.HasPrefix(d.Name(), ".") {
		return fs.SkipDir
	}
	return nil
}

func parse(path, rel string) (source, error) {
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly|parser.ParseComments)
	if err != nil {
		return source{}, err
	}
	s := source{path: rel, pkg: file.Name.Name, doc: strings.TrimSpace(file.Doc.Text())}
	for _, imp := range file.Imports {
		s.imports = append(s.imports, strings.Trim(imp.Path.Value, `"`))
	}
	return s, nil
}
