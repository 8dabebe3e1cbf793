package logs

import (
	"strings"

	"cloister/internal/door"
	"cloister/internal/store"
)

// Describe adds to a need the tags of the group that its resource is, or is a
// stream of, for explanations.
func (s *Service) Describe(r store.Reader, need *door.Need) error {
	parts := strings.Split(need.Resource, ":")
	if len(parts) < 7 || parts[2] != "logs" || parts[5] != "log-group" {
		return nil
	}
	found, err := groupNeed(r, need.Action, groupID{Account: parts[4], Region: parts[3], Name: parts[6]})
	if err == nil {
		need.Context = found.Context
	}
	return err
}
