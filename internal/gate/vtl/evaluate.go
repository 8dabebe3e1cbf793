package vtl

import (
	"math"
	"strings"

	"cloister/internal/gate/tree"
)

func (l *literal) eval(*run) (any, error) { return l.value, nil }

func (i *interpolated) eval(r *run) (any, error) { return noNil(r.captured(i.body)) }

func noNil[T any](v T, err error) (any, error) { return v, err }

func (l *listLiteral) eval(r *run) (any, error) {
	list := &tree.List{Plain: true}
	for _, item := range l.items {
		v, err := item.eval(r)
		if err != nil {
			return nil, err
		}
		list.Items = append(list.Items, v)
	}
	return list, r.Make(elementSize * (1 + len(list.Items)))
}

func (l *rangeLiteral) eval(r *run) (any, error) {
	a, err := l.from.eval(r)
	if err != nil {
		return nil, err
	}
	b, err := l.to.eval(r)
	if err != nil {
		return nil, err
	}
	from, ok := a.(int64)
	to, ok2 := b.(int64)
	if !ok || !ok2 {
		return nil, nil
	}
	n, step := to-from, int64(1)
	if to < from {
		n, step = from-to, -1
	}
	if n < 0 || n > maxMade {
		return nil, ErrTooMuch
	}
	if err := r.Make(elementSize * (int(n) + 1)); err != nil {
		return nil, err
	}
	list := &tree.List{Plain: true}
	for i := int64(0); i <= n; i++ {
		list.Items = append(list.Items, from+i*step)
	}
	return list, nil
}

func (l *mapLiteral) eval(r *run) (any, error) {
	m := tree.NewMap()
	for i, k := range l.keys {
		key, err := k.eval(r)
		if err != nil {
			return nil, err
		}
		name, err := r.text(key)
		if err != nil {
			return nil, err
		}
		v, err := l.values[i].eval(r)
		if err != nil {
			return nil, err
		}
		m.Put(name, v)
	}
	return m, r.Make(elementSize * (1 + m.Len()))
}

func (n *not) eval(r *run) (any, error) {
	holds, err := r.holds(n.of)
	return !holds, err
}

// holds says whether a condition is true. What is written out, but for true itself,
// is not.
func (r *run) holds(e expr) (bool, error) {
	v, err := e.eval(r)
	if err != nil {
		return false, err
	}
	switch e := e.(type) {
	case *literal:
		return v == true, nil
	case *interpolated, *listLiteral, *rangeLiteral, *mapLiteral:
		return false, nil
	case *binary:
		if !e.isLogical() {
			return false, nil
		}
	}
	return truth(v), nil
}

// isLogical says that an operator gives true or false.
func (b *binary) isLogical() bool { return !strings.Contains("+-*/%", b.op) }

// truth is what a condition makes of a value: null and false are not true.
func truth(v any) bool {
	b, isBool := v.(bool)
	return v != nil && (!isBool || b)
}

func (b *binary) eval(r *run) (any, error) {
	if err := r.step(); err != nil {
		return nil, err
	}
	if b.op == "&&" || b.op == "||" {
		holds, err := r.holds(b.left)
		if err != nil || holds == (b.op == "||") {
			return holds, err
		}
		return noNil(r.holds(b.right))
	}
	left, err := b.left.eval(r)
	if err != nil {
		return nil, err
	}
	right, err := b.right.eval(r)
	if err != nil {
		return nil, err
	}
	switch b.op {
	case "==", "!=":
		same, err := r.equal(left, right)
		return same == (b.op == "=="), err
	case "<", ">", "<=", ">=":
		return compared(b.op, left, right), nil
	case "+":
		if isString(left) || isString(right) {
			return b.joined(r, left, right)
		}
	}
	return arithmetic(b.op, left, right), nil
}

func isString(v any) bool {
	_, ok := v.(string)
	return ok
}

// joined is left + right where one is a string. What is null stands as written.
func (b *binary) joined(r *run, left, right any) (any, error) {
	l, err := r.operandText(b.left, left)
	if err != nil {
		return nil, err
	}
	rr, err := r.operandText(b.right, right)
	if err != nil {
		return nil, err
	}
	return l + rr, r.Make(len(l) + len(rr))
}

func (r *run) operandText(e expr, v any) (string, error) {
	if v != nil {
		return r.renderedText(v)
	}
	if ref, ok := e.(*reference); ok {
		return ref.source, nil
	}
	return "null", nil
}

// equal compares as Velocity does: numbers by value, things of a kind by what they
// are, others by their texts.
func (r *run) equal(a, b any) (bool, error) {
	if a == nil || b == nil {
		return a == b, nil
	}
	if x, ok := tree.Float(a); ok {
		if y, ok := tree.Float(b); ok {
			return x == y, nil
		}
	}
	x, err := r.renderedText(a)
	if err != nil {
		return false, err
	}
	y, err := r.renderedText(b)
	return x == y, err
}

func compared(op string, a, b any) bool {
	x, ok := tree.Float(a)
	y, ok2 := tree.Float(b)
	if !ok || !ok2 {
		return false
	}
	switch op {
	case "<":
		return x < y
	case ">":
		return x > y
	case "<=":
		return x <= y
	}
	return x >= y
}

// arithmetic is null for what are no numbers, and for a division by zero.
func arithmetic(op string, a, b any) any {
	x, ok := a.(int64)
	y, ok2 := b.(int64)
	if ok && ok2 {
		return whole(op, x, y)
	}
	f, ok := tree.Float(a)
	g, ok2 := tree.Float(b)
	if !ok || !ok2 {
		return nil
	}
	switch op {
	case "+":
		return f + g
	case "-":
		return f - g
	case "*":
		return f * g
	}
	if g == 0 {
		return nil
	}
	if op == "%" {
		return math.Mod(f, g)
	}
	return f / g
}

func whole(op string, x, y int64) any {
	switch op {
	case "+":
		return x + y
	case "-":
		return x - y
	case "*":
		return x * y
	}
	if y == 0 {
		return nil
	}
	if op == "%" {
		return x % y
	}
	return x / y
}

func (ref *reference) eval(r *run) (any, error) {
	if err := r.step(); err != nil {
		return nil, err
	}
	v, err := r.lookup(ref.name)
	for _, p := range ref.parts {
		if err != nil || v == nil {
			return nil, err
		}
		v, err = r.part(v, p)
	}
	return v, err
}

func (r *run) part(of any, p part) (any, error) {
	if err := r.step(); err != nil {
		return nil, err
	}
	if d, ok := of.(*deferred); ok {
		s, err := d.text(r)
		if err != nil {
			return nil, err
		}
		of = s
	}
	args := make([]any, len(p.args))
	for i, a := range p.args {
		v, err := a.eval(r)
		if err != nil {
			return nil, err
		}
		if args[i], err = r.settled(v); err != nil {
			return nil, err
		}
	}
	switch {
	case p.name == "":
		return r.index(of, args[0])
	case p.method:
		return method(&r.Budget, of, p.name, args)
	}
	return property(&r.Budget, of, p.name)
}

// settled is a value, with a block rendered.
func (r *run) settled(v any) (any, error) {
	if d, ok := v.(*deferred); ok {
		return noNil(d.text(r))
	}
	return v, nil
}

func (r *run) index(of, key any) (any, error) {
	switch of := of.(type) {
	case *tree.List:
		if i, ok := at(key, len(of.Items)); ok {
			return of.Items[i], nil
		}
	case *tree.Map:
		name, err := r.text(key)
		return of.Get(name), err
	}
	return nil, nil
}

// property is .name: a map's member, or what a getter of that name gives.
func property(b *Budget, of any, name string) (any, error) {
	switch of := of.(type) {
	case *tree.Map:
		return of.Get(name), nil
	case Object:
		return of.Property(name), nil
	}
	if name == "empty" {
		return method(b, of, "isEmpty", nil)
	}
	if name == "bytes" || name == "class" {
		return nil, nil
	}
	return method(b, of, "get"+strings.ToUpper(name[:1])+name[1:], nil)
}
