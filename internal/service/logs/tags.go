package logs

import (
	"maps"
	"strings"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/logs"
	"cloister/internal/door"
	"cloister/internal/store"
)

// tagged is the group whose tags a call speaks of, by name or by ARN: where the
// API takes ARNs a name is none.
func tagged(c *door.Call, name, arn *string) (groupID, error) {
	if arn != nil {
		return parseARN(c, *arn)
	}
	return parseGroup(c, name, nil)
}

// findTagged is the group of tagged, which must exist.
func findTagged(c *door.Call, r store.Reader, name, arn *string) (groupID, *group, error) {
	g, err := tagged(c, name, arn)
	if err != nil {
		return g, nil, err
	}
	row, err := groups.Get(r, g.key())
	return g, row, or404(err, noGroup())
}

func checkTags(tags map[string]string) error {
	if len(tags) > 50 {
		return awsapi.Errorf("TooManyTagsException", "A resource can have at most 50 tags.")
	}
	for key := range tags {
		if strings.HasPrefix(strings.ToLower(key), "aws:") {
			return invalid("Tag keys that begin with aws: are reserved.")
		}
	}
	if a, b := sameButForCase(tags); a != b {
		return invalid("The tag keys %q and %q differ in case only: condition keys of policies do not tell them apart.", a, b)
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

func needsOfTagResource(c *door.Call, r store.Reader, in *api.TagResourceRequest) ([]door.Need, error) {
	return tagNeeds(c, r, "logs:TagResource", nil, in.ResourceArn, in.Tags)
}

func needsOfTagGroup(c *door.Call, r store.Reader, in *api.TagLogGroupRequest) ([]door.Need, error) {
	return tagNeeds(c, r, "logs:TagLogGroup", in.LogGroupName, nil, in.Tags)
}

func tagNeeds(c *door.Call, r store.Reader, action string, name, arn *string, tags map[string]string) ([]door.Need, error) {
	g, err := tagged(c, name, arn)
	if err != nil {
		return nil, err
	}
	need, err := groupNeed(r, action, g)
	if err == nil {
		addRequestTags(need.Context, tags)
	}
	return []door.Need{need}, err
}

func needsOfUntagResource(c *door.Call, r store.Reader, in *api.UntagResourceRequest) ([]door.Need, error) {
	return untagNeeds(c, r, "logs:UntagResource", nil, in.ResourceArn, in.TagKeys)
}

func needsOfUntagGroup(c *door.Call, r store.Reader, in *api.UntagLogGroupRequest) ([]door.Need, error) {
	return untagNeeds(c, r, "logs:UntagLogGroup", in.LogGroupName, nil, in.Tags)
}

func untagNeeds(c *door.Call, r store.Reader, action string, name, arn *string, tagKeys []string) ([]door.Need, error) {
	g, err := tagged(c, name, arn)
	if err != nil {
		return nil, err
	}
	need, err := groupNeed(r, action, g)
	if err == nil {
		addTagKeys(need.Context, tagKeys)
	}
	return []door.Need{need}, err
}

func (s *Service) tagResource(c *door.Call, tx *store.Tx, in *api.TagResourceRequest) (*awsapi.None, error) {
	return none, addGroupTags(c, tx, nil, in.ResourceArn, in.Tags)
}

func (s *Service) tagGroup(c *door.Call, tx *store.Tx, in *api.TagLogGroupRequest) (*awsapi.None, error) {
	return none, addGroupTags(c, tx, in.LogGroupName, nil, in.Tags)
}

func addGroupTags(c *door.Call, tx *store.Tx, name, arn *string, tags map[string]string) error {
	g, row, err := findTagged(c, tx, name, arn)
	if err != nil {
		return err
	}
	if row.Tags == nil {
		row.Tags = map[string]string{}
	}
	maps.Copy(row.Tags, tags)
	if err := checkTags(row.Tags); err != nil {
		return err
	}
	return groups.Put(tx, g.key(), row)
}

func (s *Service) untagResource(c *door.Call, tx *store.Tx, in *api.UntagResourceRequest) (*awsapi.None, error) {
	return none, removeGroupTags(c, tx, nil, in.ResourceArn, in.TagKeys)
}

func (s *Service) untagGroup(c *door.Call, tx *store.Tx, in *api.UntagLogGroupRequest) (*awsapi.None, error) {
	return none, removeGroupTags(c, tx, in.LogGroupName, nil, in.Tags)
}

func removeGroupTags(c *door.Call, tx *store.Tx, name, arn *string, keys []string) error {
	g, row, err := findTagged(c, tx, name, arn)
	if err != nil {
		return err
	}
	for _, key := range keys {
		delete(row.Tags, key)
	}
	return groups.Put(tx, g.key(), row)
}

func (s *Service) listTagsForResource(c *door.Call, r store.Reader, in *api.ListTagsForResourceRequest) (*api.ListTagsForResourceResponse, error) {
	tags, err := groupTags(c, r, nil, in.ResourceArn)
	return &api.ListTagsForResourceResponse{Tags: tags}, err
}

func (s *Service) listTagsGroup(c *door.Call, r store.Reader, in *api.ListTagsLogGroupRequest) (*api.ListTagsLogGroupResponse, error) {
	tags, err := groupTags(c, r, in.LogGroupName, nil)
	return &api.ListTagsLogGroupResponse{Tags: tags}, err
}

func groupTags(c *door.Call, r store.Reader, name, arn *string) (map[string]string, error) {
	_, row, err := findTagged(c, r, name, arn)
	if err != nil {
		return nil, err
	}
	if row.Tags == nil {
		return map[string]string{}, nil
	}
	return row.Tags, nil
}
