package gate

import "strings"

// Overlap says whether two domain names, either of which may begin with "*." for
// any one label, could be meant by one host.
func Overlap(a, b string) bool { return a == b || covers(a, b) || covers(b, a) }

func covers(wild, name string) bool {
	above, ok := strings.CutPrefix(wild, "*.")
	_, parent, _ := strings.Cut(name, ".")
	return ok && parent == above
}
