package cognitoidentity

import (
	api "cloister/internal/awsapi/cognitoidentity"
	"cloister/internal/door"
	"cloister/internal/store"
)

func (s *Service) setTagMap(c *door.Call, tx *store.Tx, in *api.SetPrincipalTagAttributeMapInput) (*api.SetPrincipalTagAttributeMapResponse, error) {
	p, err := poolOf(c, tx, in.IdentityPoolId)
	if err != nil {
		return nil, err
	}
	m := tagMap{Defaults: val(in.UseDefaults), Tags: in.PrincipalTags}
	if p.TagMaps == nil {
		p.TagMaps = map[string]tagMap{}
	}
	p.TagMaps[val(in.IdentityProviderName)] = m
	return &api.SetPrincipalTagAttributeMapResponse{
		IdentityPoolId: &p.ID, IdentityProviderName: in.IdentityProviderName, UseDefaults: &m.Defaults, PrincipalTags: m.Tags,
	}, pools.Put(tx, store.K(p.ID), p)
}

func (s *Service) getTagMap(c *door.Call, r store.Reader, in *api.GetPrincipalTagAttributeMapInput) (*api.GetPrincipalTagAttributeMapResponse, error) {
	p, err := poolOf(c, r, in.IdentityPoolId)
	if err != nil {
		return nil, err
	}
	m := p.TagMaps[val(in.IdentityProviderName)]
	return &api.GetPrincipalTagAttributeMapResponse{
		IdentityPoolId: &p.ID, IdentityProviderName: in.IdentityProviderName, UseDefaults: &m.Defaults, PrincipalTags: m.Tags,
	}, nil
}
