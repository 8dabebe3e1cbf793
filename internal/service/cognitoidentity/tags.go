package cognitoidentity

import (
	"maps"
	"strings"

	api "cloister/internal/awsapi/cognitoidentity"
	"cloister/internal/door"
	"cloister/internal/store"
)

// checkTags refuses tags that AWS refuses.
func checkTags(tags map[string]string) error {
	if len(tags) > 50 {
		return invalid("A resource has at most 50 tags.")
	}
	for _, key := range keysOf(tags) {
		if strings.HasPrefix(strings.ToLower(key), "aws:") {
			return invalid("Tag keys that begin with aws: are reserved.")
		}
	}
	return nil
}

// taggedPool is the id in the ARN of a pool, "" if it is none of the caller's.
func taggedPool(c *door.Call, arn *string) string {
	id, ok := strings.CutPrefix(val(arn), "arn:aws:cognito-identity:"+c.Region+":"+c.Account+":identitypool/")
	if !ok {
		return ""
	}
	return id
}

func (s *Service) tag(c *door.Call, tx *store.Tx, in *api.TagResourceInput) (*api.TagResourceResponse, error) {
	p, err := poolOf(c, tx, ptr(taggedPool(c, in.ResourceArn)))
	if err != nil {
		return nil, err
	}
	tags := maps.Clone(p.Spec.IdentityPoolTags)
	if tags == nil {
		tags = map[string]string{}
	}
	maps.Copy(tags, in.Tags)
	p.Spec.IdentityPoolTags = tags
	if err := checkTags(tags); err != nil {
		return nil, err
	}
	return &api.TagResourceResponse{}, pools.Put(tx, store.K(p.ID), p)
}

func (s *Service) untag(c *door.Call, tx *store.Tx, in *api.UntagResourceInput) (*api.UntagResourceResponse, error) {
	p, err := poolOf(c, tx, ptr(taggedPool(c, in.ResourceArn)))
	if err != nil {
		return nil, err
	}
	tags := maps.Clone(p.Spec.IdentityPoolTags)
	for _, key := range in.TagKeys {
		delete(tags, key)
	}
	p.Spec.IdentityPoolTags = tags
	return &api.UntagResourceResponse{}, pools.Put(tx, store.K(p.ID), p)
}

func (s *Service) listTags(c *door.Call, r store.Reader, in *api.ListTagsForResourceInput) (*api.ListTagsForResourceResponse, error) {
	p, err := poolOf(c, r, ptr(taggedPool(c, in.ResourceArn)))
	if err != nil {
		return nil, err
	}
	return &api.ListTagsForResourceResponse{Tags: p.Spec.IdentityPoolTags}, nil
}
