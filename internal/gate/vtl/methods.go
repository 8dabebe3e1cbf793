package vtl

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"cloister/internal/gate/tree"
)

// method calls a method of Java's that values have here. One that there is not, or
// that has other arguments, gives null, as with Velocity.
func method(b *Budget, of any, name string, args []any) (any, error) {
	switch of := of.(type) {
	case Object:
		v, _, err := of.Call(b, name, args)
		return v, err
	case string:
		return stringMethod(b, of, name, args)
	case *tree.Map:
		return mapMethod(b, of, name, args)
	case tree.Entry:
		if name != "toString" {
			return entryMethod(of, name, args), nil
		}
	case *tree.List:
		return listMethod(b, of, name, args)
	}
	return scalarMethod(b, of, name, args)
}

func scalarMethod(b *Budget, of any, name string, args []any) (any, error) {
	switch {
	case name == "toString" && len(args) == 0:
		return noNil(b.text(of))
	case name == "equals" && len(args) == 1:
		return of == args[0], nil
	case (name == "parseInt" || name == "parseLong" || name == "valueOf") && len(args) == 1:
		return parsed(of, args[0]), nil
	case name == "parseDouble" && len(args) == 1:
		return parsed(0.0, args[0]), nil
	}
	f, ok := tree.Float(of)
	if !ok {
		return nil, nil
	}
	return numberMethod(of, f, name, args), nil
}

// parsed is a text as a number of the kind that the method is called on.
func parsed(kind, v any) any {
	s, ok := v.(string)
	if !ok {
		return v
	}
	if _, double := kind.(float64); double {
		if f, err := strconv.ParseFloat(s, 64); err == nil {
			return f
		}
		return nil
	}
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		return n
	}
	return nil
}

func numberMethod(of any, f float64, name string, args []any) any {
	switch name {
	case "intValue", "longValue", "shortValue":
		if n, ok := of.(int64); ok {
			return n
		}
		return int64(max(math.MinInt64, min(f, math.MaxInt64/2)))
	case "doubleValue", "floatValue":
		return f
	case "compareTo":
		if len(args) == 1 {
			g, ok := tree.Float(args[0])
			if ok {
				return int64(sign(f - g))
			}
		}
	}
	return nil
}

func sign(f float64) int {
	switch {
	case f < 0:
		return -1
	case f > 0:
		return 1
	}
	return 0
}

// entryMethod is a method of one of a map's entrySet.
func entryMethod(e tree.Entry, name string, args []any) any {
	switch {
	case name == "getKey" && len(args) == 0:
		return e.Key
	case name == "getValue" && len(args) == 0:
		return e.Value()
	case name == "setValue" && len(args) == 1:
		was := e.Value()
		e.Of.Put(e.Key, args[0])
		return was
	}
	return nil
}

func mapMethod(b *Budget, m *tree.Map, name string, args []any) (any, error) {
	switch len(args) {
	case 0:
		return mapTells(b, m, name)
	case 1:
		if other, ok := args[0].(*tree.Map); ok && name == "putAll" {
			for _, k := range slices.Clone(other.Keys()) {
				m.Put(k, other.Get(k))
			}
			return nil, b.Make(other.Len())
		}
		if name == "containsValue" {
			return slices.ContainsFunc(elements(m), func(v any) bool { return tree.Equal(v, args[0]) }), b.Make(m.Len())
		}
	}
	if len(args) == 0 {
		return nil, nil
	}
	key, err := b.text(args[0])
	if err != nil {
		return nil, err
	}
	return mapKeyed(b, m, name, key, args)
}

func mapKeyed(b *Budget, m *tree.Map, name, key string, args []any) (any, error) {
	was := m.Get(key)
	switch {
	case name == "get" && len(args) == 1:
		return was, nil
	case name == "containsKey" && len(args) == 1:
		return m.Has(key), nil
	case name == "remove" && len(args) == 1:
		m.Delete(key)
		return was, b.Make(m.Len())
	case name == "equals" && len(args) == 1:
		return tree.Equal(m, args[0]), b.Make(m.Len())
	case name == "put" && len(args) == 2:
		m.Put(key, args[1])
		return was, b.Make(1 + len(key))
	case name == "putIfAbsent" && len(args) == 2:
		if was == nil {
			m.Put(key, args[1])
		}
		return was, b.Make(1 + len(key))
	case name == "getOrDefault" && len(args) == 2:
		if m.Has(key) {
			return was, nil
		}
		return args[1], nil
	}
	return nil, nil
}

func mapTells(b *Budget, m *tree.Map, name string) (any, error) {
	switch name {
	case "size":
		return int64(m.Len()), nil
	case "isEmpty":
		return m.Len() == 0, nil
	case "toString":
		return noNil(b.text(m))
	case "clear":
		m.Clear()
		return nil, nil
	}
	list := &tree.List{Plain: true}
	for _, k := range m.Keys() {
		switch name {
		case "keySet":
			list.Items = append(list.Items, k)
		case "values":
			list.Items = append(list.Items, m.Get(k))
		case "entrySet":
			list.Items = append(list.Items, tree.Entry{Of: m, Key: k})
		default:
			return nil, nil
		}
	}
	return list, b.Make(elementSize * (1 + m.Len()))
}

func listMethod(b *Budget, l *tree.List, name string, args []any) (any, error) {
	n := len(l.Items)
	if err := b.Make(1); err != nil {
		return nil, err
	}
	switch len(args) {
	case 0:
		return listTells(b, l, name)
	case 1:
		return listWith(b, l, name, args[0])
	case 2:
		i, ok := args[0].(int64)
		switch {
		case !ok || i < 0 || i > int64(n):
			return nil, nil
		case name == "set" && i < int64(n):
			was := l.Items[i]
			l.Items[i] = args[1]
			return was, nil
		case name == "add":
			l.Items = slices.Insert(l.Items, int(i), args[1])
			return nil, b.Make(n)
		case name == "subList":
			to, ok := args[1].(int64)
			if !ok || to < i || to > int64(n) {
				return nil, nil
			}
			return &tree.List{Items: slices.Clone(l.Items[i:to]), Plain: l.Plain}, b.Make(elementSize * n)
		}
	}
	return nil, nil
}

func listTells(b *Budget, l *tree.List, name string) (any, error) {
	switch name {
	case "size", "length":
		return int64(len(l.Items)), nil
	case "isEmpty":
		return len(l.Items) == 0, nil
	case "toString":
		return noNil(b.text(l))
	case "clear":
		l.Items = nil
	case "iterator", "toArray":
		return l, nil
	}
	return nil, nil
}

func listWith(b *Budget, l *tree.List, name string, arg any) (any, error) {
	switch name {
	case "get":
		i, ok := arg.(int64)
		if !ok || i < 0 || i >= int64(len(l.Items)) {
			return nil, nil
		}
		return l.Items[i], nil
	case "add":
		l.Items = append(l.Items, arg)
		return true, b.Make(elementSize)
	case "addAll":
		more, ok := arg.(*tree.List)
		if !ok {
			return nil, nil
		}
		l.Items = append(l.Items, more.Items...)
		return len(more.Items) > 0, b.Make(elementSize * len(more.Items))
	}
	if err := b.Make(searchCost(l, arg)); err != nil {
		return nil, err
	}
	return listFinds(l, name, arg), nil
}

// searchCost is what looking for something counts: documents are compared whole.
func searchCost(l *tree.List, arg any) int {
	switch arg.(type) {
	case *tree.Map, *tree.List:
		return 1000 * (1 + len(l.Items))
	}
	return len(l.Items)
}

func listFinds(l *tree.List, name string, arg any) any {
	find := func() int { return slices.IndexFunc(l.Items, func(v any) bool { return tree.Equal(v, arg) }) }
	switch name {
	case "contains":
		return find() >= 0
	case "indexOf":
		return int64(find())
	case "equals":
		return tree.Equal(l, arg)
	case "containsAll":
		more, ok := arg.(*tree.List)
		if !ok {
			return nil
		}
		for _, item := range more.Items[:min(len(more.Items), maxLoops)] {
			if !slices.ContainsFunc(l.Items, func(v any) bool { return tree.Equal(v, item) }) {
				return false
			}
		}
		return true
	case "remove":
		return remove(l, arg, find)
	}
	return nil
}

// remove takes away the element at an index, or the first that is equal.
func remove(l *tree.List, arg any, find func() int) any {
	if i, ok := arg.(int64); ok {
		if i < 0 || i >= int64(len(l.Items)) {
			return nil
		}
		was := l.Items[i]
		l.Items = slices.Delete(l.Items, int(i), int(i)+1)
		return was
	}
	i := find()
	if i < 0 {
		return false
	}
	l.Items = slices.Delete(l.Items, i, i+1)
	return true
}

func stringMethod(b *Budget, s, name string, args []any) (any, error) {
	if err := b.Make(len(s)); err != nil {
		return nil, err
	}
	switch len(args) {
	case 0:
		return stringTells(s, name), nil
	case 1:
		return stringWith(b, s, name, args[0])
	case 2:
		return stringWithTwo(b, s, name, args[0], args[1])
	}
	return nil, nil
}

func stringTells(s, name string) any {
	switch name {
	case "length":
		return int64(len(units(s)))
	case "isEmpty":
		return s == ""
	case "isBlank":
		return strings.TrimSpace(s) == ""
	case "toString", "intern":
		return s
	case "trim", "strip":
		return strings.TrimFunc(s, func(r rune) bool { return r <= ' ' })
	case "toLowerCase":
		return strings.ToLower(s)
	case "toUpperCase":
		return strings.ToUpper(s)
	case "hashCode":
		h := int32(0)
		for _, u := range units(s) {
			h = 31*h + int32(u)
		}
		return int64(h)
	}
	return nil
}

func stringWith(b *Budget, s, name string, arg any) (any, error) {
	if n, ok := arg.(int64); ok {
		return stringAt(b, s, name, n)
	}
	if name == "valueOf" {
		return noNil(b.text(arg))
	}
	t, ok := arg.(string)
	switch {
	case name == "equals":
		return ok && s == t, nil
	case name == "equalsIgnoreCase":
		return ok && strings.EqualFold(s, t), nil
	case !ok:
		return nil, nil
	}
	switch name {
	case "contains":
		return strings.Contains(s, t), nil
	case "startsWith":
		return strings.HasPrefix(s, t), nil
	case "endsWith":
		return strings.HasSuffix(s, t), nil
	case "indexOf":
		return unitIndex(s, strings.Index(s, t)), nil
	case "lastIndexOf":
		return unitIndex(s, strings.LastIndex(s, t)), nil
	case "concat":
		return s + t, b.Make(len(t))
	case "compareTo":
		return int64(strings.Compare(s, t)), nil
	case "compareToIgnoreCase":
		return int64(strings.Compare(strings.ToLower(s), strings.ToLower(t))), nil
	case "matches":
		return b.matches(s, t)
	case "split":
		return b.split(s, t, 0)
	}
	return nil, nil
}

func stringAt(b *Budget, s, name string, n int64) (any, error) {
	u := units(s)
	switch name {
	case "substring":
		return slice(u, n, int64(len(u))), nil
	case "charAt":
		return slice(u, n, n+1), nil
	case "repeat":
		if n < 0 {
			return nil, nil
		}
		if n > maxMade || b.Make(int(n)*len(s)) != nil {
			return nil, ErrTooMuch
		}
		return strings.Repeat(s, int(n)), nil
	case "valueOf":
		return strconv.FormatInt(n, 10), nil
	case "equals":
		return false, nil
	}
	return nil, nil
}

func stringWithTwo(b *Budget, s, name string, first, second any) (any, error) {
	if from, ok := first.(int64); ok && name == "substring" {
		if to, ok := second.(int64); ok {
			return slice(units(s), from, to), nil
		}
	}
	t, ok := first.(string)
	if !ok {
		return nil, nil
	}
	switch second := second.(type) {
	case int64:
		switch name {
		case "split":
			return b.split(s, t, int(min(second, maxMade)))
		case "indexOf":
			u := units(s)
			from := max(0, min(second, int64(len(u))))
			head := text16(u[:from])
			if i := strings.Index(s[min(len(head), len(s)):], t); i >= 0 {
				return unitIndex(s, len(head)+i), nil
			}
			return int64(-1), nil
		case "startsWith":
			rest, ok := slice(units(s), second, int64(len(units(s)))).(string)
			return ok && strings.HasPrefix(rest, t), nil
		}
	case string:
		switch name {
		case "replace":
			return b.replace(s, t, second)
		case "replaceAll":
			return b.replaceAll(s, t, second, -1)
		case "replaceFirst":
			return b.replaceAll(s, t, second, 1)
		}
	}
	return nil, nil
}
