package runtimes

import (
	"path/filepath"
	"strings"
)

// family is a kind of runtimes of which a machine may have none.
type family struct{ prefix, pattern, missing, remedy string }

func (f family) is(name string) bool { return strings.HasPrefix(name, f.prefix) }

var families = []family{
	{"python", "python3.x", "no python3 interpreter, for Python functions", "apt-get install python3 python3-boto3"},
	{"nodejs", "nodejs*.x", "no node interpreter, for Node functions", "apt-get install nodejs"},
}

// findProvided adds the runtimes whose bootstrap comes with the function. They
// share one root.
func findProvided(s *Set, o Options) {
	for _, name := range []string{"provided.al2023", "provided.al2"} {
		s.add(&candidate{name: name, build: func() (*Runtime, error) {
			t, err := newTree(filepath.Join(o.SupportDir, name))
			if err != nil {
				return nil, err
			}
			return finish(t, &Runtime{}, t.base(o.ExtraCA), t.commands)
		}})
	}
}

// finish runs the steps that lay a tree, until one fails, and takes its root.
func finish(t *tree, r *Runtime, err error, steps ...func() error) (*Runtime, error) {
	for _, step := range steps {
		if err == nil {
			err = step()
		}
	}
	if err != nil {
		return nil, err
	}
	r.Root, err = t.root()
	return r, err
}
