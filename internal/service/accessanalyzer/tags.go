package accessanalyzer

import (
	"maps"
	"slices"

	api "cloister/internal/awsapi/accessanalyzer"
	"cloister/internal/door"
	"cloister/internal/store"
)

func needsOfTag(_ *door.Call, r store.Reader, in *api.TagResourceRequest) ([]door.Need, error) {
	need, err := analyzerNeed(r, "TagResource", val(in.ResourceArn))
	addTags(need.Context, "aws:requesttag/", in.Tags)
	need.Context["aws:tagkeys"] = slices.Sorted(maps.Keys(in.Tags))
	return []door.Need{need}, err
}

func needsOfUntag(_ *door.Call, r store.Reader, in *api.UntagResourceRequest) ([]door.Need, error) {
	need, err := analyzerNeed(r, "UntagResource", val(in.ResourceArn))
	need.Context["aws:tagkeys"] = in.TagKeys
	return []door.Need{need}, err
}

func tagResource(c *door.Call, tx *store.Tx, in *api.TagResourceRequest) (*api.TagResourceResponse, error) {
	a, err := find(c, tx, in.ResourceArn)
	if err != nil {
		return nil, err
	}
	tags := maps.Clone(a.Tags)
	if tags == nil {
		tags = map[string]string{}
	}
	maps.Copy(tags, in.Tags)
	if err := checkTags(tags); err != nil {
		return nil, err
	}
	a.Tags = tags
	return &api.TagResourceResponse{}, analyzers.Put(tx, a.key(), a)
}

func untagResource(c *door.Call, tx *store.Tx, in *api.UntagResourceRequest) (*api.UntagResourceResponse, error) {
	a, err := find(c, tx, in.ResourceArn)
	if err != nil {
		return nil, err
	}
	for _, key := range in.TagKeys {
		delete(a.Tags, key)
	}
	return &api.UntagResourceResponse{}, analyzers.Put(tx, a.key(), a)
}

func listTags(c *door.Call, r store.Reader, in *api.ListTagsForResourceRequest) (*api.ListTagsForResourceResponse, error) {
	a, err := find(c, r, in.ResourceArn)
	if err != nil {
		return nil, err
	}
	tags := a.Tags
	if tags == nil {
		tags = map[string]string{}
	}
	return &api.ListTagsForResourceResponse{Tags: tags}, nil
}
