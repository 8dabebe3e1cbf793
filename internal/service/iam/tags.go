package iam

import (
	"slices"
	"strings"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/iam"
	"cloister/internal/door"
	"cloister/internal/store"
	"cloister/policy"
)

// tagQuota is how many tags a resource may have.
const tagQuota = 50

func (s *Service) registerTags(d *door.Door) {
	s.registerUserTags(d)
	s.registerRoleTags(d)
	s.registerInstanceProfileTags(d)
	s.registerPolicyTags(d)
}

func (s *Service) registerUserTags(d *door.Door) {
	door.Write(d, api.OpTagUser, on(userKind, "iam:TagUser",
		func(in *api.TagUserRequest) *string { return in.UserName },
		func(need *door.Need, in *api.TagUserRequest, _ *user) { requestTags(need.Context, in.Tags) }),
		func(c *door.Call, tx *store.Tx, in *api.TagUserRequest) (*awsapi.None, error) {
			return tagEntity(c, tx, userKind, in.UserName, in.Tags)
		})
	door.Write(d, api.OpUntagUser, on(userKind, "iam:UntagUser",
		func(in *api.UntagUserRequest) *string { return in.UserName },
		func(need *door.Need, in *api.UntagUserRequest, _ *user) { tagKeys(need.Context, in.TagKeys) }),
		func(c *door.Call, tx *store.Tx, in *api.UntagUserRequest) (*awsapi.None, error) {
			return untagEntity(c, tx, userKind, in.UserName, in.TagKeys)
		})
	door.Read(d, api.OpListUserTags, on(userKind, "iam:ListUserTags",
		func(in *api.ListUserTagsRequest) *string { return in.UserName }),
		func(c *door.Call, r store.Reader, in *api.ListUserTagsRequest) (*api.ListUserTagsResponse, error) {
			p, err := listEntityTags(c, r, userKind, in.UserName, in.Marker, in.MaxItems)
			return &api.ListUserTagsResponse{Tags: wireTags(p.items), IsTruncated: p.truncated, Marker: p.marker}, err
		})
}

func (s *Service) registerRoleTags(d *door.Door) {
	door.Write(d, api.OpTagRole, on(roleKind, "iam:TagRole",
		func(in *api.TagRoleRequest) *string { return in.RoleName },
		func(need *door.Need, in *api.TagRoleRequest, _ *role) { requestTags(need.Context, in.Tags) }),
		func(c *door.Call, tx *store.Tx, in *api.TagRoleRequest) (*awsapi.None, error) {
			return tagEntity(c, tx, roleKind, in.RoleName, in.Tags)
		})
	door.Write(d, api.OpUntagRole, on(roleKind, "iam:UntagRole",
		func(in *api.UntagRoleRequest) *string { return in.RoleName },
		func(need *door.Need, in *api.UntagRoleRequest, _ *role) { tagKeys(need.Context, in.TagKeys) }),
		func(c *door.Call, tx *store.Tx, in *api.UntagRoleRequest) (*awsapi.None, error) {
			return untagEntity(c, tx, roleKind, in.RoleName, in.TagKeys)
		})
	door.Read(d, api.OpListRoleTags, on(roleKind, "iam:ListRoleTags",
		func(in *api.ListRoleTagsRequest) *string { return in.RoleName }),
		func(c *door.Call, r store.Reader, in *api.ListRoleTagsRequest) (*api.ListRoleTagsResponse, error) {
			p, err := listEntityTags(c, r, roleKind, in.RoleName, in.Marker, in.MaxItems)
			return &api.ListRoleTagsResponse{Tags: wireTags(p.items), IsTruncated: p.truncated, Marker: p.marker}, err
		})
}

func (s *Service) registerInstanceProfileTags(d *door.Door) {
	door.Write(d, api.OpTagInstanceProfile, on(profileKind, "iam:TagInstanceProfile",
		func(in *api.TagInstanceProfileRequest) *string { return in.InstanceProfileName },
		func(need *door.Need, in *api.TagInstanceProfileRequest, _ *instanceProfile) {
			requestTags(need.Context, in.Tags)
		}),
		func(c *door.Call, tx *store.Tx, in *api.TagInstanceProfileRequest) (*awsapi.None, error) {
			return tagEntity(c, tx, profileKind, in.InstanceProfileName, in.Tags)
		})
	door.Write(d, api.OpUntagInstanceProfile, on(profileKind, "iam:UntagInstanceProfile",
		func(in *api.UntagInstanceProfileRequest) *string { return in.InstanceProfileName },
		func(need *door.Need, in *api.UntagInstanceProfileRequest, _ *instanceProfile) {
			tagKeys(need.Context, in.TagKeys)
		}),
		func(c *door.Call, tx *store.Tx, in *api.UntagInstanceProfileRequest) (*awsapi.None, error) {
			return untagEntity(c, tx, profileKind, in.InstanceProfileName, in.TagKeys)
		})
	door.Read(d, api.OpListInstanceProfileTags, on(profileKind, "iam:ListInstanceProfileTags",
		func(in *api.ListInstanceProfileTagsRequest) *string { return in.InstanceProfileName }),
		func(c *door.Call, r store.Reader, in *api.ListInstanceProfileTagsRequest) (*api.ListInstanceProfileTagsResponse, error) {
			p, err := listEntityTags(c, r, profileKind, in.InstanceProfileName, in.Marker, in.MaxItems)
			return &api.ListInstanceProfileTagsResponse{Tags: wireTags(p.items), IsTruncated: p.truncated, Marker: p.marker}, err
		})
}

func (s *Service) registerPolicyTags(d *door.Door) {
	door.Write(d, api.OpTagPolicy, onPolicy("iam:TagPolicy",
		func(in *api.TagPolicyRequest) *string { return in.PolicyArn },
		func(need *door.Need, in *api.TagPolicyRequest, _ *managed) { requestTags(need.Context, in.Tags) }),
		func(c *door.Call, tx *store.Tx, in *api.TagPolicyRequest) (*awsapi.None, error) {
			return changePolicyTags(c, tx, in.PolicyArn, func(tags []Tag) ([]Tag, error) { return addTags(tags, in.Tags) })
		})
	door.Write(d, api.OpUntagPolicy, onPolicy("iam:UntagPolicy",
		func(in *api.UntagPolicyRequest) *string { return in.PolicyArn },
		func(need *door.Need, in *api.UntagPolicyRequest, _ *managed) { tagKeys(need.Context, in.TagKeys) }),
		func(c *door.Call, tx *store.Tx, in *api.UntagPolicyRequest) (*awsapi.None, error) {
			return changePolicyTags(c, tx, in.PolicyArn, func(tags []Tag) ([]Tag, error) { return dropTags(tags, in.TagKeys), nil })
		})
	door.Read(d, api.OpListPolicyTags, onPolicy("iam:ListPolicyTags",
		func(in *api.ListPolicyTagsRequest) *string { return in.PolicyArn }),
		func(c *door.Call, r store.Reader, in *api.ListPolicyTagsRequest) (*api.ListPolicyTagsResponse, error) {
			found, err := findPolicy(r, c.Account, awsapi.Val(in.PolicyArn))
			if err != nil {
				return nil, err
			}
			p, err := paginate(found.Tags, tagSortKey, in.Marker, in.MaxItems)
			return &api.ListPolicyTagsResponse{Tags: wireTags(p.items), IsTruncated: p.truncated, Marker: p.marker}, err
		})
}

func tagKeys(ctx policy.MapContext, keys []string) { ctx["aws:tagkeys"] = keys }

// newTags takes the tags of something new.
func newTags(given []*api.Tag) ([]Tag, error) { return addTags(nil, given) }

// addTags adds tags or changes the values of those there are. Keys are told
// apart without regard to case, and tags are kept sorted by key.
func addTags(tags []Tag, given []*api.Tag) ([]Tag, error) {
	seen := map[string]bool{}
	for _, t := range given {
		tag := Tag{awsapi.Val(t.Key), awsapi.Val(t.Value)}
		key := tagSortKey(tag)
		if seen[key] {
			return nil, invalidInput("Duplicate tag keys found. Please note that Tag keys are case insensitive.")
		}
		if strings.HasPrefix(key, "aws:") {
			return nil, invalidInput("Tag keys cannot start with 'aws:', which is reserved for AWS use.")
		}
		seen[key] = true
		tags = withTag(tags, tag)
	}
	if len(tags) > tagQuota {
		return nil, limitExceeded("The number of tags has reached the maximum limit.")
	}
	return tags, nil
}

func tagSortKey(t Tag) string { return strings.ToLower(t.Key) }

func findTag(tags []Tag, key string) (int, bool) {
	return slices.BinarySearchFunc(tags, strings.ToLower(key), func(t Tag, key string) int {
		return strings.Compare(tagSortKey(t), key)
	})
}

func withTag(tags []Tag, tag Tag) []Tag {
	i, found := findTag(tags, tag.Key)
	if found {
		tags[i] = tag
		return tags
	}
	return slices.Insert(tags, i, tag)
}

// dropTags removes tags; keys that there are not are no error.
func dropTags(tags []Tag, keys []string) []Tag {
	for _, key := range keys {
		if i, found := findTag(tags, key); found {
			tags = slices.Delete(tags, i, i+1)
		}
	}
	return tags
}

func changeTags[T any](c *door.Call, tx *store.Tx, k *kind[T], name *string, change func([]Tag) ([]Tag, error)) (*awsapi.None, error) {
	v, err := k.find(tx, c.Account, awsapi.Val(name))
	if err != nil {
		return nil, err
	}
	tags := k.tags(v)
	if *tags, err = change(*tags); err != nil {
		return nil, err
	}
	return &awsapi.None{}, k.put(tx, v)
}

func tagEntity[T any](c *door.Call, tx *store.Tx, k *kind[T], name *string, given []*api.Tag) (*awsapi.None, error) {
	return changeTags(c, tx, k, name, func(tags []Tag) ([]Tag, error) { return addTags(tags, given) })
}

func untagEntity[T any](c *door.Call, tx *store.Tx, k *kind[T], name *string, keys []string) (*awsapi.None, error) {
	return changeTags(c, tx, k, name, func(tags []Tag) ([]Tag, error) { return dropTags(tags, keys), nil })
}

func changePolicyTags(c *door.Call, tx *store.Tx, arn *string, change func([]Tag) ([]Tag, error)) (*awsapi.None, error) {
	p, err := ownPolicy(tx, c.Account, awsapi.Val(arn))
	if err != nil {
		return nil, err
	}
	if p.Tags, err = change(p.Tags); err != nil {
		return nil, err
	}
	return &awsapi.None{}, putPolicy(tx, p)
}

func listEntityTags[T any](c *door.Call, r store.Reader, k *kind[T], name, marker *string, maxItems *int64) (page[Tag], error) {
	v, err := k.find(r, c.Account, awsapi.Val(name))
	if err != nil {
		return page[Tag]{}, err
	}
	return paginate(*k.tags(v), tagSortKey, marker, maxItems)
}

// shownTags leaves the member out where there is no tag.
func shownTags(tags []Tag) []*api.Tag {
	if len(tags) == 0 {
		return nil
	}
	return wireTags(tags)
}

func wireTags(tags []Tag) []*api.Tag {
	return each(tags, func(t Tag) *api.Tag { return &api.Tag{Key: str(t.Key), Value: str(t.Value)} })
}
