package vtl

import (
	"errors"
	"fmt"
	"strings"

	"cloister/internal/gate/tree"
)

// Bounds of one rendering.
const (
	maxSteps  = 1_000_000
	maxOutput = 10 << 20  // API Gateway's quota for payloads
	maxMade   = 64 << 20  // bytes of strings and lists
	maxWork   = 200 << 20 // instructions of regular expressions times bytes
	maxDepth  = 64        // of macros and blocks
	maxLoops  = 1000      // of one #foreach (API Gateway's quota)
)

// elementSize is what an element of a list counts, in bytes.
const elementSize = 16

// ErrTooMuch is what a template ends with that is beyond a bound.
var ErrTooMuch = errors.New("the template does too much")

var (
	errBreak = errors.New("#break outside of a loop")
	errStop  = errors.New("#stop")
)

// An Object is a value that has methods of its own.
type Object interface {
	// Property is what .name gives; nil for none.
	Property(name string) any
	// Call is what .name(args…) gives. known is false for a method that there is not.
	Call(b *Budget, name string, args []any) (v any, known bool, err error)
}

// A Budget is what a rendering may still do.
type Budget struct{ steps, made, work int }

// Make counts what is made: n bytes or elements.
func (b *Budget) Make(n int) error {
	if b.made -= n; b.made < 0 || n < 0 {
		return ErrTooMuch
	}
	return nil
}

func (b *Budget) step() error {
	if b.steps--; b.steps < 0 {
		return ErrTooMuch
	}
	return nil
}

// text is a value as Velocity writes it.
func (b *Budget) text(v any) (string, error) {
	s, ok := tree.String(v, max(0, min(b.made, maxOutput)))
	if !ok {
		return "", ErrTooMuch
	}
	return s, b.Make(len(s))
}

// run is one rendering.
type run struct {
	Budget
	t     *Template
	vars  map[string]any
	frame *frame
	out   *strings.Builder
	depth int
	loop  *loop
}

// A frame is a macro's call: its arguments are evaluated where the caller stands,
// whenever they are used.
type frame struct {
	args  map[string]expr
	local map[string]any // arguments that the macro has set
	outer *frame
}

// Render renders the template with the variables, which it may change: what it sets
// is in vars afterwards. The error is ErrTooMuch or says what is wrong.
func (t *Template) Render(vars map[string]any) (string, error) {
	r := &run{
		Budget: Budget{steps: maxSteps, made: maxMade, work: maxWork},
		t:      t, vars: vars, out: &strings.Builder{},
	}
	err := t.body.render(r)
	if err != nil && !errors.Is(err, errStop) && !errors.Is(err, errBreak) {
		return "", err
	}
	return r.out.String(), nil
}

func (r *run) write(s string) error {
	if r.out.Len()+len(s) > maxOutput {
		return ErrTooMuch
	}
	if err := r.Make(len(s)); err != nil {
		return err
	}
	r.out.WriteString(s)
	return nil
}

// captured is what a block renders.
func (r *run) captured(b block) (string, error) {
	if r.depth++; r.depth > maxDepth {
		return "", fmt.Errorf("%w: it nests too deep", ErrTooMuch)
	}
	out := r.out
	r.out = &strings.Builder{}
	err := b.render(r)
	s := r.out.String()
	r.out = out
	r.depth--
	return s, err
}

func (b block) render(r *run) error {
	for _, n := range b {
		if err := r.step(); err != nil {
			return err
		}
		if err := n.render(r); err != nil {
			return err
		}
	}
	return nil
}

func (t text) render(r *run) error { return r.write(string(t)) }

func (s stop) render(*run) error { return s.err }

// lookup is the value of a name: an argument of the macro that runs, or a variable.
func (r *run) lookup(name string) (any, error) {
	if f := r.frame; f != nil {
		if v, set := f.local[name]; set {
			return v, nil
		}
		if arg, ok := f.args[name]; ok {
			return r.within(f.outer, arg)
		}
	}
	return r.vars[name], nil
}

// within evaluates an argument where a macro was called.
func (r *run) within(f *frame, e expr) (any, error) {
	if r.depth++; r.depth > maxDepth {
		return nil, fmt.Errorf("%w: it nests too deep", ErrTooMuch)
	}
	at := r.frame
	r.frame = f
	v, err := e.eval(r)
	r.frame = at
	r.depth--
	return v, err
}

// assign sets a name. What a macro sets of its arguments is so for itself only.
func (r *run) assign(name string, v any) {
	if f := r.frame; f != nil {
		if _, argument := f.args[name]; argument {
			f.local[name] = v
			return
		}
	}
	r.vars[name] = v
}

func (d *define) render(r *run) error {
	r.assign(d.name, &deferred{d.body, r.frame})
	return nil
}

// deferred is a block that is rendered wherever it is referred to.
type deferred struct {
	body  block
	frame *frame
}

func (d *deferred) text(r *run) (string, error) {
	at := r.frame
	r.frame = d.frame
	s, err := r.captured(d.body)
	r.frame = at
	return s, err
}

// renderedText is a value as text, whatever it is.
func (r *run) renderedText(v any) (string, error) {
	if d, ok := v.(*deferred); ok {
		return d.text(r)
	}
	return r.text(v)
}
