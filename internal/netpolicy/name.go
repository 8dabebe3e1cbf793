package netpolicy

import (
	"fmt"
	"strings"
)

// Marker begins what names a rule's destination in its description, and is with
// "dns" the key of the tag that does: "cloister:dns=api.example.com,*.example.org".
const (
	Marker = "cloister:"
	DNSTag = Marker + "dns"
)

// mostNames bounds the names of one rule.
const mostNames = 20

// NamesIn finds the names that a rule's description limits it to, none if it
// limits nothing. Whatever else begins with [Marker] is an error: a rule that was
// meant to be narrow is never a wide one.
func NamesIn(description string) ([]string, error) {
	var names []string
	rest := description
	for {
		at := markerIn(rest)
		if at < 0 {
			return names, tooMany(names)
		}
		word := rest[at:]
		if end := strings.IndexAny(word, " \t\n"); end >= 0 {
			word = word[:end]
		}
		list, ok := strings.CutPrefix(word, DNSTag+"=")
		if !ok {
			return nil, fmt.Errorf("%q is not known; what is: %s=NAME", word, DNSTag)
		}
		some, err := ParseNames(list)
		if err != nil {
			return nil, err
		}
		names = append(names, some...)
		rest = rest[at+len(word):]
	}
}

// markerIn finds the marker in a text, in whatever case.
func markerIn(text string) int {
	for i := 0; i+len(Marker) <= len(text); i++ {
		if strings.EqualFold(text[i:i+len(Marker)], Marker) {
			return i
		}
	}
	return -1
}

// ParseNames reads names with commas between them, as the tag [DNSTag] has them:
// whole names, or "*." and a name for all that is below it.
func ParseNames(list string) ([]string, error) {
	var names []string
	for name := range strings.SplitSeq(list, ",") {
		name = strings.ToLower(strings.TrimSuffix(name, "."))
		if err := checkName(name); err != nil {
			return nil, err
		}
		names = append(names, name)
	}
	return names, tooMany(names)
}

func tooMany(names []string) error {
	if len(names) > mostNames {
		return fmt.Errorf("%d names are more than %d", len(names), mostNames)
	}
	return nil
}

func checkName(name string) error {
	labels := strings.Split(strings.TrimPrefix(name, "*."), ".")
	if len(name) > 253 || len(labels) < 2 || !strings.ContainsAny(labels[len(labels)-1], "abcdefghijklmnopqrstuvwxyz") {
		return fmt.Errorf("%q is no name of a host with a domain", name)
	}
	for _, label := range labels {
		if !isLabel(label) {
			return fmt.Errorf("%q is no name of a host", name)
		}
	}
	return nil
}

func isLabel(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '_' {
			return false
		}
	}
	return s != "" && len(s) <= 63 && s[0] != '-' && s[len(s)-1] != '-'
}

// covers tells whether a name of a rule means a host.
func covers(pattern, host string) bool {
	if len(pattern) > 1 && pattern[0] == '*' {
		return len(host) > len(pattern)-1 && strings.HasSuffix(host, pattern[1:])
	}
	return pattern == host
}
