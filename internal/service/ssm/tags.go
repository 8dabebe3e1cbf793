package ssm

import (
	"slices"
	"strings"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/ssm"
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

// checkTags refuses tags that AWS refuses, and two that a condition would not
// tell apart.
func checkTags(tags []tag) error {
	if len(tags) > maxTags {
		return awsapi.Errorf("TooManyTagsError", "A parameter can have at most %d tags.", maxTags)
	}
	seen := map[string]string{}
	for _, t := range tags {
		lower := strings.ToLower(t.Key)
		if strings.HasPrefix(lower, "aws:") {
			return invalid("Tag keys that begin with aws: are reserved.")
		}
		if other, twice := seen[lower]; twice {
			return invalid("The tag keys %q and %q are one key to the conditions of policies.", other, t.Key)
		}
		seen[lower] = t.Key
	}
	return nil
}

// tagged is the parameter whose tags a call speaks of.
func tagged(c *door.Call, r store.Reader, kind, id *string) (*parameter, error) {
	if *kind != "Parameter" {
		return nil, awsapi.Errorf("InvalidResourceType", "This node has the resource type Parameter only.")
	}
	p, err := find(c, r, parse(c, *id))
	if isMissing(err) {
		return nil, awsapi.Errorf("InvalidResourceId", "The resource ID is not valid. Verify that you entered the correct ID and try again.")
	}
	return p, err
}

func (s *Service) addTags(c *door.Call, tx *store.Tx, in *api.AddTagsToResourceRequest) (*api.AddTagsToResourceResult, error) {
	p, err := tagged(c, tx, in.ResourceType, in.ResourceId)
	if err != nil {
		return nil, err
	}
	if err := checkTags(tagsOf(in.Tags)); err != nil {
		return nil, err
	}
	for _, t := range tagsOf(in.Tags) {
		i := slices.IndexFunc(p.Tags, func(have tag) bool { return have.Key == t.Key })
		if i < 0 {
			p.Tags = append(p.Tags, t)
		} else {
			p.Tags[i] = t
		}
	}
	if err := checkTags(p.Tags); err != nil {
		return nil, err
	}
	return &api.AddTagsToResourceResult{}, parameters.Put(tx, p.key(), p)
}

func (s *Service) removeTags(c *door.Call, tx *store.Tx, in *api.RemoveTagsFromResourceRequest) (*api.RemoveTagsFromResourceResult, error) {
	p, err := tagged(c, tx, in.ResourceType, in.ResourceId)
	if err != nil {
		return nil, err
	}
	p.Tags = slices.DeleteFunc(p.Tags, func(t tag) bool { return slices.Contains(in.TagKeys, t.Key) })
	return &api.RemoveTagsFromResourceResult{}, parameters.Put(tx, p.key(), p)
}

func (s *Service) listTags(c *door.Call, r store.Reader, in *api.ListTagsForResourceRequest) (*api.ListTagsForResourceResult, error) {
	p, err := tagged(c, r, in.ResourceType, in.ResourceId)
	if err != nil {
		return nil, err
	}
	out := &api.ListTagsForResourceResult{TagList: []*api.Tag{}}
	for i := range p.Tags {
		out.TagList = append(out.TagList, &api.Tag{Key: &p.Tags[i].Key, Value: &p.Tags[i].Value})
	}
	return out, nil
}
