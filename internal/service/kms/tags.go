package kms

import (
	"maps"
	"strconv"
	"strings"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/kms"
	"cloister/internal/door"
	"cloister/internal/store"
	"cloister/policy"
)

// maxTags is AWS's limit for a key.
const maxTags = 50

// parseTags reads the tags of a request. A key given twice is refused, also in
// another case: in a condition's key case does not count.
func parseTags(given []*api.Tag) (map[string]string, error) {
	tags := make(map[string]string, len(given))
	for _, tag := range given {
		if _, twice := tags[*tag.TagKey]; twice {
			return nil, fail("TagException", "Duplicate tag keys")
		}
		tags[*tag.TagKey] = *tag.TagValue
	}
	return tags, checkTags(tags)
}

func checkTags(tags map[string]string) error {
	if len(tags) > maxTags {
		return fail("LimitExceededException", "A key can have at most %d tags.", maxTags)
	}
	seen := make(map[string]string, len(tags))
	for _, key := range keysOf(tags) {
		lower := strings.ToLower(key)
		if strings.HasPrefix(lower, "aws:") {
			return fail("TagException", "Tags beginning with aws: are reserved")
		}
		if other, ok := seen[lower]; ok {
			return fail("TagException", "The tag keys %q and %q differ in case only: condition keys of policies do not tell them apart.", other, key)
		}
		seen[lower] = key
	}
	return nil
}

// addRequestTags puts the tags that a request sets into a need's context.
func addRequestTags(context policy.MapContext, tags []*api.Tag) {
	var keys []string
	for _, tag := range tags {
		keys = append(keys, *tag.TagKey)
		context["aws:requesttag/"+strings.ToLower(*tag.TagKey)] = []string{*tag.TagValue}
	}
	if len(keys) > 0 {
		context["aws:tagkeys"] = keys
	}
}

func (s *Service) registerTags(d *door.Door) {
	door.Write(d, api.OpTagResource, onKey(s, "TagResource", func(in *api.TagResourceRequest) *string { return in.KeyId },
		func(in *api.TagResourceRequest) policy.MapContext {
			context := policy.MapContext{}
			addRequestTags(context, in.Tags)
			return context
		}), s.tagResource)
	door.Write(d, api.OpUntagResource, onKey(s, "UntagResource", func(in *api.UntagResourceRequest) *string { return in.KeyId },
		func(in *api.UntagResourceRequest) policy.MapContext {
			return policy.MapContext{"aws:tagkeys": in.TagKeys}
		}), s.untagResource)
	door.Read(d, api.OpListResourceTags, onKey(s, "ListResourceTags", func(in *api.ListResourceTagsRequest) *string { return in.KeyId }), s.listTags)
}

// isTag tells whether a condition key is of a tag of the resource.
func isTag(key string) bool { return strings.HasPrefix(key, "aws:resourcetag/") }

func (s *Service) tagResource(c *door.Call, tx *store.Tx, in *api.TagResourceRequest) (*awsapi.None, error) {
	row, err := living(c, tx, in.KeyId)
	if err != nil {
		return nil, err
	}
	added, err := parseTags(in.Tags)
	if err != nil {
		return nil, err
	}
	if row.Tags == nil {
		row.Tags = map[string]string{}
	}
	maps.Copy(row.Tags, added)
	if err := checkTags(row.Tags); err != nil {
		return nil, err
	}
	return none, row.save(tx)
}

func (s *Service) untagResource(c *door.Call, tx *store.Tx, in *api.UntagResourceRequest) (*awsapi.None, error) {
	row, err := living(c, tx, in.KeyId)
	if err != nil {
		return nil, err
	}
	for _, key := range in.TagKeys {
		delete(row.Tags, key)
	}
	return none, row.save(tx)
}

func (s *Service) listTags(c *door.Call, r store.Reader, in *api.ListResourceTagsRequest) (*api.ListResourceTagsResponse, error) {
	row, err := rowOf(c, r, in.KeyId)
	if err != nil {
		return nil, err
	}
	keys := keysOf(row.Tags)
	from, err := parsePlace(in.Marker, len(keys))
	if err != nil {
		return nil, err
	}
	out := &api.ListResourceTagsResponse{Tags: []*api.Tag{}, Truncated: ptr(false)}
	for i := from; i < len(keys); i++ {
		if int64(len(out.Tags)) == or(in.Limit, maxTags) {
			out.NextMarker, out.Truncated = ptr(strconv.Itoa(i)), ptr(true)
			break
		}
		out.Tags = append(out.Tags, &api.Tag{TagKey: &keys[i], TagValue: ptr(row.Tags[keys[i]])})
	}
	return out, nil
}
