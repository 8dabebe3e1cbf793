package awsapi

import (
	"net/url"
	"strings"
)

// trie finds operations by method and escaped path. Nothing is cleaned: an
// empty segment is a segment, and a slash inside a label must come escaped
// unless the label is greedy.
type trie struct{ root trieNode }

type trieNode struct {
	literal map[string]*trieNode
	label   *trieNode
	greedy  *trieNode
	leaves  []*route
}

// route is one operation's URI pattern.
type route struct {
	op     *Operation
	labels []string          // names in the path's order
	query  map[string]string // literal parameters the request must carry
}

func (t *trie) add(op *Operation) {
	path, query, _ := strings.Cut(op.URI, "?")
	r := &route{op: op, query: literalQuery(query)}
	n := &t.root
	for _, segment := range segments(strings.TrimSuffix(path, "/")) {
		n = n.child(segment, r)
	}
	n.leaves = append(n.leaves, r)
}

func literalQuery(text string) map[string]string {
	if text == "" {
		return nil
	}
	want := map[string]string{}
	for _, pair := range strings.Split(text, "&") {
		name, value, _ := strings.Cut(pair, "=")
		want[name] = value
	}
	return want
}

// segments splits a path after its leading slash.
func segments(path string) []string {
	path = strings.TrimPrefix(path, "/")
	if path == "" {
		return nil
	}
	return strings.Split(path, "/")
}

// child is the node below n for a pattern's segment.
func (n *trieNode) child(segment string, r *route) *trieNode {
	if !strings.HasPrefix(segment, "{") {
		if n.literal == nil {
			n.literal = map[string]*trieNode{}
		}
		return subnode(n.literal[segment], func(k *trieNode) { n.literal[segment] = k })
	}
	name := strings.Trim(segment, "{}")
	if plain, greedy := strings.CutSuffix(name, "+"); greedy {
		r.labels = append(r.labels, plain)
		return subnode(n.greedy, func(k *trieNode) { n.greedy = k })
	}
	r.labels = append(r.labels, name)
	return subnode(n.label, func(k *trieNode) { n.label = k })
}

func subnode(have *trieNode, put func(*trieNode)) *trieNode {
	if have == nil {
		have = &trieNode{}
		put(have)
	}
	return have
}

// lookup is one search for a request's route.
type lookup struct {
	method   string
	rawQuery string
	query    url.Values // of rawQuery, once a route asks for it
	path     []string
	values   []string // escaped labels met on the way
}

// find returns the operation and its unescaped labels. A path that ends in a
// slash also finds the operation of the path without it.
func (t *trie) find(method string, u *url.URL) (*Operation, map[string]string) {
	l := lookup{method: method, path: segments(u.EscapedPath()), rawQuery: u.RawQuery}
	r := l.walk(&t.root, 0)
	if r == nil && len(l.path) > 0 && l.path[len(l.path)-1] == "" {
		l.path, l.values = l.path[:len(l.path)-1], nil
		r = l.walk(&t.root, 0)
	}
	if r == nil {
		return nil, nil
	}
	params := make(map[string]string, len(r.labels))
	for i, name := range r.labels {
		value, err := url.PathUnescape(l.values[i])
		if err != nil {
			return nil, nil
		}
		params[name] = value
	}
	return r.op, params
}

// walk tries literals before labels before greedy labels.
func (l *lookup) walk(n *trieNode, at int) *route {
	if at == len(l.path) {
		return l.leaf(n)
	}
	if k := n.literal[l.path[at]]; k != nil {
		if r := l.walk(k, at+1); r != nil {
			return r
		}
	}
	if n.label != nil && l.path[at] != "" {
		if r := l.through(n.label, l.path[at], at+1); r != nil {
			return r
		}
	}
	return l.greedy(n.greedy, at)
}

// through continues below a label that took value.
func (l *lookup) through(n *trieNode, value string, at int) *route {
	l.values = append(l.values, value)
	r := l.walk(n, at)
	if r == nil {
		l.values = l.values[:len(l.values)-1]
	}
	return r
}

// greedy lets a label take as many segments as still lead to a route; unless
// something follows it in a pattern, that is all of them.
func (l *lookup) greedy(n *trieNode, at int) *route {
	if n == nil {
		return nil
	}
	shortest := len(l.path)
	if n.literal != nil || n.label != nil {
		shortest = at + 1
	}
	for end := len(l.path); end >= shortest; end-- {
		value := strings.Join(l.path[at:end], "/")
		if value == "" {
			continue
		}
		if r := l.through(n, value, end); r != nil {
			return r
		}
	}
	return nil
}

// leaf picks the route whose literal parameters are all there; the one that
// asks for most wins.
func (l *lookup) leaf(n *trieNode) *route {
	var best *route
	for _, r := range n.leaves {
		if r.op.Method == l.method && l.carries(r.query) && (best == nil || len(r.query) > len(best.query)) {
			best = r
		}
	}
	return best
}

func (l *lookup) carries(want map[string]string) bool {
	if len(want) > 0 && l.query == nil {
		l.query, _ = url.ParseQuery(l.rawQuery)
	}
	for name, value := range want {
		if !l.query.Has(name) || (value != "" && l.query.Get(name) != value) {
			return false
		}
	}
	return true
}
