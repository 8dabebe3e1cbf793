package generate

import (
	"cmp"
	"maps"
	"slices"
	"strings"
)

// uses are the resources on which each action was used.
type uses map[string]map[string]bool

// add adds a use. The case of an action does not count: of two spellings the
// one that sorts first stays.
func (all uses) add(u Use, spelled map[string]string) {
	low := strings.ToLower(u.Action)
	old, ok := spelled[low]
	switch {
	case !ok:
		all[u.Action] = map[string]bool{}
		spelled[low] = u.Action
	case u.Action < old:
		all[u.Action] = all[old]
		delete(all, old)
		spelled[low] = u.Action
	}
	all[spelled[low]][u.Resource] = true
}

func (all uses) actions() []string { return slices.Sorted(maps.Keys(all)) }

func sortUses(all []Use) {
	slices.SortFunc(all, func(a, b Use) int {
		return cmp.Or(strings.Compare(a.Action, b.Action), strings.Compare(a.Resource, b.Resource))
	})
}

// nameableAction says whether the action has only characters that the element
// Action takes.
func nameableAction(action string) bool {
	return !strings.ContainsFunc(action, func(c rune) bool {
		letter := 'a' <= c|0x20 && c|0x20 <= 'z' && c < 128
		return !letter && !('0' <= c && c <= '9') && !strings.ContainsRune(":-_.", c)
	}) && strings.Count(action, ":") == 1
}
