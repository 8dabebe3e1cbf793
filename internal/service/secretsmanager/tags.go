package secretsmanager

import (
	"slices"
	"strings"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/secretsmanager"
	"cloister/internal/door"
	"cloister/internal/store"
)

const maxTags = 50

func tagsOf(in []*api.Tag) (tags []tag) {
	for _, t := range in {
		tags = append(tags, tag{val(t.Key), val(t.Value)})
	}
	return tags
}

func (s *secret) wireTags() []*api.Tag {
	all := []*api.Tag{}
	for i := range s.Tags {
		all = append(all, &api.Tag{Key: &s.Tags[i].Key, Value: &s.Tags[i].Value})
	}
	return all
}

// checkTags refuses tags that AWS refuses, and two that a condition would not
// tell apart.
func checkTags(tags []tag) error {
	if len(tags) > maxTags {
		return awsapi.Errorf("LimitExceededException", "A secret can have at most %d tags.", maxTags)
	}
	seen := map[string]string{}
	for _, t := range tags {
		lower := strings.ToLower(t.Key)
		other, twice := seen[lower]
		switch {
		case strings.HasPrefix(lower, "aws:"):
			return badParameter("Tag keys that begin with aws: are reserved.")
		case twice && other == t.Key:
			return badParameter("The tag key %q is given twice.", t.Key)
		case twice:
			return badParameter("The tag keys %q and %q differ in case only: condition keys of policies do not tell them apart.", other, t.Key)
		}
		seen[lower] = t.Key
	}
	return nil
}

func (s *Service) tagResource(c *door.Call, tx *store.Tx, in *api.TagResourceRequest) (*awsapi.None, error) {
	row, err := live(c, tx, in.SecretId)
	if err != nil {
		return nil, err
	}
	if err := checkTags(tagsOf(in.Tags)); err != nil {
		return nil, err
	}
	for _, t := range tagsOf(in.Tags) {
		i := slices.IndexFunc(row.Tags, func(have tag) bool { return have.Key == t.Key })
		if i < 0 {
			row.Tags = append(row.Tags, t)
		} else {
			row.Tags[i] = t
		}
	}
	if err := checkTags(row.Tags); err != nil {
		return nil, err
	}
	row.Changed = c.Time
	return none, put(tx, row)
}

func (s *Service) untagResource(c *door.Call, tx *store.Tx, in *api.UntagResourceRequest) (*awsapi.None, error) {
	row, err := live(c, tx, in.SecretId)
	if err != nil {
		return nil, err
	}
	row.Tags = slices.DeleteFunc(row.Tags, func(t tag) bool { return slices.Contains(in.TagKeys, t.Key) })
	row.Changed = c.Time
	return none, put(tx, row)
}
