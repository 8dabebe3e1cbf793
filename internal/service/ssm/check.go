package ssm

import (
	"errors"
	"fmt"

	"cloister/internal/store"
)

// Check verifies that every parameter has its versions without a gap, that no
// version is of none, and that labels are on versions that there are.
func (s *Service) Check(r store.Reader) error {
	var bad []error
	count := 0
	for item, err := range parameters.Scan(r, nil, nil) {
		if err != nil {
			return err
		}
		p := item.Value
		for n := p.Oldest; n <= p.Latest; n++ {
			v, err := versions.Get(r, p.key(n))
			if err != nil || v.Number != n || (v.Type == secure) != (v.Sealed != nil) {
				bad = append(bad, fmt.Errorf("version %d of %s: %w", n, p.Name, err))
			}
			count++
		}
		for label, n := range p.Labels {
			if n < p.Oldest || n > p.Latest {
				bad = append(bad, fmt.Errorf("%s: the label %s is on version %d", p.Name, label, n))
			}
		}
		if p.Oldest < 1 || p.Latest < p.Oldest {
			bad = append(bad, fmt.Errorf("%s has the versions %d to %d", p.Name, p.Oldest, p.Latest))
		}
	}
	for item, err := range versions.Scan(r, nil, nil) {
		if err != nil {
			return err
		}
		_ = item
		count--
	}
	if count != 0 {
		bad = append(bad, fmt.Errorf("there are %d more versions than the parameters have", -count))
	}
	return errors.Join(bad...)
}
