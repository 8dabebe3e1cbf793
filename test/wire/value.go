package wire

import (
	"strings"

	"pgregory.net/rapid"

	"cloister/internal/awsapi"
)

// Maker makes inputs.
type Maker struct {
	// Named gives a string member its value by its name, in lower case: the
	// names of resources, for which no pattern can know what exists. A name
	// like "lambda:Invoke.qualifier" is of one operation, and has a member
	// given that is optional.
	Named map[string]string

	// Keep says whether to give an optional member. nil: none is given.
	Keep func(m *awsapi.Member) bool

	// Mark, if set, is put into every string and blob that the model marks as
	// sensitive; Marked counts them.
	Mark   string
	Marked int

	op *awsapi.Operation
}

// Input makes an input of op: map[string]any for structures and maps, []any
// for lists, and string, float64, bool, []byte for the rest. Timestamps are
// float64, in seconds since 1970.
func (k *Maker) Input(op *awsapi.Operation) map[string]any {
	if op.Input == nil {
		return map[string]any{}
	}
	k.op = op
	return k.structure(op.Input, false, 0)
}

// maxDepth ends shapes that contain themselves.
const maxDepth = 6

func (k *Maker) structure(s *awsapi.Shape, secret bool, depth int) map[string]any {
	out := map[string]any{}
	for i := range s.Members {
		m := &s.Members[i]
		if !m.Is(awsapi.Required) && !k.keeps(m) || depth > maxDepth {
			continue
		}
		out[m.Name] = k.member(m, secret, depth)
	}
	return out
}

func (k *Maker) keeps(m *awsapi.Member) bool {
	_, own := k.Named[k.ownName(m)]
	return own || k.Keep != nil && k.Keep(m)
}

func (k *Maker) ownName(m *awsapi.Member) string {
	return k.op.String() + "." + strings.ToLower(m.Name)
}

func (k *Maker) member(m *awsapi.Member, secret bool, depth int) any {
	secret = secret || m.Is(awsapi.Sensitive)
	switch s := m.Shape; s.Kind {
	case awsapi.KindStructure:
		return k.structure(s, secret, depth+1)
	case awsapi.KindList:
		return k.list(s, secret, depth+1)
	case awsapi.KindMap:
		return map[string]any{k.key(s): k.member(s.Elem, secret, depth+1)}
	case awsapi.KindString:
		return k.text(m, secret)
	case awsapi.KindBlob:
		return k.blob(secret)
	case awsapi.KindBoolean:
		return false
	default:
		return k.number(s)
	}
}

func (k *Maker) list(s *awsapi.Shape, secret bool, depth int) any {
	if s.Elem.Shape.Kind == awsapi.KindString && s.Elem.Shape.Limits == nil {
		return []any{k.text(s.Elem, secret)}
	}
	return []any{k.member(s.Elem, secret, depth)}
}

func (k *Maker) key(s *awsapi.Shape) string {
	if limits := s.Key.Shape.Limits; limits != nil && (limits.Pattern != "" || len(limits.Enum) > 0) {
		return matching(limits)
	}
	return "Key"
}

func (k *Maker) blob(secret bool) []byte {
	if secret && k.Mark != "" {
		k.Marked++
		return []byte(k.Mark)
	}
	return []byte("blob")
}

func (k *Maker) number(s *awsapi.Shape) float64 {
	if s.Kind == awsapi.KindTimestamp {
		return 1_800_000_000
	}
	if s.Limits != nil && s.Limits.HasMin {
		return max(s.Limits.Min, 1)
	}
	return 1
}

func (k *Maker) text(m *awsapi.Member, secret bool) string {
	for _, name := range []string{k.ownName(m), strings.ToLower(m.Name)} {
		if value, ok := k.Named[name]; ok {
			return value
		}
	}
	if secret && k.Mark != "" {
		k.Marked++
		return k.Mark
	}
	if limits := m.Shape.Limits; limits != nil {
		return matching(limits)
	}
	return "text"
}

// matching finds a string within limits. A pattern that Go cannot read, or
// that no drawn string satisfies, gives a plain word: the node then says what
// it lacks, and the caller gives the member a name of its own.
func matching(limits *awsapi.Limits) string {
	if len(limits.Enum) > 0 {
		return limits.Enum[0]
	}
	least, most := 1, 1<<20
	if limits.HasMin {
		least = max(int(limits.Min), 1)
	}
	if limits.HasMax {
		most = int(limits.Max)
	}
	if limits.Pattern != "" {
		if s, ok := drawn(limits.Pattern, least, most); ok {
			return s
		}
	}
	return strings.Repeat("a", least)
}

// printable narrows patterns that allow any character to readable ones.
var printable = strings.NewReplacer(
	`\u0009`, `\t`, `\u000A`, `\n`, `\u000D`, `\r`, `\u0020`, ` `, `\u007E`, `~`, `\u0085`, ` `, `\u00A0`, ` `,
	`\u00FF`, `~`, `\u00A1`, `!`, `\uD7FF`, `~`, `\uE000`, `!`, `\uFFFD`, `~`,
)

func drawn(pattern string, least, most int) (s string, ok bool) {
	defer func() {
		if recover() != nil { // the pattern is none of Go's
			ok = false
		}
	}()
	generator := rapid.StringMatching("^(?:" + printable.Replace(pattern) + ")$")
	for seed := range 200 {
		s = generator.Example(seed)
		if len(s) >= least && len(s) <= most && strings.TrimSpace(s) == s && isASCII(s) {
			return s, true
		}
	}
	return "", false
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}
