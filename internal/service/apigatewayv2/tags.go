package apigatewayv2

import (
	"errors"
	"maps"
	"net/url"
	"strings"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/apigatewayv2"
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

// pathOf is what an ARN of the region is of: "/apis/ID", "/apis/ID/stages/NAME" or
// "/domainnames/NAME".
func pathOf(c *door.Call, arn *string) (string, error) {
	path, ok := strings.CutPrefix(val(arn), "arn:aws:apigateway:"+c.Region+"::")
	if !ok {
		return "", badRequest("Invalid resource identifier specified")
	}
	parts := strings.Split(path, "/")
	if len(parts) == 3 && (parts[1] == "apis" || parts[1] == "domainnames") || len(parts) == 5 && parts[1] == "apis" && parts[3] == "stages" {
		return path, nil
	}
	return "", badRequest("Invalid resource identifier specified")
}

func tagNeed(c *door.Call, r store.Reader, action string, arn *string) (door.Need, error) {
	path, err := pathOf(c, arn)
	if err != nil {
		path = tagsPath(arn) // the handler says what is wrong with it, to whom may know
	}
	return needOf(c, r, action, path)
}

// tagsPath is the resource that stands for the tags of another.
func tagsPath(arn *string) string { return "/tags/" + url.QueryEscape(val(arn)) }

func needsOfTag(c *door.Call, r store.Reader, in *api.TagResourceRequest) ([]door.Need, error) {
	need, err := tagNeed(c, r, "apigateway:TagResource", in.ResourceArn)
	requestTags(need.Context, in.Tags)
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
	need.Resource = "arn:aws:apigateway:" + c.Region + "::" + tagsPath(in.ResourceArn)
	return []door.Need{need}, err
}

// retag has change make other tags of those of a resource, and stores them.
func (s *Service) retag(c *door.Call, tx *store.Tx, arn *string, edit func(tags map[string]string) error) error {
	path, err := pathOf(c, arn)
	if err != nil {
		return err
	}
	parts := strings.Split(path, "/")
	if parts[1] == "domainnames" {
		d, err := findDomain(c, tx, ptr(unescape(parts[2])))
		if err != nil {
			return err
		}
		if err := edited(&d.Domain.Tags, edit); err != nil {
			return err
		}
		return domains.Put(tx, d.key(), d)
	}
	a, err := find(c, tx, &parts[2])
	if err != nil {
		return err
	}
	if len(parts) == 3 {
		if err := edited(&a.API.Tags, edit); err != nil {
			return err
		}
		if err := apis.Put(tx, a.key(), a); err != nil {
			return err
		}
		return s.guardAll(c, tx, a)
	}
	stage, err := stages.Get(tx, a.key(unescape(parts[4])))
	if err != nil {
		return orNotFound(err, "stage", unescape(parts[4]))
	}
	if err := edited(&stage.Tags, edit); err != nil {
		return err
	}
	return stages.Put(tx, a.key(val(stage.StageName)), stage)
}

// edited edits a copy, which takes the place of the tags if it is good.
func edited(tags *map[string]string, edit func(map[string]string) error) error {
	changed := maps.Clone(*tags)
	if changed == nil {
		changed = map[string]string{}
	}
	err := errors.Join(edit(changed), checkTags(changed))
	if err == nil {
		*tags = changed
	}
	return err
}

func (s *Service) tagResource(c *door.Call, tx *store.Tx, in *api.TagResourceRequest) (*api.TagResourceResponse, error) {
	return &api.TagResourceResponse{}, s.retag(c, tx, in.ResourceArn, func(tags map[string]string) error {
		maps.Copy(tags, in.Tags)
		return nil
	})
}

func (s *Service) untagResource(c *door.Call, tx *store.Tx, in *api.UntagResourceRequest) (*awsapi.None, error) {
	return &awsapi.None{}, s.retag(c, tx, in.ResourceArn, func(tags map[string]string) error {
		for _, key := range in.TagKeys {
			delete(tags, key)
		}
		return nil
	})
}

func (s *Service) getTags(c *door.Call, r store.Reader, in *api.GetTagsRequest) (*api.GetTagsResponse, error) {
	path, err := pathOf(c, in.ResourceArn)
	if err != nil {
		return nil, err
	}
	parts := strings.Split(path, "/")
	out := &api.GetTagsResponse{}
	switch {
	case parts[1] == "domainnames":
		d, err := findDomain(c, r, ptr(unescape(parts[2])))
		if err != nil {
			return nil, err
		}
		out.Tags = d.Domain.Tags
	case len(parts) == 3:
		a, err := find(c, r, &parts[2])
		if err != nil {
			return nil, err
		}
		out.Tags = a.API.Tags
	default:
		a, err := find(c, r, &parts[2])
		if err != nil {
			return nil, err
		}
		stage, err := stages.Get(r, a.key(unescape(parts[4])))
		if err != nil {
			return nil, orNotFound(err, "stage", unescape(parts[4]))
		}
		out.Tags = stage.Tags
	}
	if out.Tags == nil {
		out.Tags = map[string]string{}
	}
	return out, nil
}
