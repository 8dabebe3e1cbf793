package policy

// opening is how every action that a statement speaks of begins, as far as the
// patterns say and eight bytes hold: it tells most statements that do not
// match from those that may without looking at their patterns.
type opening struct{ text, mask uint64 }

// fits says whether an action that begins so may be meant.
func (o opening) fits(begins uint64) bool { return begins&o.mask == o.text }

// beginning is the first eight bytes of an action, in lower case, the first
// byte lowest; zero bytes fill up a shorter one.
func beginning(action string) uint64 {
	var b uint64
	for i := range min(len(action), 8) {
		b |= uint64(lower(action[i])) << (8 * i)
	}
	return b
}

func openings(statements []statement) []opening {
	all := make([]opening, len(statements))
	for i := range statements {
		if s := &statements[i]; !s.notAction {
			all[i] = openingOf(s.actions)
		}
	}
	return all
}

func openingOf(actions []pattern) opening {
	common := actions[0].start()
	for i := range actions {
		common = common[:sharedLength(common, actions[i].start())]
	}
	o := opening{text: beginning(common)}
	for i := range min(len(common), 8) {
		o.mask |= 0xff << (8 * i)
	}
	return o
}

func sharedLength(a, b string) int {
	n := 0
	for n < min(len(a), len(b)) && a[n] == b[n] {
		n++
	}
	return n
}
