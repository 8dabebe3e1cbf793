package policy

// Sample returns an action for each set of the policy's action patterns that some
// action matches, and a resource likewise: whatever the policy can tell apart is
// among them. Patterns with policy variables are left out of it, and exact says
// whether there are none. It returns ErrNotCompared for what is beyond Compare's
// limits.
func (p *Policy) Sample() (actions, resources []string, exact bool, err error) {
	left := allWork
	all, some := newVocabulary(), newVocabulary()
	exact = true
	for i := range p.statements {
		s := &p.statements[i]
		for j := range s.actions {
			all.add(s.actions[j].letters())
		}
		for j := range s.resources {
			if s.resources[j].variable() {
				exact = false
				continue
			}
			some.add(s.resources[j].letters())
		}
	}
	if actions, err = sample(all, isAction, &left); err != nil {
		return nil, nil, false, err
	}
	resources, err = sample(some, isResource, &left)
	return actions, resources, exact, err
}

func sample(v *vocabulary, shapes [][]letter, left *work) ([]string, error) {
	words, err := v.words(shapes, left)
	all := make([]string, len(words))
	for i := range words {
		all[i] = words[i].text
	}
	return all, err
}
