package accessanalyzer

import (
	"errors"
	"slices"
	"strings"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/accessanalyzer"
	"cloister/internal/door"
	"cloister/internal/store"
)

var none = &awsapi.None{}

// usualAge is the tracking period of unused access if nobody says, in days.
const usualAge = 90

// mostExclusions is how many combinations of tags AWS lets an analyzer leave out.
const mostExclusions = 100

// mostRules is how many archive rules AWS lets an analyzer have.
const mostRules = 100

func (s *Service) createAnalyzer(c *door.Call, tx *store.Tx, in *api.CreateAnalyzerRequest) (*api.CreateAnalyzerResponse, error) {
	a := &analyzer{Account: c.Account, Region: c.Region, Name: val(in.AnalyzerName), Type: val(in.Type), Created: c.Time.UTC(), Tags: in.Tags}
	if a.Type != externalAccess && a.Type != unusedAccess {
		return nil, invalid("Analyzers of type %s are not supported: there are ACCOUNT and ACCOUNT_UNUSED_ACCESS.", a.Type)
	}
	if err := checkTags(in.Tags); err != nil {
		return nil, err
	}
	if err := a.configure(in.Configuration); err != nil {
		return nil, err
	}
	if err := only(tx, a); err != nil {
		return nil, err
	}
	if len(in.ArchiveRules) > mostRules {
		return nil, quota("ArchiveRule", a.arn(), "An analyzer can have %d archive rules.", mostRules)
	}
	for _, rule := range in.ArchiveRules {
		filter, err := parseFilter(a, rule.Filter)
		if err != nil {
			return nil, err
		}
		row := &archiveRule{Name: val(rule.RuleName), Filter: filter, Created: a.Created, Updated: a.Created}
		if err := archiveRules.Insert(tx, append(a.key(), row.Name), row); err != nil {
			return nil, taken(err, "ArchiveRule", row.Name)
		}
	}
	tx.Defer(s.changed)
	return &api.CreateAnalyzerResponse{Arn: ptr(a.arn())}, taken(analyzers.Insert(tx, a.key(), a), "Analyzer", a.arn())
}

func taken(err error, kind, id string) error {
	if errors.Is(err, store.ErrExists) {
		return conflict(kind, id)
	}
	return err
}

// mostAnalyzers is how many an account can have, of all Regions: whatever is
// written as a Region is one, and each analyzer is work for the node all the time.
const mostAnalyzers = 100

// only refuses a second analyzer of a type: AWS has one of each in a region.
func only(tx *store.Tx, a *analyzer) error {
	have := 0
	for item, err := range analyzers.Scan(tx, store.K(a.Account), nil) {
		if err != nil {
			return err
		}
		have++
		switch other := item.Value; {
		case other.Region != a.Region:
		case other.Name == a.Name:
			return conflict("Analyzer", a.arn())
		case other.Type == a.Type:
			return quota("Analyzer", a.arn(), "There is an analyzer of type %s in the Region already: %s.", a.Type, other.Name)
		}
	}
	if have >= mostAnalyzers {
		return quota("Analyzer", a.arn(), "An account can have %d analyzers in all Regions together.", mostAnalyzers)
	}
	return nil
}

// configure sets what an analyzer of unused access has beyond others.
func (a *analyzer) configure(in *api.AnalyzerConfiguration) error {
	if in == nil || in.UnusedAccess == nil {
		if a.Type == unusedAccess && a.Age == 0 {
			a.Age = usualAge
		}
		return nil
	}
	if a.Type != unusedAccess {
		return invalid("An analyzer of type %s takes no configuration of unused access.", a.Type)
	}
	a.Age = usualAge
	if age := in.UnusedAccess.UnusedAccessAge; age != nil {
		a.Age = *age
	}
	if a.Age < 1 || a.Age > 365 {
		return invalid("unusedAccessAge must be between 1 and 365 days.")
	}
	a.Excluded = nil
	if rule := in.UnusedAccess.AnalysisRule; rule != nil {
		for _, e := range rule.Exclusions {
			if len(e.AccountIds) > 0 {
				return invalid("accountIds can be left out by an analyzer of an organization only.")
			}
			a.Excluded = append(a.Excluded, e.ResourceTags...)
		}
		if len(a.Excluded) > mostExclusions {
			return invalid("At most %d resourceTags can be left out.", mostExclusions)
		}
		for _, tags := range a.Excluded {
			if err := checkTags(tags); err != nil {
				return err
			}
		}
	}
	return nil
}

func (a *analyzer) configuration() *api.AnalyzerConfiguration {
	if a.Type != unusedAccess {
		return nil
	}
	c := &api.UnusedAccessConfiguration{UnusedAccessAge: ptr(a.Age)}
	if len(a.Excluded) > 0 {
		c.AnalysisRule = &api.AnalysisRule{Exclusions: []*api.AnalysisRuleCriteria{{ResourceTags: a.Excluded}}}
	}
	return &api.AnalyzerConfiguration{UnusedAccess: c}
}

func (a *analyzer) summary() *api.AnalyzerSummary {
	out := &api.AnalyzerSummary{
		Arn: ptr(a.arn()), Name: &a.Name, Type: &a.Type, CreatedAt: &a.Created, Status: ptr(active), Tags: a.Tags, Configuration: a.configuration(),
	}
	if out.Tags == nil {
		out.Tags = map[string]string{}
	}
	if a.LastResource != "" {
		out.LastResourceAnalyzed, out.LastResourceAnalyzedAt = &a.LastResource, &a.LastAnalyzed
	}
	return out
}

func getAnalyzer(c *door.Call, r store.Reader, in *api.GetAnalyzerRequest) (*api.GetAnalyzerResponse, error) {
	a, err := byName(c, r, val(in.AnalyzerName))
	if err != nil {
		return nil, err
	}
	return &api.GetAnalyzerResponse{Analyzer: a.summary()}, nil
}

func listAnalyzers(c *door.Call, r store.Reader, in *api.ListAnalyzersRequest) (*api.ListAnalyzersResponse, error) {
	out := &api.ListAnalyzersResponse{Analyzers: []*api.AnalyzerSummary{}}
	next, err := page(r, analyzers.Scan, store.K(c.Account, c.Region), in.NextToken, in.MaxResults, func(a *analyzer) bool {
		if in.Type != nil && a.Type != *in.Type {
			return false
		}
		out.Analyzers = append(out.Analyzers, a.summary())
		return true
	})
	out.NextToken = next
	return out, err
}

func (s *Service) updateAnalyzer(c *door.Call, tx *store.Tx, in *api.UpdateAnalyzerRequest) (*api.UpdateAnalyzerResponse, error) {
	a, err := byName(c, tx, val(in.AnalyzerName))
	if err != nil {
		return nil, err
	}
	if err := a.configure(in.Configuration); err != nil {
		return nil, err
	}
	tx.Defer(s.changed)
	return &api.UpdateAnalyzerResponse{Configuration: a.configuration()}, analyzers.Put(tx, a.key(), a)
}

// deleteAnalyzer removes an analyzer with its rules and findings.
func deleteAnalyzer(c *door.Call, tx *store.Tx, in *api.DeleteAnalyzerRequest) (*awsapi.None, error) {
	a, err := byName(c, tx, val(in.AnalyzerName))
	if err != nil {
		return nil, err
	}
	if err := removeAll(tx, archiveRules, a.key()); err != nil {
		return nil, err
	}
	if err := removeAll(tx, findings, a.key()); err != nil {
		return nil, err
	}
	return none, analyzers.Delete(tx, a.key())
}

func removeAll[T any](tx *store.Tx, rows *store.Collection[T], prefix store.Key) error {
	var keys []store.Key
	for item, err := range rows.Scan(tx, prefix, nil) {
		if err != nil {
			return err
		}
		keys = append(keys, item.Key)
	}
	for _, key := range keys {
		if err := rows.Delete(tx, key); err != nil {
			return err
		}
	}
	return nil
}

// checkTags refuses tags that AWS refuses.
func checkTags(tags map[string]string) error {
	if len(tags) > 50 {
		return invalid("A resource can have 50 tags.")
	}
	seen := map[string]bool{}
	for key, value := range tags {
		lower := strings.ToLower(key)
		switch {
		case key == "" || len([]rune(key)) > 128 || len([]rune(value)) > 256:
			return invalid("A tag's key has 1 to 128 characters, its value at most 256.")
		case strings.HasPrefix(lower, "aws:"):
			return invalid("Tag keys that begin with aws: are reserved.")
		case seen[lower]:
			return invalid("Two tag keys differ in case only: condition keys of policies do not tell them apart.")
		}
		seen[lower] = true
	}
	return nil
}

// has says whether tags have all of others.
func has(tags, others map[string]string) bool {
	for key, value := range others {
		if given, ok := tags[key]; !ok || given != value {
			return false
		}
	}
	return true
}

// excludes says whether an identity's tags leave it out.
func (a *analyzer) excludes(tags map[string]string) bool {
	return slices.ContainsFunc(a.Excluded, func(e map[string]string) bool { return len(e) > 0 && has(tags, e) })
}
