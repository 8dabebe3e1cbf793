package apigateway

import (
	"errors"
	"maps"
	"net/url"
	"strings"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/apigateway"
	"cloister/internal/door"
	"cloister/internal/store"
)

// checkTags refuses tags that AWS refuses, and keys that conditions cannot tell
// apart.
func checkTags(tags map[string]string) error {
	if len(tags) > 50 {
		return badRequest("Tags cannot be more than 50")
	}
	seen := map[string]bool{}
	for key, value := range tags {
		lower := strings.ToLower(key)
		switch {
		case key == "" || len([]rune(key)) > 128 || len([]rune(value)) > 256:
			return badRequest("Invalid tag: a key has 1 to 128 characters, a value at most 256")
		case strings.HasPrefix(lower, "aws:"):
			return badRequest("Invalid tag key: those that begin with aws: are reserved")
		case seen[lower]:
			return badRequest("Invalid tags: two keys differ in case only, which condition keys of policies do not tell apart")
		}
		seen[lower] = true
	}
	return nil
}

// tagged is the path of what an ARN of the region means: an API, a stage, a key, a
// plan or a domain.
func tagged(c *door.Call, arn *string) (parts []string, err error) {
	path, ok := strings.CutPrefix(val(arn), "arn:aws:apigateway:"+c.Region+"::/")
	parts = strings.Split(path, "/")
	for i := range parts {
		parts[i] = unescape(parts[i])
	}
	switch {
	case !ok:
	case len(parts) == 2 && (parts[0] == "restapis" || parts[0] == "apikeys" || parts[0] == "usageplans" || parts[0] == "domainnames"):
		return parts, nil
	case len(parts) == 4 && parts[0] == "restapis" && parts[2] == "stages":
		return parts, nil
	}
	return nil, badRequest("Invalid resource identifier specified")
}

func tagNeed(c *door.Call, r store.Reader, action string, arn *string) (door.Need, error) {
	path := "/tags/" + url.QueryEscape(val(arn))
	if _, err := tagged(c, arn); err == nil {
		path = strings.TrimPrefix(*arn, "arn:aws:apigateway:"+c.Region+"::")
	}
	return needOf(c, r, action, path)
}

func needsOfTag(c *door.Call, r store.Reader, in *api.TagResourceRequest) ([]door.Need, error) {
	need, err := tagNeed(c, r, "apigateway:TagResource", in.ResourceArn)
	requestKeys(need.Context, in)
	return []door.Need{need}, err
}

func needsOfUntag(c *door.Call, r store.Reader, in *api.UntagResourceRequest) ([]door.Need, error) {
	need, err := tagNeed(c, r, "apigateway:UntagResource", in.ResourceArn)
	if len(in.TagKeys) > 0 {
		need.Context["aws:tagkeys"] = in.TagKeys
	}
	return []door.Need{need}, err
}

func needsOfGetTags(c *door.Call, r store.Reader, in *api.GetTagsRequest) ([]door.Need, error) {
	need, err := tagNeed(c, r, "apigateway:GET", in.ResourceArn)
	need.Resource = "arn:aws:apigateway:" + c.Region + "::/tags/" + url.QueryEscape(val(in.ResourceArn))
	return []door.Need{need}, err
}

// withTags finds what an ARN means: its tags, and how to store it with others.
func (s *Service) withTags(c *door.Call, r store.Reader, arn *string) (tags *map[string]string, put func(tx *store.Tx) error, err error) {
	parts, err := tagged(c, arn)
	if err != nil {
		return nil, nil, err
	}
	key := store.K(c.Account, c.Region, parts[1])
	switch parts[0] {
	case "apikeys":
		k, err := findKey(r, c, parts[1])
		if err != nil {
			return nil, nil, err
		}
		return &k.Key.Tags, func(tx *store.Tx) error { return keys.Put(tx, key, k) }, nil
	case "usageplans":
		p, err := findPlan(r, c, parts[1])
		if err != nil {
			return nil, nil, err
		}
		return &p.Plan.Tags, func(tx *store.Tx) error { return plans.Put(tx, key, p) }, nil
	case "domainnames":
		d, err := findDomain(r, c, parts[1])
		if err != nil {
			return nil, nil, err
		}
		return &d.Domain.Tags, func(tx *store.Tx) error { return domains.Put(tx, store.K(parts[1]), d) }, nil
	}
	a, err := findAPI(r, c.Account, c.Region, parts[1])
	if err != nil {
		return nil, nil, err
	}
	putAPI := func(tx *store.Tx) error { return apis.Put(tx, key, a) }
	if len(parts) == 2 {
		return &a.API.Tags, func(tx *store.Tx) error { return errors.Join(s.guardAll(c, tx, a), putAPI(tx)) }, nil
	}
	stage, err := a.stage(&parts[3])
	if err != nil {
		return nil, nil, err
	}
	return &stage.Tags, putAPI, nil
}

func (s *Service) retag(c *door.Call, tx *store.Tx, arn *string, edit func(tags map[string]string)) error {
	tags, put, err := s.withTags(c, tx, arn)
	if err != nil {
		return err
	}
	changed := merged(nil, *tags)
	edit(changed)
	if err := checkTags(changed); err != nil {
		return err
	}
	*tags = changed
	return put(tx)
}

func (s *Service) tagResource(c *door.Call, tx *store.Tx, in *api.TagResourceRequest) (*awsapi.None, error) {
	return &awsapi.None{}, s.retag(c, tx, in.ResourceArn, func(tags map[string]string) { maps.Copy(tags, in.Tags) })
}

func (s *Service) untagResource(c *door.Call, tx *store.Tx, in *api.UntagResourceRequest) (*awsapi.None, error) {
	return &awsapi.None{}, s.retag(c, tx, in.ResourceArn, func(tags map[string]string) {
		for _, key := range in.TagKeys {
			delete(tags, key)
		}
	})
}

func (s *Service) getTags(c *door.Call, r store.Reader, in *api.GetTagsRequest) (*api.Tags, error) {
	tags, _, err := s.withTags(c, r, in.ResourceArn)
	if err != nil {
		return nil, err
	}
	return &api.Tags{Tags: merged(nil, *tags)}, nil
}
