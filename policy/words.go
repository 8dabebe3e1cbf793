package policy

import (
	"encoding/binary"
	"slices"
	"strings"
)

// letter is one step of a pattern: a character, any one, or any text.
type letter rune

const (
	anyLetter letter = -1
	anyText   letter = -2
)

func spell(text string) []letter {
	var all []letter
	for _, r := range text {
		all = append(all, letter(r))
	}
	return all
}

// letters is a pattern without variables.
func (p *pattern) letters() []letter {
	switch p.shape {
	case shapeExact:
		return spell(p.text)
	case shapePrefix:
		return append(spell(p.text), anyText)
	case shapeAny:
		return []letter{anyText}
	}
	var all []letter
	for _, a := range p.atoms {
		switch a.kind {
		case atomOne:
			all = append(all, anyLetter)
		case atomStar:
			all = append(all, anyText)
		default:
			all = append(all, spell(a.text)...)
		}
	}
	return all
}

func (p *pattern) variable() bool {
	return slices.ContainsFunc(p.atoms, func(a atom) bool { return a.kind == atomVariable })
}

// key is the same for patterns that mean the same.
func (p *pattern) key() string {
	var b strings.Builder
	for _, a := range p.atoms {
		b.WriteString(string('0'+rune(a.kind)) + a.text + "\x00" + a.standby + "\x00" + string('0'+rune(index(a.fallible))))
	}
	return b.String()
}

// The shapes that the action and the resource of any request have.
var (
	isAction   = [][]letter{{anyLetter, anyText, ':', anyLetter, anyText}}
	isResource = [][]letter{append(spell("arn:"), anyText), {'*'}}
)

// vocabulary is a set of patterns.
type vocabulary struct {
	patterns [][]letter
	known    map[string]int
}

func newVocabulary() *vocabulary { return &vocabulary{known: map[string]int{}} }

func (v *vocabulary) add(p []letter) int {
	var key []byte
	for _, l := range p {
		key = binary.AppendVarint(key, int64(l))
	}
	if i, ok := v.known[string(key)]; ok {
		return i
	}
	v.known[string(key)] = len(v.patterns)
	v.patterns = append(v.patterns, p)
	return len(v.patterns) - 1
}

// word stands for all texts that match the same patterns.
type word struct {
	text    string
	matched []bool
}

func (w *word) in(patterns []int) bool {
	return slices.ContainsFunc(patterns, func(i int) bool { return w.matched[i] })
}

const (
	maxStates    = 20_000
	maxPositions = 20_000
)

// words returns a text for each set of patterns that some text matches, among
// the texts that match one of shapes. It walks the deterministic automaton of
// all patterns at once.
func (v *vocabulary) words(shapes [][]letter) ([]word, error) {
	w := &walk{patterns: slices.Concat(v.patterns, shapes), own: len(v.patterns), seen: map[string]bool{}, found: map[string]bool{}}
	w.alphabet = alphabet(w.patterns)
	if w.positions() > maxPositions {
		return nil, ErrNotCompared
	}
	start := make(state, len(w.patterns))
	for i, p := range w.patterns {
		start[i] = closed(p, []int{0})
	}
	w.reach(start, "")
	for i := 0; i < len(w.queue); i++ {
		if len(w.queue) > maxStates {
			return nil, ErrNotCompared
		}
		for _, l := range w.alphabet {
			w.reach(w.step(w.queue[i].state, l), w.queue[i].text+string(rune(l)))
		}
		w.queue[i].state = nil
	}
	return w.words, nil
}

// state is where each pattern may stand.
type state [][]int

type reached struct {
	state state
	text  string
}

type walk struct {
	patterns    [][]letter
	own         int // the patterns behind are shapes
	alphabet    []letter
	queue       []reached
	seen, found map[string]bool
	words       []word
}

func (w *walk) positions() (n int) {
	for _, p := range w.patterns {
		n += len(p)
	}
	return n
}

// alphabet is the characters of the patterns and one that stands for the rest.
func alphabet(patterns [][]letter) []letter {
	all := slices.Concat(patterns...)
	all = slices.DeleteFunc(all, func(l letter) bool { return l < 0 })
	slices.Sort(all)
	all = slices.Compact(all)
	for _, other := range spell("xzqjkvwy0123456789abcdefghilmnoprstu") {
		if _, taken := slices.BinarySearch(all, other); !taken {
			return append(all, other)
		}
	}
	other := letter('\u4e00')
	for slices.Contains(all, other) {
		other++
	}
	return append(all, other)
}

// reach notes a state, and a word if it is the first of its kind.
func (w *walk) reach(s state, text string) {
	var key []byte
	alive := false
	for i, at := range s {
		alive = alive || i >= w.own && len(at) > 0
		for _, p := range at {
			key = binary.AppendUvarint(key, uint64(p)+1)
		}
		key = append(key, 0)
	}
	if !alive || w.seen[string(key)] {
		return
	}
	w.seen[string(key)] = true
	w.queue = append(w.queue, reached{s, text})
	w.note(s, text)
}

func (w *walk) note(s state, text string) {
	matched := make([]bool, w.own)
	key := make([]byte, w.own)
	shaped := false
	for i, at := range s {
		ends := slices.Contains(at, len(w.patterns[i]))
		switch {
		case i >= w.own:
			shaped = shaped || ends
		case ends:
			matched[i], key[i] = true, 1
		}
	}
	if shaped && !w.found[string(key)] {
		w.found[string(key)] = true
		w.words = append(w.words, word{text, matched})
	}
}

func (w *walk) step(s state, l letter) state {
	next := make(state, len(s))
	for i, at := range s {
		p := w.patterns[i]
		var to []int
		for _, k := range at {
			switch {
			case k == len(p):
			case p[k] == anyText:
				to = append(to, k)
			case p[k] == anyLetter || p[k] == l:
				to = append(to, k+1)
			}
		}
		next[i] = closed(p, to)
	}
	return next
}

// closed adds what a position reaches through any text that is empty. Once at
// a star, nothing before it matters: whatever it could still match, that can.
func closed(p []letter, at []int) []int {
	for i := 0; i < len(at); i++ {
		if k := at[i]; k < len(p) && p[k] == anyText {
			at = append(at, k+1)
		}
	}
	slices.Sort(at)
	at = slices.Compact(at)
	for i := len(at) - 1; i > 0; i-- {
		if at[i] < len(p) && p[at[i]] == anyText {
			return at[i:]
		}
	}
	return at
}
