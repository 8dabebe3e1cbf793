package lambda

import (
	"strconv"
	"strings"

	"cloister/internal/door"
	"cloister/internal/store"
)

// Describe adds to a need what the function or layer version that its resource
// is says, for explanations: its resource policy and its tags.
func (s *Service) Describe(r store.Reader, need *door.Need) error {
	found := *need
	var err error
	if m := functionPattern.FindStringSubmatch(need.Resource); m != nil && strings.HasPrefix(need.Resource, "arn:") {
		found, err = functionNeed(r, need.Action, ref{Account: m[3], Region: m[2], Name: m[5], Qualifier: m[6]})
	} else if m := layerVersionPattern.FindStringSubmatch(need.Resource); m != nil {
		number, bad := strconv.ParseInt(m[4], 10, 64)
		if bad != nil {
			return nil // 18 digits fit
		}
		found, err = layerNeed(r, need.Action, layerID{m[2], m[1], m[3], number})
	}
	if err == nil {
		*need = found
	}
	return err
}
