package vtl

import (
	"errors"
	"fmt"

	"cloister/internal/gate/tree"
)

func (ref *reference) render(r *run) error {
	v, err := ref.eval(r)
	if err != nil {
		return err
	}
	if v == nil {
		if ref.quiet {
			return nil
		}
		return r.write(r.written(ref))
	}
	s, err := r.renderedText(v)
	if err != nil {
		return err
	}
	return r.write(s)
}

// written is a reference as it stands: a macro's argument as the caller wrote it.
func (r *run) written(ref *reference) string {
	if r.frame == nil || len(ref.parts) > 0 {
		return ref.source
	}
	if arg, ok := r.frame.args[ref.name].(*reference); ok {
		return arg.source
	}
	return ref.source
}

// render writes an escaped reference: without the backslashes that escape where the
// reference has a value, and as it stands where not.
func (e *escaped) render(r *run) error {
	v, err := e.ref.eval(r)
	if err != nil {
		return err
	}
	slashes := e.slashes
	if v != nil {
		slashes /= 2
	}
	for range slashes {
		if err := r.write(`\`); err != nil {
			return err
		}
	}
	if v == nil || e.slashes%2 == 1 {
		return r.write(e.ref.source)
	}
	return e.ref.render(r)
}

// render sets nothing where the value is null, as Velocity does.
func (s *set) render(r *run) error {
	v, err := s.value.eval(r)
	if err != nil || v == nil {
		return err
	}
	parts := s.to.parts
	if len(parts) == 0 {
		r.assign(s.to.name, v)
		return nil
	}
	owner := &reference{name: s.to.name, parts: parts[:len(parts)-1]}
	of, err := owner.eval(r)
	if err != nil {
		return err
	}
	last := parts[len(parts)-1]
	if last.method {
		return errors.New("#set of what a method gives")
	}
	return r.setPart(of, last, v)
}

func (r *run) setPart(of any, p part, v any) error {
	key := any(p.name)
	if p.name == "" {
		var err error
		if key, err = p.args[0].eval(r); err != nil {
			return err
		}
	}
	switch of := of.(type) {
	case *tree.Map:
		name, err := r.text(key)
		if err == nil {
			err = r.Make(1 + len(name))
		}
		if err != nil {
			return err
		}
		of.Put(name, v)
	case *tree.List:
		if i, ok := at(key, len(of.Items)); ok {
			of.Items[i] = v
		}
	}
	return nil
}

// at is an index into n things; a negative one counts from the back.
func at(key any, n int) (int, bool) {
	i, ok := key.(int64)
	if i < 0 {
		i += int64(n)
	}
	return int(i), ok && i >= 0 && i < int64(n)
}

func (c *choice) render(r *run) error {
	for _, b := range c.branches {
		if b.condition != nil {
			holds, err := r.holds(b.condition)
			if err != nil {
				return err
			}
			if !holds {
				continue
			}
		}
		return b.body.render(r)
	}
	return nil
}

// loop is what $foreach tells.
type loop struct {
	index, n int
	parent   *loop
}

// Property implements Object.
func (l *loop) Property(name string) any {
	switch name {
	case "count":
		return int64(l.index + 1)
	case "index":
		return int64(l.index)
	case "hasNext":
		return l.index+1 < l.n
	case "first":
		return l.index == 0
	case "last":
		return l.index+1 == l.n
	case "parent":
		if l.parent != nil {
			return l.parent
		}
	case "topmost":
		for l.parent != nil {
			l = l.parent
		}
		return l
	}
	return nil
}

// Call implements Object.
func (l *loop) Call(_ *Budget, name string, args []any) (any, bool, error) {
	if len(args) > 0 {
		return nil, false, nil
	}
	getters := map[string]string{"getCount": "count", "getIndex": "index", "hasNext": "hasNext", "isFirst": "first", "isLast": "last"}
	property, ok := getters[name]
	return l.Property(property), ok, nil
}

func (f *foreach) render(r *run) error {
	v, err := f.in.eval(r)
	if err != nil {
		return err
	}
	items := elements(v)
	before, had := r.vars[f.name]
	outer, outerForeach, hadForeach := r.loop, r.vars["foreach"], r.has("foreach")
	r.loop = &loop{n: min(len(items), maxLoops), parent: outer}
	err = f.each(r, items)
	r.loop = outer
	r.restore(f.name, before, had)
	r.restore("foreach", outerForeach, hadForeach)
	return err
}

func (f *foreach) each(r *run, items []any) error {
	for i, item := range items {
		if i == maxLoops {
			break
		}
		if err := r.step(); err != nil {
			return err
		}
		r.loop.index = i
		r.vars["foreach"], r.vars["velocityCount"] = r.loop, int64(i+1)
		r.vars[f.name] = item
		if err := f.body.render(r); errors.Is(err, errBreak) {
			return nil
		} else if err != nil {
			return err
		}
	}
	return nil
}

func (r *run) has(name string) bool {
	_, ok := r.vars[name]
	return ok
}

func (r *run) restore(name string, v any, had bool) {
	if had {
		r.vars[name] = v
		return
	}
	delete(r.vars, name)
}

// elements are what a loop goes over; a map's values.
func elements(v any) []any {
	switch v := v.(type) {
	case *tree.List:
		return append([]any(nil), v.Items[:min(len(v.Items), maxLoops+1)]...)
	case *tree.Map:
		var all []any
		for _, k := range v.Keys()[:min(v.Len(), maxLoops+1)] {
			all = append(all, v.Get(k))
		}
		return all
	}
	return nil
}

func (c *call) render(r *run) error {
	m := r.t.macros[c.name]
	if m == nil {
		return r.write(c.source)
	}
	if r.depth++; r.depth > maxDepth {
		return fmt.Errorf("%w: macro %s nests too deep", ErrTooMuch, c.name)
	}
	f := &frame{args: map[string]expr{}, local: map[string]any{}, outer: r.frame}
	for i, name := range m.params {
		f.args[name] = &literal{nil}
		if i < len(c.args) {
			f.args[name] = c.args[i]
		}
	}
	if c.block {
		f.local["bodyContent"] = &deferred{c.content, r.frame}
	}
	r.frame = f
	err := m.body.render(r)
	r.frame = f.outer
	r.depth--
	return err
}
