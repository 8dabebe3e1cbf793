package accessanalyzer

import (
	"errors"
	"fmt"

	"cloister/internal/store"
)

// Check verifies that every archive rule and finding belongs to an analyzer, of
// its type, and lies under its own key.
func (s *Service) Check(r store.Reader) error {
	var bad []error
	kinds := map[string]string{}
	for item, err := range analyzers.Scan(r, nil, nil) {
		if err != nil {
			return err
		}
		a := item.Value
		kinds[a.arn()] = a.Type
		if fmt.Sprint(item.Key) != fmt.Sprint(a.key()) {
			bad = append(bad, fmt.Errorf("analyzer %s lies at %v", a.arn(), item.Key))
		}
	}
	for item, err := range archiveRules.Scan(r, nil, nil) {
		if err != nil {
			return err
		}
		k := item.Key
		if kinds[analyzerARN(k[0].(string), k[1].(string), k[2].(string))] == "" || k[3] != item.Value.Name {
			bad = append(bad, fmt.Errorf("archive rule %v belongs to no analyzer", k))
		}
	}
	for item, err := range findings.Scan(r, nil, nil) {
		if err != nil {
			return err
		}
		f := item.Value
		kind := kinds[analyzerARN(f.Account, f.Region, f.Analyzer)]
		if fmt.Sprint(item.Key) != fmt.Sprint(f.key()) || kind == "" || (kind == externalAccess) != (f.Type == typeExternal) {
			bad = append(bad, fmt.Errorf("finding %v of type %s belongs to no such analyzer", item.Key, f.Type))
		}
	}
	return errors.Join(bad...)
}
