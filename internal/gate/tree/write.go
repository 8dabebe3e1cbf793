package tree

import (
	"bytes"
	"encoding/json"
	"math"
	"strconv"
	"strings"
)

// A Writer writes values within a bound: when it is full it writes no more.
type writer struct {
	strings.Builder
	left int
}

func (w *writer) put(s string) {
	if w.left -= len(s); w.left < 0 {
		return
	}
	w.WriteString(s)
}

func (w *writer) full() bool { return w.left < 0 }

// JSON writes a value as JSON. ok is false if it is longer than limit bytes or
// nests too deep, as one that contains itself does.
func JSON(v any, limit int) (text string, ok bool) {
	w := &writer{left: limit}
	deep := w.json(v, maxDepth)
	return w.String(), deep && !w.full()
}

func (w *writer) json(v any, depth int) bool {
	if depth == 0 || w.full() {
		return false
	}
	switch v := v.(type) {
	case nil:
		w.put("null")
	case *Map:
		return w.jsonMap(v, depth-1)
	case *List:
		return w.jsonList(v, depth-1)
	case string:
		w.put(Quote(v))
	case bool, int64, float64, BigNumber:
		w.put(scalar(v))
	case Entry:
		w.put("{" + Quote(v.Key) + ":")
		ok := w.json(v.Value(), depth-1)
		w.put("}")
		return ok
	default:
		w.put(`""`)
	}
	return true
}

func (w *writer) jsonMap(m *Map, depth int) bool {
	for i, k := range m.keys {
		w.put(opening(i, "{", ","))
		w.put(Quote(k) + ":")
		if !w.json(m.values[k], depth) {
			return false
		}
	}
	w.put(closing(len(m.keys), "{}"))
	return true
}

func (w *writer) jsonList(l *List, depth int) bool {
	for i, item := range l.Items {
		w.put(opening(i, "[", ","))
		if !w.json(item, depth) {
			return false
		}
	}
	w.put(closing(len(l.Items), "[]"))
	return true
}

// opening is what stands before the i-th of some things, closing what follows them.
func opening(i int, first, others string) string {
	if i == 0 {
		return first
	}
	return others
}

func closing(n int, both string) string {
	if n == 0 {
		return both
	}
	return both[1:]
}

// Quote writes a string as JSON, with no more escaped than has to be.
func Quote(s string) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(s); err != nil {
		return `""`
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// String writes a value as Java's toString does: {a=1, b=[…]}, lists of documents as
// JSON, others as [a, b]. ok is as with [JSON].
func String(v any, limit int) (text string, ok bool) {
	if s, plain := v.(string); plain {
		return s, len(s) <= limit
	}
	w := &writer{left: limit}
	deep := w.java(v, maxDepth)
	return w.String(), deep && !w.full()
}

func (w *writer) java(v any, depth int) bool {
	if depth == 0 || w.full() {
		return false
	}
	switch v := v.(type) {
	case nil:
		w.put("null")
	case string:
		w.put(v)
	case *Map:
		return w.javaMap(v, depth-1)
	case *List:
		if v.Plain {
			return w.javaList(v, depth-1)
		}
		return w.json(v, depth)
	case Entry:
		w.put(v.Key + "=")
		return w.java(v.Value(), depth-1)
	default:
		w.put(scalar(v))
	}
	return true
}

func (w *writer) javaMap(m *Map, depth int) bool {
	for i, k := range m.keys {
		w.put(opening(i, "{", ", "))
		w.put(k + "=")
		if !w.java(m.values[k], depth) {
			return false
		}
	}
	w.put(closing(len(m.keys), "{}"))
	return true
}

func (w *writer) javaList(l *List, depth int) bool {
	for i, item := range l.Items {
		w.put(opening(i, "[", ", "))
		if !w.java(item, depth) {
			return false
		}
	}
	w.put(closing(len(l.Items), "[]"))
	return true
}

func scalar(v any) string {
	switch v := v.(type) {
	case int64:
		return strconv.FormatInt(v, 10)
	case float64:
		return double(v)
	case BigNumber:
		return string(v)
	case bool:
		return strconv.FormatBool(v)
	}
	return ""
}

// double writes a number as Java's Double.toString: always with a fraction, with an
// exponent below 10^-3 and from 10^7 on.
func double(f float64) string {
	switch {
	case math.IsNaN(f):
		return "NaN"
	case math.IsInf(f, 1):
		return "Infinity"
	case math.IsInf(f, -1):
		return "-Infinity"
	}
	if a := math.Abs(f); a == 0 || (a >= 1e-3 && a < 1e7) {
		return fraction(strconv.FormatFloat(f, 'f', -1, 64))
	}
	mantissa, exponent, _ := strings.Cut(strconv.FormatFloat(f, 'E', -1, 64), "E")
	n, _ := strconv.Atoi(exponent)
	return fraction(mantissa) + "E" + strconv.Itoa(n)
}

func fraction(s string) string {
	if strings.Contains(s, ".") {
		return s
	}
	return s + ".0"
}
