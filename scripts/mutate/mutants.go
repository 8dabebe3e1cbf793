package main

import (
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
)

// mutant is one change.
type mutant struct {
	number int
	place  token.Position
	what   string
}

func (m mutant) String() string {
	return fmt.Sprintf("%s:%d:%d %s", filepath.Base(m.place.Filename), m.place.Line, m.place.Column, m.what)
}

// insertion is text put into a file.
type insertion struct {
	at   int
	text string
	open bool // it opens a bracket: of two at one place the outer one comes first
	span int  // of what it brackets
}

type mutator struct {
	fset    *token.FileSet
	info    *types.Info
	mutants []mutant
	edits   map[string][]insertion
	seen    map[[3]int]bool
}

// switchboard is added to the package: MUTANT=n turns one change on.
const switchboard = `package policy

import (
	"os"
	"strconv"
)

var activeMutant = func() int { n, _ := strconv.Atoi(os.Getenv("MUTANT")); return n }()

func isMutant(n int) bool { return activeMutant == n }

func moreIf[T ~int | ~int8 | ~int16 | ~int32 | ~int64 | ~uint | ~uint8 | ~uint16 | ~uint32 | ~uint64](n int, v T) T {
	if activeMutant == n {
		return v + 1
	}
	return v
}
`

// mutate makes the mutants of the package in dir and what replaces its files.
func mutate(dir, work string) ([]mutant, map[string]string, error) {
	m := &mutator{fset: token.NewFileSet(), edits: map[string][]insertion{}, seen: map[[3]int]bool{}}
	m.info = &types.Info{Types: map[ast.Expr]types.TypeAndValue{}}
	names, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		return nil, nil, err
	}
	var parsed []*ast.File
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(m.fset, name, nil, 0)
		if err != nil {
			return nil, nil, err
		}
		parsed = append(parsed, f)
	}
	config := types.Config{Importer: importer.ForCompiler(m.fset, "source", nil)}
	if _, err := config.Check("cloister/policy", m.fset, parsed, m.info); err != nil {
		return nil, nil, err
	}
	for _, f := range parsed {
		if name := m.fset.Position(f.Pos()).Filename; slices.Contains(files, filepath.Base(name)) {
			ast.Inspect(f, m.visit)
		}
	}
	overlay, err := m.write(work)
	if err != nil {
		return nil, nil, err
	}
	added := filepath.Join(work, "switchboard.go")
	overlay[filepath.Join(dir, "mutants_generated.go")] = added
	return m.mutants, overlay, os.WriteFile(added, []byte(switchboard), 0o600)
}

func (m *mutator) visit(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.GenDecl:
		return n.Tok == token.VAR
	case *ast.IfStmt:
		m.negate(n.Cond)
	case *ast.ForStmt:
		m.negate(n.Cond)
	case *ast.SwitchStmt:
		if n.Tag == nil {
			for _, c := range n.Body.List {
				for _, e := range c.(*ast.CaseClause).List {
					m.negate(e)
				}
			}
		}
	case *ast.ReturnStmt:
		for _, e := range n.Results {
			m.negate(e)
		}
	case *ast.BinaryExpr:
		m.binary(n)
	case *ast.BlockStmt:
		m.statements(n.List)
	case *ast.CaseClause:
		m.statements(n.Body)
	}
	return true
}

// negate turns a condition into its opposite.
func (m *mutator) negate(e ast.Expr) {
	if e == nil {
		return
	}
	if t, ok := m.info.Types[e].Type.(*types.Basic); ok && t.Info()&types.IsBoolean != 0 {
		m.around(e, "(", ") != isMutant(%d)", "negated")
	}
}

// binary replaces an operand of && by true and one of || by false, and moves
// the bound of a comparison by one.
func (m *mutator) binary(n *ast.BinaryExpr) {
	switch n.Op {
	case token.LAND:
		m.around(n.X, "(", " || isMutant(%d))", "left of && taken for true")
		m.around(n.Y, "(", " || isMutant(%d))", "right of && taken for true")
	case token.LOR:
		m.around(n.X, "((", ") && !isMutant(%d))", "left of || taken for false")
		m.around(n.Y, "((", ") && !isMutant(%d))", "right of || taken for false")
	case token.EQL, token.NEQ:
		m.negate(n)
	case token.LSS, token.LEQ, token.GTR, token.GEQ:
		m.negate(n)
		of := m.info.Types[n.X].Type
		if t, ok := of.Underlying().(*types.Basic); ok && t.Info()&types.IsInteger != 0 && t.Info()&types.IsUntyped == 0 {
			name := types.TypeString(of, func(*types.Package) string { return "" })
			m.around(n.Y, "moreIf["+name+"](%d, ", ")", "compared with one more")
		}
	}
}

// statements leaves out one that declares nothing and ends no function.
func (m *mutator) statements(list []ast.Stmt) {
	for _, s := range list {
		switch s := s.(type) {
		case *ast.AssignStmt:
			if s.Tok == token.DEFINE {
				continue
			}
		case *ast.ExprStmt, *ast.IncDecStmt:
		case *ast.BranchStmt:
			if s.Tok == token.FALLTHROUGH {
				continue
			}
		default:
			continue
		}
		m.around(s, "if !isMutant(%d) {\n", "\n}", "left out")
	}
}

func (m *mutator) around(n ast.Node, before, after, what string) {
	from, to := m.fset.Position(n.Pos()), m.fset.Position(n.End())
	key := [3]int{int(n.Pos()), int(n.End()), len(what) + 1000*len(before)}
	if m.seen[key] {
		return
	}
	m.seen[key] = true
	number := len(m.mutants) + 1
	m.mutants = append(m.mutants, mutant{number, from, what})
	fill := func(text string) string { return strings.ReplaceAll(text, "%d", fmt.Sprint(number)) }
	span := to.Offset - from.Offset
	m.edits[from.Filename] = append(m.edits[from.Filename], insertion{from.Offset, fill(before), true, span}, insertion{to.Offset, fill(after), false, span})
}

// write puts the insertions into copies of the files.
func (m *mutator) write(work string) (map[string]string, error) {
	overlay := map[string]string{}
	for name, edits := range m.edits {
		text, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		var b strings.Builder
		last := 0
		for _, e := range ordered(edits) {
			b.Write(text[last:e.at])
			b.WriteString(e.text)
			last = e.at
		}
		b.Write(text[last:])
		copied := filepath.Join(work, filepath.Base(name))
		if err := os.WriteFile(copied, []byte(b.String()), 0o600); err != nil {
			return nil, err
		}
		overlay[name] = copied
	}
	return overlay, nil
}

// ordered nests brackets: at one place those that close come first, the
// innermost before the others, then those that open, the outermost first. Those
// around the same text nest in the order in which they came.
func ordered(edits []insertion) []insertion {
	all := slices.Clone(edits)
	type numbered struct {
		insertion
		turn int
	}
	var list []numbered
	for i, e := range all {
		list = append(list, numbered{e, i / 2})
	}
	sort.SliceStable(list, func(i, j int) bool {
		a, b := list[i], list[j]
		switch {
		case a.at != b.at:
			return a.at < b.at
		case a.open != b.open:
			return !a.open
		case a.span != b.span:
			return (a.span > b.span) == a.open
		case a.open:
			return a.turn > b.turn // the later is outside
		}
		return a.turn < b.turn
	})
	for i := range list {
		all[i] = list[i].insertion
	}
	return all
}
