package accessanalyzer

import (
	"errors"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/accessanalyzer"
	"cloister/internal/door"
	"cloister/internal/store"
)

func createRule(c *door.Call, tx *store.Tx, in *api.CreateArchiveRuleRequest) (*awsapi.None, error) {
	a, err := byName(c, tx, val(in.AnalyzerName))
	if err != nil {
		return nil, err
	}
	filter, err := parseFilter(a, in.Filter)
	if err != nil {
		return nil, err
	}
	rules, err := rulesOf(tx, a)
	if err != nil {
		return nil, err
	}
	if len(rules) >= mostRules {
		return nil, quota("ArchiveRule", a.arn(), "An analyzer can have %d archive rules.", mostRules)
	}
	row := &archiveRule{Name: val(in.RuleName), Filter: filter, Created: c.Time.UTC(), Updated: c.Time.UTC()}
	return none, taken(archiveRules.Insert(tx, append(a.key(), row.Name), row), "ArchiveRule", row.Name)
}

// ruleOf is a rule of an analyzer of the call's account.
func ruleOf(c *door.Call, r store.Reader, name, rule *string) (*analyzer, *archiveRule, error) {
	a, err := byName(c, r, val(name))
	if err != nil {
		return nil, nil, err
	}
	row, err := archiveRules.Get(r, append(a.key(), val(rule)))
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil, missing("ArchiveRule", val(rule), "")
	}
	return a, row, err
}

func rulesOf(r store.Reader, a *analyzer) (all []*archiveRule, err error) {
	for item, err := range archiveRules.Scan(r, a.key(), nil) {
		if err != nil {
			return nil, err
		}
		all = append(all, item.Value)
	}
	return all, nil
}

func (r *archiveRule) summary() *api.ArchiveRuleSummary {
	return &api.ArchiveRuleSummary{RuleName: &r.Name, Filter: shownFilter(r.Filter), CreatedAt: &r.Created, UpdatedAt: &r.Updated}
}

func getRule(c *door.Call, r store.Reader, in *api.GetArchiveRuleRequest) (*api.GetArchiveRuleResponse, error) {
	_, rule, err := ruleOf(c, r, in.AnalyzerName, in.RuleName)
	if err != nil {
		return nil, err
	}
	return &api.GetArchiveRuleResponse{ArchiveRule: rule.summary()}, nil
}

func listRules(c *door.Call, r store.Reader, in *api.ListArchiveRulesRequest) (*api.ListArchiveRulesResponse, error) {
	a, err := byName(c, r, val(in.AnalyzerName))
	if err != nil {
		return nil, err
	}
	out := &api.ListArchiveRulesResponse{ArchiveRules: []*api.ArchiveRuleSummary{}}
	out.NextToken, err = page(r, archiveRules.Scan, a.key(), in.NextToken, in.MaxResults, func(rule *archiveRule) bool {
		out.ArchiveRules = append(out.ArchiveRules, rule.summary())
		return true
	})
	return out, err
}

func updateRule(c *door.Call, tx *store.Tx, in *api.UpdateArchiveRuleRequest) (*awsapi.None, error) {
	a, rule, err := ruleOf(c, tx, in.AnalyzerName, in.RuleName)
	if err != nil {
		return nil, err
	}
	if rule.Filter, err = parseFilter(a, in.Filter); err != nil {
		return nil, err
	}
	rule.Updated = c.Time.UTC()
	return none, archiveRules.Put(tx, append(a.key(), rule.Name), rule)
}

func deleteRule(c *door.Call, tx *store.Tx, in *api.DeleteArchiveRuleRequest) (*awsapi.None, error) {
	a, rule, err := ruleOf(c, tx, in.AnalyzerName, in.RuleName)
	if err != nil {
		return nil, err
	}
	return none, archiveRules.Delete(tx, append(a.key(), rule.Name))
}

// applyRule archives the active findings that a rule wants archived.
func applyRule(c *door.Call, tx *store.Tx, in *api.ApplyArchiveRuleRequest) (*awsapi.None, error) {
	a, err := find(c, tx, in.AnalyzerArn)
	if err != nil {
		return nil, err
	}
	rule, err := archiveRules.Get(tx, append(a.key(), val(in.RuleName)))
	if errors.Is(err, store.ErrNotFound) {
		return nil, missing("ArchiveRule", val(in.RuleName), "")
	}
	if err != nil {
		return nil, err
	}
	return none, setStatus(tx, a, c, archived, func(f *finding) bool { return f.Status == active && matches(rule.Filter, f) })
}

// setStatus changes the status of the findings that are wanted.
func setStatus(tx *store.Tx, a *analyzer, c *door.Call, status string, wanted func(*finding) bool) error {
	var changed []*finding
	for item, err := range findings.Scan(tx, a.key(), nil) {
		if err != nil {
			return err
		}
		if f := item.Value; wanted(f) && f.Status != status && f.Status != resolved {
			f.Status, f.Updated = status, c.Time.UTC()
			changed = append(changed, f)
		}
	}
	for _, f := range changed {
		if err := findings.Put(tx, f.key(), f); err != nil {
			return err
		}
	}
	return nil
}
