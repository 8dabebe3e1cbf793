package house

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"
	"testing"
)

// dialling are the ways of the standard library to open a connection.
var dialling = map[string]bool{
	"net.Dial": true, "net.DialTimeout": true, "net.DialTCP": true, "net.DialUDP": true, "net.DialIP": true, "net.Dialer": true,
	"tls.Dial": true, "tls.DialWithDialer": true, "tls.Dialer": true,
	"http.Get": true, "http.Post": true, "http.PostForm": true, "http.Head": true, "http.DefaultClient": true, "http.DefaultTransport": true,
	"http.Client": true, "http.Transport": true, "smtp.Dial": true, "smtp.SendMail": true,
}

// elsewhere are the rooms that connect to where the administrator says, and to
// nowhere that anybody else could name.
var elsewhere = map[string]string{
	"cmd":           "the command line talks to its own node",
	"internal/seal": "the key service that keeps the root key",
	"test":          "tests are clients",
}

// TestOnlyTheDialerDials does not see the store's connections to PostgreSQL,
// which are the driver's, to where the administrator says. What only tests use
// (doortest) may dial.
func TestOnlyTheDialerDials(t *testing.T) {
	for _, s := range sources(t) {
		room, _ := floorOf(s.dir())
		if s.isTest() || s.dir() == "internal/door/doortest" || room == "internal/dial" || elsewhere[room] != "" {
			continue
		}
		for _, what := range dials(t, s.path) {
			t.Errorf("%s uses %s: what the platform connects to is decided in internal/dial, so that nobody has it reach what only the platform can reach", s.path, what)
		}
	}
}

// dials lists what a file uses of dialling.
func dials(t *testing.T, path string) (found []string) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root, path), nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(file, func(n ast.Node) bool {
		if selector, ok := n.(*ast.SelectorExpr); ok {
			if pkg, ok := selector.X.(*ast.Ident); ok && dialling[pkg.Name+"."+selector.Sel.Name] {
				found = append(found, strings.Join([]string{pkg.Name, selector.Sel.Name}, "."))
			}
		}
		return true
	})
	return found
}
