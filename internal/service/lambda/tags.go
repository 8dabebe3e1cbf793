package lambda

import (
	"maps"
	"strings"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/lambda"
	"cloister/internal/door"
	"cloister/internal/store"
)

// checkTags refuses tags that AWS refuses
// (https://docs.aws.amazon.com/lambda/latest/dg/configuration-tags.html).
func checkTags(tags map[string]string) error {
	if len(tags) > 50 {
		return fail("InvalidParameterValueException", "Tags cannot be more than 50.")
	}
	for key, value := range tags {
		switch {
		case key == "" || len([]rune(key)) > 128:
			return fail("InvalidParameterValueException", "A tag's key has 1 to 128 characters.")
		case len([]rune(value)) > 256:
			return fail("InvalidParameterValueException", "A tag's value has at most 256 characters.")
		case strings.HasPrefix(strings.ToLower(key), "aws:"):
			return fail("InvalidParameterValueException", "Tag keys that begin with aws: are reserved.")
		}
	}
	if a, b := sameButForCase(tags); a != b {
		return fail("InvalidParameterValueException", "The tag keys %q and %q differ in case only: condition keys of policies do not tell them apart.", a, b)
	}
	return nil
}

// sameButForCase finds two keys that would be one condition key; the same ones
// every time. Without any both results are empty.
func sameButForCase(tags map[string]string) (a, b string) {
	seen := make(map[string]string, len(tags))
	for _, key := range keysOf(tags) {
		lower := strings.ToLower(key)
		if other, ok := seen[lower]; ok {
			return other, key
		}
		seen[lower] = key
	}
	return "", ""
}

// parseTagged reads the ARN of what is tagged: a function as a whole.
func parseTagged(c *door.Call, resource *string) (ref, error) {
	f, err := parseRef(c, resource, nil)
	if err == nil && f.Qualifier != "" {
		err = fail("InvalidParameterValueException", "Tags on function aliases and versions are not supported. Please specify a function ARN.")
	}
	return f, err
}

func (s *Service) needsOfTag(c *door.Call, r store.Reader, in *api.TagResourceRequest) ([]door.Need, error) {
	f, err := parseTagged(c, in.Resource)
	if err != nil {
		return nil, err
	}
	need, err := functionNeed(r, "lambda:TagResource", f)
	addRequestTags(need.Context, in.Tags)
	return []door.Need{need}, err
}

func (s *Service) tagResource(c *door.Call, tx *store.Tx, in *api.TagResourceRequest) (*awsapi.None, error) {
	f, fn, err := functionOf(c, tx, in.Resource)
	if err != nil {
		return nil, err
	}
	tags := maps.Clone(fn.Tags)
	if tags == nil {
		tags = map[string]string{}
	}
	maps.Copy(tags, in.Tags)
	if err := checkTags(tags); err != nil {
		return nil, err
	}
	fn.Tags = tags
	if err := s.guardURLTags(c, tx, f, fn.Tags); err != nil {
		return nil, err
	}
	return none, functions.Put(tx, f.key(), fn)
}

func (s *Service) needsOfUntag(c *door.Call, r store.Reader, in *api.UntagResourceRequest) ([]door.Need, error) {
	f, err := parseTagged(c, in.Resource)
	if err != nil {
		return nil, err
	}
	need, err := functionNeed(r, "lambda:UntagResource", f)
	addTagKeys(need.Context, in.TagKeys)
	return []door.Need{need}, err
}

func (s *Service) untagResource(c *door.Call, tx *store.Tx, in *api.UntagResourceRequest) (*awsapi.None, error) {
	f, fn, err := functionOf(c, tx, in.Resource)
	if err != nil {
		return nil, err
	}
	for _, key := range in.TagKeys {
		delete(fn.Tags, key)
	}
	if err := s.guardURLTags(c, tx, f, fn.Tags); err != nil {
		return nil, err
	}
	return none, functions.Put(tx, f.key(), fn)
}

func (s *Service) needsOfListTags(c *door.Call, r store.Reader, in *api.ListTagsRequest) ([]door.Need, error) {
	f, err := parseTagged(c, in.Resource)
	if err != nil {
		return nil, err
	}
	need, err := functionNeed(r, "lambda:ListTags", f)
	return []door.Need{need}, err
}

func (s *Service) listTags(c *door.Call, r store.Reader, in *api.ListTagsRequest) (*api.ListTagsResponse, error) {
	_, fn, err := functionOf(c, r, in.Resource)
	if err != nil {
		return nil, err
	}
	tags := fn.Tags
	if tags == nil {
		tags = map[string]string{}
	}
	return &api.ListTagsResponse{Tags: tags}, nil
}
