package guardrail

import "cloister/internal/store"

// State is a rule in an account.
type State struct {
	Rule    Rule
	Setting *Setting
	Active  int64 // its findings that are still so
}

// Posture lists every rule as an account has set it.
func Posture(r store.Reader, account string) ([]State, error) {
	active := map[string]int64{}
	for item, err := range findings.Scan(r, store.K(account), nil) {
		if err != nil {
			return nil, err
		}
		if item.Value.Status == Active {
			active[item.Value.Rule]++
		}
	}
	var states []State
	for _, rule := range rules {
		set, err := Of(r, account, rule.ID)
		if err != nil {
			return nil, err
		}
		states = append(states, State{rule, set, active[rule.ID]})
	}
	return states, nil
}
