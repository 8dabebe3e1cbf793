package kms

import (
	"strings"

	api "cloister/internal/awsapi/kms"
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
