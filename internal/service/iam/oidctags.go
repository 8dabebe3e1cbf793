package iam

import (
	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/iam"
	"cloister/internal/door"
	"cloister/internal/store"
)

func (s *Service) registerProviderTags(d *door.Door) {
	door.Write(d, api.OpTagOpenIDConnectProvider, onProvider("iam:TagOpenIDConnectProvider",
		func(in *api.TagOpenIDConnectProviderRequest) *string { return in.OpenIDConnectProviderArn },
		func(need *door.Need, in *api.TagOpenIDConnectProviderRequest, _ *oidcProvider) {
			requestTags(need.Context, in.Tags)
		}),
		func(c *door.Call, tx *store.Tx, in *api.TagOpenIDConnectProviderRequest) (*awsapi.None, error) {
			return changeProvider(c, tx, in.OpenIDConnectProviderArn, func(p *oidcProvider) (err error) {
				p.Tags, err = addTags(p.Tags, in.Tags)
				return err
			})
		})
	door.Write(d, api.OpUntagOpenIDConnectProvider, onProvider("iam:UntagOpenIDConnectProvider",
		func(in *api.UntagOpenIDConnectProviderRequest) *string { return in.OpenIDConnectProviderArn },
		func(need *door.Need, in *api.UntagOpenIDConnectProviderRequest, _ *oidcProvider) {
			tagKeys(need.Context, in.TagKeys)
		}),
		func(c *door.Call, tx *store.Tx, in *api.UntagOpenIDConnectProviderRequest) (*awsapi.None, error) {
			return changeProvider(c, tx, in.OpenIDConnectProviderArn, func(p *oidcProvider) error {
				p.Tags = dropTags(p.Tags, in.TagKeys)
				return nil
			})
		})
	door.Read(d, api.OpListOpenIDConnectProviderTags, onProvider("iam:ListOpenIDConnectProviderTags",
		func(in *api.ListOpenIDConnectProviderTagsRequest) *string { return in.OpenIDConnectProviderArn }),
		func(c *door.Call, r store.Reader, in *api.ListOpenIDConnectProviderTagsRequest) (*api.ListOpenIDConnectProviderTagsResponse, error) {
			found, err := findProvider(r, c.Account, awsapi.Val(in.OpenIDConnectProviderArn))
			if err != nil {
				return nil, err
			}
			p, err := paginate(found.Tags, tagSortKey, in.Marker, in.MaxItems)
			return &api.ListOpenIDConnectProviderTagsResponse{Tags: wireTags(p.items), IsTruncated: p.truncated, Marker: p.marker}, err
		})
}
