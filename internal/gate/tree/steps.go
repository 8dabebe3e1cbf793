package tree

import (
	"cmp"
	"slices"
)

type members []string

func (s members) below(w *walk, v any) {
	m, ok := v.(*Map)
	if !ok {
		return
	}
	if len(s) == 1 {
		if m.Has(s[0]) {
			w.add(m.Get(s[0]))
		}
		return
	}
	for _, name := range s {
		if m.Has(name) {
			w.add(m.Get(name))
		}
	}
}

type indices []int

func (s indices) below(w *walk, v any) {
	l, ok := v.(*List)
	if !ok {
		return
	}
	for _, i := range s {
		if i < 0 {
			i += len(l.Items)
		}
		if i >= 0 && i < len(l.Items) {
			w.add(l.Items[i])
		}
	}
}

type slice struct{ from, to *int }

func (s slice) below(w *walk, v any) {
	l, ok := v.(*List)
	if !ok {
		return
	}
	from, to := end(s.from, 0, len(l.Items)), end(s.to, len(l.Items), len(l.Items))
	for i := from; i < to; i++ {
		w.add(l.Items[i])
	}
}

// end is one end of a slice of n: counted from the back if negative, never outside.
func end(at *int, otherwise, n int) int {
	if at == nil {
		return otherwise
	}
	i := *at
	if i < 0 {
		i += n
	}
	return max(0, min(i, n))
}

type wildcard struct{}

func (wildcard) below(w *walk, v any) {
	for _, child := range children(v) {
		w.add(child)
	}
}

func children(v any) []any {
	switch v := v.(type) {
	case *Map:
		all := make([]any, 0, v.Len())
		for _, k := range v.keys {
			all = append(all, v.values[k])
		}
		return all
	case *List:
		return v.Items
	}
	return nil
}

// descent finds the place itself and all below it.
type descent struct{}

func (d descent) below(w *walk, v any) { d.within(w, v, maxDepth) }

func (d descent) within(w *walk, v any, depth int) {
	if *w.left < 0 || depth == 0 {
		return
	}
	w.add(v)
	for _, child := range children(v) {
		switch child.(type) {
		case *Map, *List:
			d.within(w, child, depth-1)
		}
	}
}

// applied is what a function makes of what was found.
func applied(function string, v any, found bool) (any, bool, error) {
	switch function {
	case "":
		return v, found, nil
	case "length", "size":
		return length(v), found, nil
	case "keys":
		return keys(v), found, nil
	}
	items := children(v)
	if len(items) == 0 {
		return nil, false, nil
	}
	switch function {
	case "first":
		return items[0], true, nil
	case "last":
		return items[len(items)-1], true, nil
	}
	return statistic(function, items)
}

func length(v any) any {
	switch v := v.(type) {
	case *Map:
		return int64(v.Len())
	case *List:
		return int64(len(v.Items))
	case string:
		return int64(len([]rune(v)))
	}
	return nil
}

func keys(v any) any {
	m, ok := v.(*Map)
	if !ok {
		return nil
	}
	l := &List{}
	for _, k := range m.keys {
		l.Items = append(l.Items, k)
	}
	return l
}

func statistic(function string, items []any) (any, bool, error) {
	var numbers []float64
	for _, item := range items {
		if f, ok := Float(item); ok {
			numbers = append(numbers, f)
		}
	}
	if len(numbers) == 0 {
		return nil, false, nil
	}
	sum := 0.0
	for _, f := range numbers {
		sum += f
	}
	switch function {
	case "min":
		return slices.Min(numbers), true, nil
	case "max":
		return slices.Max(numbers), true, nil
	case "avg":
		return sum / float64(len(numbers)), true, nil
	}
	return sum, true, nil
}

// Float is a number as a float64.
func Float(v any) (float64, bool) {
	switch v := v.(type) {
	case int64:
		return float64(v), true
	case float64:
		return v, true
	}
	return 0, false
}

// order compares two values: numbers with numbers, strings with strings.
func order(a, b any) (int, bool) {
	if x, ok := a.(string); ok {
		y, ok := b.(string)
		return cmp.Compare(x, y), ok
	}
	x, ok := Float(a)
	y, ok2 := Float(b)
	return cmp.Compare(x, y), ok && ok2
}

// Equal says whether two values are the same document.
func Equal(a, b any) bool {
	if x, ok := Float(a); ok {
		y, ok := Float(b)
		return ok && x == y
	}
	switch a := a.(type) {
	case *Map, *List:
		x, okX := JSON(a, maxCompared)
		y, okY := JSON(b, maxCompared)
		return okX && okY && x == y
	}
	switch b.(type) {
	case *Map, *List:
		return false
	}
	return a == b
}

// maxCompared is how long documents may be that are compared.
const maxCompared = 1 << 20
