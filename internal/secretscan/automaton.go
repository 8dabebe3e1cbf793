package secretscan

import "slices"

// automaton finds all of a set of words in one pass, in ASCII without regard to
// case (Aho and Corasick, Efficient String Matching, 1975), as one table of
// transitions. It is immutable and safe for concurrent use.
type automaton struct {
	class  [256]uint8 // of bytes that are not told apart
	width  int        // classes
	next   []int32    // state*width + class; negative: the state -next ends words
	ending [][]int32  // by state: the words that end there
	words  []string
}

// newAutomaton builds the automaton of words in lower case.
func newAutomaton(words []string) *automaton {
	a := &automaton{words: words}
	a.classify()
	children := a.grow()
	a.link(children)
	return a
}

// classify gives each byte that occurs in a word a class; 0 is all others.
func (a *automaton) classify() {
	a.width = 1
	for _, w := range a.words {
		for i := range len(w) {
			if a.class[w[i]] == 0 {
				a.class[w[i]] = uint8(a.width)
				a.width++
			}
		}
	}
	for c := 'a'; c <= 'z'; c++ {
		a.class[c-'a'+'A'] = a.class[c]
	}
}

// grow makes the trie: transitions by state, -1 where there is none.
func (a *automaton) grow() [][]int32 {
	empty := slices.Repeat([]int32{-1}, a.width)
	states := [][]int32{slices.Clone(empty)}
	a.ending = [][]int32{nil}
	for id, w := range a.words {
		at := int32(0)
		for i := range len(w) {
			c := a.class[w[i]]
			if states[at][c] < 0 {
				states[at][c] = int32(len(states))
				states = append(states, slices.Clone(empty))
				a.ending = append(a.ending, nil)
			}
			at = states[at][c]
		}
		a.ending[at] = append(a.ending[at], int32(id))
	}
	return states
}

// link fills in the transitions that fall back, breadth first.
func (a *automaton) link(states [][]int32) {
	fallback := make([]int32, len(states))
	queue := []int32{0}
	for len(queue) > 0 {
		at := queue[0]
		queue = queue[1:]
		for c, to := range states[at] {
			back := int32(0)
			if at != 0 {
				back = states[fallback[at]][c]
			}
			if to < 0 {
				states[at][c] = back
				continue
			}
			if at != 0 {
				fallback[to] = back
				a.ending[to] = append(a.ending[to], a.ending[back]...)
			}
			queue = append(queue, to)
		}
		if at == 0 {
			for c := range states[0] {
				states[0][c] = max(states[0][c], 0)
			}
		}
	}
	a.flatten(states)
}

// flatten numbers states by the start of their row in the table.
func (a *automaton) flatten(states [][]int32) {
	a.next = make([]int32, len(states)*a.width)
	for at, row := range states {
		for c, to := range row {
			to = max(to, 0)
			n := to * int32(a.width)
			if len(a.ending[to]) > 0 {
				n = -n
			}
			a.next[at*a.width+c] = n
		}
	}
}

// each calls fn with every word's number and the position behind it.
func (a *automaton) each(text string, fn func(word int32, end int)) {
	at := int32(0)
	next := a.next
	for i := range len(text) {
		at = next[at+int32(a.class[text[i]])]
		if at < 0 {
			at = -at
			for _, id := range a.ending[at/int32(a.width)] {
				fn(id, i+1)
			}
		}
	}
}

// in tells whether a text has any of the words.
func (a *automaton) in(text string) (found bool) {
	a.each(text, func(int32, int) { found = true })
	return found
}
