package vtl

import (
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"strings"
	"unicode/utf16"

	"cloister/internal/gate/tree"
)

// units are a string's characters as Java counts them.
func units(s string) []uint16 { return utf16.Encode([]rune(s)) }

func text16(u []uint16) string { return string(utf16.Decode(u)) }

// slice is null where Java would throw.
func slice(u []uint16, from, to int64) any {
	if from < 0 || to < from || to > int64(len(u)) {
		return nil
	}
	return text16(u[from:to])
}

// unitIndex is a byte's index in Java's count; -1 stays.
func unitIndex(s string, i int) int64 {
	if i < 0 {
		return -1
	}
	return int64(len(units(s[:i])))
}

func (b *Budget) replace(s, old, to string) (any, error) {
	if err := b.Make(strings.Count(s, old) * len(to)); err != nil {
		return nil, err
	}
	return strings.ReplaceAll(s, old, to), nil
}

// Bounds of one regular expression.
const (
	maxPattern      = 1000
	maxInstructions = 2000
)

var errPattern = errors.New("a regular expression that is not supported")

// compile makes a regular expression that is to read s.
func (b *Budget) compile(pattern, s string) (*regexp.Regexp, error) {
	if len(pattern) > maxPattern {
		return nil, fmt.Errorf("%w: it is too long", errPattern)
	}
	parsed, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return nil, errPattern
	}
	program, err := syntax.Compile(parsed.Simplify())
	if err != nil || len(program.Inst) > maxInstructions {
		return nil, errPattern
	}
	if b.work -= len(program.Inst) * (len(s) + 1000); b.work < 0 {
		return nil, ErrTooMuch
	}
	return regexp.Compile(pattern)
}

func (b *Budget) matches(s, pattern string) (any, error) {
	re, err := b.compile(`\A(?:`+pattern+`)\z`, s)
	if err != nil {
		return nil, err
	}
	return re.MatchString(s), nil
}

// matchWork is what one match counts, as instructions.
const matchWork = 200

func (b *Budget) matchesLeft() int { return b.work / matchWork }

func (b *Budget) matched(n int) error {
	if b.work -= n * matchWork; b.work < 0 {
		return ErrTooMuch
	}
	return nil
}

// split is String.split: with limit 0 the empty strings at the end are left out.
func (b *Budget) split(s, pattern string, limit int) (any, error) {
	re, err := b.compile(pattern, s)
	if err != nil {
		return nil, err
	}
	l := &tree.List{Plain: true}
	from := 0
	found := re.FindAllStringIndex(s, b.matchesLeft()+1)
	if err := b.matched(len(found)); err != nil {
		return nil, err
	}
	for _, at := range found {
		if at[1] == 0 {
			continue // a match of nothing at the beginning
		}
		if limit > 0 && len(l.Items) == limit-1 || at[0] == len(s) && at[0] == at[1] {
			break
		}
		l.Items = append(l.Items, s[from:at[0]])
		from = at[1]
	}
	l.Items = append(l.Items, s[from:])
	if limit == 0 && len(l.Items) > 1 {
		for len(l.Items) > 0 && l.Items[len(l.Items)-1] == "" {
			l.Items = l.Items[:len(l.Items)-1]
		}
	}
	return l, b.Make(elementSize * len(l.Items))
}

// replaceAll replaces at most n matches, all if n is negative.
func (b *Budget) replaceAll(s, pattern, to string, n int) (any, error) {
	re, err := b.compile(pattern, s)
	if err != nil {
		return nil, err
	}
	var out strings.Builder
	from := 0
	if n < 0 {
		n = b.matchesLeft() + 1
	}
	found := re.FindAllStringSubmatchIndex(s, n)
	if err := b.matched(len(found)); err != nil {
		return nil, err
	}
	for _, at := range found {
		out.WriteString(s[from:at[0]])
		from = at[1]
		before := out.Len()
		if err := expand(&out, re, s, to, at); err != nil {
			return nil, err
		}
		if err := b.Make(out.Len() - before); err != nil {
			return nil, err
		}
	}
	out.WriteString(s[from:])
	return out.String(), nil
}

var errReplacement = errors.New("a replacement that is not supported")

// expand writes a replacement as Java's: \ before what stands for itself, $n and
// ${name} for groups.
func expand(out *strings.Builder, re *regexp.Regexp, s, to string, at []int) error {
	for i := 0; i < len(to); i++ {
		switch to[i] {
		case '\\':
			if i++; i == len(to) {
				return errReplacement
			}
			out.WriteByte(to[i])
		case '$':
			group, length := groupOf(re, to[i+1:])
			if group < 0 {
				return errReplacement
			}
			if at[2*group] >= 0 {
				out.WriteString(s[at[2*group]:at[2*group+1]])
			}
			i += length
		default:
			out.WriteByte(to[i])
		}
	}
	return nil
}

// groupOf reads the group after a $, and how long its name is; -1 for none.
func groupOf(re *regexp.Regexp, s string) (group, length int) {
	if strings.HasPrefix(s, "{") {
		name, _, ok := strings.Cut(s[1:], "}")
		if !ok || name == "" {
			return -1, 0
		}
		return re.SubexpIndex(name), len(name) + 2
	}
	group = -1
	for length < len(s) && s[length] >= '0' && s[length] <= '9' {
		next := max(0, group)*10 + int(s[length]-'0')
		if next > re.NumSubexp() {
			break
		}
		group = next
		length++
	}
	return group, length
}
