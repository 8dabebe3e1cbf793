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

// work is what one comparison may still cost, counted in the steps of its loops:
// whoever chooses the policies must not choose how long it takes, nor how much
// memory (each step keeps a few bytes at most).
type work int

// allWork takes some tenths of a second, ten times what AWS's longest policies
// need against themselves.
const allWork work = 12_000_000

// spend takes n steps, or says that there are not so many left.
func (w *work) spend(n int) error {
	if *w -= work(n); *w < 0 {
		return ErrNotCompared
	}
	return nil
}

// word stands for all texts that match the same patterns.
type word struct {
	text    string
	matched []bool
}

func (w *word) in(patterns []int) bool {
	return slices.ContainsFunc(patterns, func(i int) bool { return w.matched[i] })
}

// words returns a text for each set of patterns that some text matches, among
// the texts that match one of shapes. It walks the deterministic automaton of
// all patterns at once.
func (v *vocabulary) words(shapes [][]letter, left *work) ([]word, error) {
	w := newWalk(slices.Concat(v.patterns, shapes), len(v.patterns))
	if err := left.spend(4 * len(w.letters)); err != nil {
		return nil, err
	}
	w.reach(reached{state: w.start(), from: -1})
	for i := 0; i < len(w.queue); i++ {
		from := w.queue[i].state
		for _, l := range w.branches(from) {
			if err := left.spend(2 + 2*len(from)); err != nil {
				return nil, err
			}
			w.reach(reached{state: w.step(from, l), from: i, by: l})
		}
		w.queue[i].state = nil
	}
	return w.words, nil
}

// state is where the patterns may stand: places in walk.letters, sorted. A
// pattern that matches no more has none.
type state []int

// reached is a state and the step to it; from is -1 at the start.
type reached struct {
	state state
	from  int
	by    letter
}

// endOfPattern stands behind each pattern's letters.
const endOfPattern letter = -3

type walk struct {
	letters     []letter // of all patterns, one behind the other
	of          []int    // the pattern of each letter
	own         int      // the patterns behind are shapes
	other       letter   // one that no pattern has
	queue       []reached
	seen, found map[string]bool
	words       []word
}

func newWalk(patterns [][]letter, own int) *walk {
	w := &walk{own: own, other: otherLetter(patterns), seen: map[string]bool{}, found: map[string]bool{}}
	for i, p := range patterns {
		for _, l := range append(slices.Clip(p), endOfPattern) {
			w.letters, w.of = append(w.letters, l), append(w.of, i)
		}
	}
	return w
}

func (w *walk) start() state {
	var s state
	for i := range w.letters {
		if i == 0 || w.of[i] != w.of[i-1] {
			s = append(s, i)
		}
	}
	return w.closed(s)
}

// otherLetter is a character that stands for all that no pattern has.
func otherLetter(patterns [][]letter) letter {
	all := slices.Concat(patterns...)
	slices.Sort(all)
	for _, other := range spell("xzqjkvwy0123456789abcdefghilmnoprstu") {
		if _, taken := slices.BinarySearch(all, other); !taken {
			return other
		}
	}
	other := letter('\u4e00')
	for {
		if _, taken := slices.BinarySearch(all, other); !taken {
			return other
		}
		other++
	}
}

// branches are the letters by which steps from a state differ: those that some
// pattern stands at, and any other.
func (w *walk) branches(s state) []letter {
	var all []letter
	for _, at := range s {
		if l := w.letters[at]; l >= 0 {
			all = append(all, l)
		}
	}
	slices.Sort(all)
	return append(slices.Compact(all), w.other)
}

// text is the letters by which a state was reached.
func (w *walk) text(r reached) string {
	var letters []rune
	for r.from >= 0 {
		letters = append(letters, rune(r.by))
		r = w.queue[r.from]
	}
	slices.Reverse(letters)
	return string(letters)
}

// reach notes a state, and a word if it is the first of its kind.
func (w *walk) reach(r reached) {
	var key []byte
	alive := false
	for _, at := range r.state {
		alive = alive || w.of[at] >= w.own
		key = binary.AppendUvarint(key, uint64(at))
	}
	if !alive || w.seen[string(key)] {
		return
	}
	w.seen[string(key)] = true
	w.queue = append(w.queue, r)
	w.note(r)
}

func (w *walk) note(r reached) {
	matched := make([]bool, w.own)
	var key []byte
	shaped := false
	for _, at := range r.state {
		switch i := w.of[at]; {
		case w.letters[at] != endOfPattern:
		case i >= w.own:
			shaped = true
		default:
			matched[i], key = true, binary.AppendUvarint(key, uint64(i))
		}
	}
	if shaped && !w.found[string(key)] {
		w.found[string(key)] = true
		w.words = append(w.words, word{w.text(r), matched})
	}
}

func (w *walk) step(s state, l letter) state {
	var next state
	for _, at := range s {
		switch here := w.letters[at]; {
		case here == endOfPattern:
		case here == anyText:
			next = append(next, at)
		case here == anyLetter || here == l:
			next = append(next, at+1)
		}
	}
	return w.closed(next)
}

// closed adds what a place reaches through any text that is empty. Once at a
// star, nothing before it matters: whatever that could still match, the star can.
func (w *walk) closed(s state) state {
	for i := 0; i < len(s); i++ {
		if w.letters[s[i]] == anyText {
			s = append(s, s[i]+1)
		}
	}
	slices.Sort(s)
	s = slices.Compact(s)
	kept := make(state, 0, len(s))
	star := -1 // pattern of the latest star, seen from behind
	for i := len(s) - 1; i >= 0; i-- {
		if w.of[s[i]] != star {
			kept = append(kept, s[i])
		}
		if w.letters[s[i]] == anyText {
			star = w.of[s[i]]
		}
	}
	slices.Reverse(kept)
	return kept
}
