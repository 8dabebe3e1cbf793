package logs

import (
	"errors"
	"fmt"

	"cloister/internal/store"
)

// Check verifies that every stream belongs to a group, that every chunk belongs
// to a stream or to one whose removal is under way, and that the events in it
// are in the order of their times.
func (s *Service) Check(r store.Reader) error {
	ids := map[string]bool{}
	var bad []error
	for item, err := range streams.Scan(r, nil, nil) {
		if err != nil {
			return err
		}
		ids[item.Value.ID] = true
		if _, err := groups.Get(r, item.Key[:3]); err != nil {
			bad = append(bad, fmt.Errorf("stream %v: its group: %w", item.Key, err))
		}
	}
	for item, err := range removed.Scan(r, nil, nil) {
		if err != nil {
			return err
		}
		ids[item.Value.StreamID] = true
	}
	for item, err := range chunks.Scan(r, nil, nil) {
		if err != nil {
			return err
		}
		if err := checkChunk(item, ids); err != nil {
			bad = append(bad, err)
		}
	}
	return errors.Join(bad...)
}

func checkChunk(item store.Item[chunk], ids map[string]bool) error {
	c := item.Value
	if !ids[item.Key[0].(string)] {
		return fmt.Errorf("chunk %v belongs to no stream", item.Key)
	}
	if len(c.Events) == 0 || c.Events[0].Time != item.Key[1] || c.Events[len(c.Events)-1].Time != c.Last {
		return fmt.Errorf("chunk %v does not hold what its key says", item.Key)
	}
	for i := 1; i < len(c.Events); i++ {
		if c.Events[i].Time < c.Events[i-1].Time {
			return fmt.Errorf("chunk %v is out of order at %d", item.Key, i)
		}
	}
	return nil
}
