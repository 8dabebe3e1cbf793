package generate

import (
	"maps"
	"slices"
	"strings"

	"cloister/policy"
)

// step is how far resources are widened: a branch of the tree of names becomes
// one pattern when it has many members and begins deep enough.
type step struct {
	separators string // where names are cut, beyond their first part
	many       int
	depth      int // how many parts of a resource, its type counted, stay as they are
	words      string
}

// steps go from what is sensible to what a quota can force.
var steps = [...]step{
	{separators: "/:", many: 4, depth: 2},
	{separators: "/:", many: 2, depth: 2, words: "to prefixes that have more than one of them"},
	{separators: "/:-_.", many: 2, depth: 2, words: "to common beginnings of their names"},
	{separators: "/:", many: 1, depth: 1, words: "to all of their type"},
}

// node is a branch of the tree of names that begin alike.
type node struct {
	children  map[string]*node // by the next part with its separator
	leaf      bool             // a name ends here
	collapsed bool             // the branch is one pattern
	asked     bool             // that pattern itself was asked for
	seen      int              // names in the branch
}

// branch is the tree of the resources of one service, region and account.
type branch struct {
	head     string // the ARN's first five fields, with the colon behind them
	s3, logs bool   // names are buckets and objects; groups and streams
	root     node
}

// resource is an ARN in two parts.
func cutARN(arn string) (head, name string) {
	at := 0
	for range 5 {
		at += strings.IndexByte(arn[at:], ':') + 1
	}
	return arn[:at], arn[at:]
}

func newBranch(head string) *branch {
	fields := strings.Split(head, ":")
	return &branch{head: head, s3: fields[2] == "s3" && fields[4] == "", logs: fields[2] == "logs"}
}

// streams stands before the names of a log group's streams, which come and go by
// themselves: the group stands for them, as AWS's own policies have it.
const streams = ":log-stream:"

// wholeGroup cuts the name of a log group's stream, or of all that is in a group or
// in all groups, which CloudWatch Logs itself asks for with a star (no group
// and no stream has one in its name).
func wholeGroup(name string) (group string, asked, ok bool) {
	if !strings.HasPrefix(name, "log-group:") {
		return name, false, false
	}
	if group, ok := strings.CutSuffix(name, ":*"); ok {
		return group + ":", true, true
	}
	group, _, ok = strings.Cut(name, streams)
	return group + ":", false, ok
}

func (b *branch) add(name string, s *step) {
	group, asked, whole := wholeGroup(name)
	if whole = whole && b.logs; whole {
		name = group
	}
	n := &b.root
	n.seen++
	for _, part := range parts(name, s.separators) {
		if n.children == nil {
			n.children = map[string]*node{}
		}
		if n.children[part] == nil {
			n.children[part] = &node{}
		}
		n = n.children[part]
		n.seen++
	}
	n.leaf = n.leaf || !whole
	n.collapsed = n.collapsed || whole
	n.asked = n.asked || whole && asked
}

// mostParts bounds the depth of the tree; what follows stays one part.
const mostParts = 64

// parts cuts a name behind each separator. The first part, which is the type or
// the bucket, is cut at the usual ones.
func parts(name, separators string) []string {
	var all []string
	cut := "/:"
	for name != "" {
		i := strings.IndexAny(name, cut)
		if i < 0 || len(all) == mostParts {
			return append(all, name)
		}
		all = append(all, name[:i+1])
		name, cut = name[i+1:], separators
	}
	return all
}

// settle decides which nodes are one pattern, from the leaves up. depth is how
// many parts that are not empty lead to n, and last the separator before it.
func (b *branch) settle(n *node, s *step, depth int, last byte) {
	members, versions := 0, 0
	for part, child := range n.children {
		deeper := depth
		if len(part) > 1 {
			deeper++
		}
		b.settle(child, s, deeper, part[len(part)-1])
		if child.leaf || child.collapsed {
			members++
		}
		if child.leaf && strings.Trim(part, "0123456789") == "" {
			versions++
		}
	}
	if !b.mayCollapse(n, s, depth) {
		return
	}
	n.collapsed = n.collapsed || members >= s.many || last == ':' && versions > 1
}

// mayCollapse says whether a pattern may begin here. Resources that have no
// type are all of one: at the last step they may be widened, if there are no others.
func (b *branch) mayCollapse(n *node, s *step, depth int) bool {
	switch {
	case b.s3:
		return depth >= 1
	case depth > 0 || s.depth > 1:
		return depth >= s.depth
	}
	for _, child := range n.children {
		if len(child.children) > 0 {
			return false
		}
	}
	return n.seen > 1
}

// found is a resource, or a pattern that stands for some.
type found struct {
	text    string
	seen    int
	widened bool // it stands for more than was seen
}

func (b *branch) emit(n *node, prefix string, all []found) []found {
	if n.collapsed {
		return append(all, found{policy.Literal(b.head+prefix) + "*", n.seen, !n.asked})
	}
	if n.leaf {
		all = append(all, found{text: policy.Literal(b.head + prefix), seen: 1})
	}
	for _, part := range slices.Sorted(maps.Keys(n.children)) {
		all = b.emit(n.children[part], prefix+part, all)
	}
	return all
}

// widen covers the resources of one action.
func widen(resources map[string]bool, s *step) []found {
	var all []found
	branches := map[string]*branch{}
	for resource := range resources {
		if resource == "*" {
			all = append(all, found{text: "*", seen: 1})
			continue
		}
		head, name := cutARN(resource)
		if branches[head] == nil {
			branches[head] = newBranch(head)
		}
		branches[head].add(name, s)
	}
	for _, head := range slices.Sorted(maps.Keys(branches)) {
		b := branches[head]
		b.settle(&b.root, s, 0, 0)
		all = b.emit(&b.root, "", all)
	}
	return all
}
