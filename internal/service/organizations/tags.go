package organizations

import (
	"slices"
	"strings"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/organizations"
	"cloister/internal/door"
	"cloister/internal/store"
)

const maxTags = 50

func (s *Service) registerTags(d *door.Door) {
	door.Write(d, api.OpTagResource, on("TagResource",
		onResource(func(in *api.TagResourceRequest) *string { return in.ResourceId }),
		setTags(func(in *api.TagResourceRequest) []*api.Tag { return in.Tags })), s.tagResource)
	door.Write(d, api.OpUntagResource, on("UntagResource",
		onResource(func(in *api.UntagResourceRequest) *string { return in.ResourceId }),
		func(a *asked, in *api.UntagResourceRequest) error {
			if len(in.TagKeys) > 0 {
				a.context["aws:tagkeys"] = in.TagKeys
			}
			return nil
		}), s.untagResource)
	door.Read(d, api.OpListTagsForResource, on("ListTagsForResource",
		onResource(func(in *api.ListTagsForResourceRequest) *string { return in.ResourceId })), s.listTags)
}

// newTags lays tags over those that there are. Keys that differ in case only
// are one: in a condition's key case does not count.
func newTags(have []Tag, given []*api.Tag) ([]Tag, error) {
	seen := map[string]bool{}
	for _, t := range given {
		key := val(t.Key)
		if strings.HasPrefix(fold(key), "aws:") {
			return nil, invalid("INVALID_SYSTEM_TAGS_PARAMETER", "You specified a tag key that is a system tag: keys that begin with aws: are reserved.")
		}
		if seen[fold(key)] {
			return nil, invalid("DUPLICATE_TAG_KEY", "Tag keys must be unique among the tags attached to the same entity.")
		}
		seen[fold(key)] = true
	}
	tags := slices.DeleteFunc(slices.Clone(have), func(t Tag) bool { return seen[fold(t.Key)] })
	for _, t := range given {
		tags = append(tags, Tag{val(t.Key), val(t.Value)})
	}
	if len(tags) > maxTags {
		return nil, constraint("MAX_TAG_LIMIT_EXCEEDED", "You have exceeded the number of tags allowed on this resource: %d.", maxTags)
	}
	slices.SortFunc(tags, func(a, b Tag) int { return compare(a.Key, b.Key) })
	return tags, nil
}

// tagged is something with tags: a target or a policy.
type tagged struct {
	tags *[]Tag
	put  func(tx *store.Tx) error
}

func findTagged(c *door.Call, r store.Reader, id *string) (*tagged, error) {
	o, err := managed(c, r)
	if err != nil {
		return nil, err
	}
	if strings.HasPrefix(val(id), "p-") {
		p, err := documents.Get(r, store.K(o.ID, val(id)))
		if p, err = orElse(p, err, errNoTarget); err != nil {
			return nil, err
		}
		return &tagged{&p.Tags, p.put}, nil
	}
	t, err := o.target(r, val(id), errNoTarget)
	if err != nil {
		return nil, err
	}
	return &tagged{&t.Tags, t.put}, nil
}

func (s *Service) tagResource(c *door.Call, tx *store.Tx, in *api.TagResourceRequest) (*awsapi.None, error) {
	on, err := findTagged(c, tx, in.ResourceId)
	if err != nil {
		return nil, err
	}
	if *on.tags, err = newTags(*on.tags, in.Tags); err != nil {
		return nil, err
	}
	return &awsapi.None{}, on.put(tx)
}

func (s *Service) untagResource(c *door.Call, tx *store.Tx, in *api.UntagResourceRequest) (*awsapi.None, error) {
	on, err := findTagged(c, tx, in.ResourceId)
	if err != nil {
		return nil, err
	}
	*on.tags = slices.DeleteFunc(*on.tags, func(t Tag) bool {
		return slices.ContainsFunc(in.TagKeys, func(key string) bool { return fold(key) == fold(t.Key) })
	})
	return &awsapi.None{}, on.put(tx)
}

func (s *Service) listTags(c *door.Call, r store.Reader, in *api.ListTagsForResourceRequest) (*api.ListTagsForResourceResponse, error) {
	on, err := findTagged(c, r, in.ResourceId)
	if err != nil {
		return nil, err
	}
	shown, next, err := page(*on.tags, func(t Tag) string { return t.Key }, in.NextToken, nil)
	return &api.ListTagsForResourceResponse{NextToken: next, Tags: each(shown, func(t Tag) *api.Tag {
		return &api.Tag{Key: &t.Key, Value: &t.Value}
	})}, err
}
