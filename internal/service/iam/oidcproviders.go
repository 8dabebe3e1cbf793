package iam

import (
	"errors"
	"slices"
	"strings"
	"time"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/iam"
	"cloister/internal/door"
	"cloister/internal/store"
	"cloister/policy"
)

// Quotas of OpenID Connect providers
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html).
const (
	providerQuota          = 100
	clientIDsPerProvider   = 100
	thumbprintsPerProvider = 5
)

// oidcProvider is an identity provider whose users roles may trust.
type oidcProvider struct {
	Account     string
	Address     string // of the issuer, without https://
	ClientIDs   []string
	Thumbprints []string // in lower case
	Created     time.Time
	Tags        []Tag // sorted by key
}

var oidcProviders = store.Define[oidcProvider]("iam.oidcprovider") // account, address

func (p *oidcProvider) arn() string { return providerARN(p.Account, p.Address) }

func putProvider(tx *store.Tx, p *oidcProvider) error {
	return oidcProviders.Put(tx, store.K(p.Account, p.Address), p)
}

// findProvider reads a provider of the account. It gives NoSuchEntity, also for
// another account's.
func findProvider(r store.Reader, account, arn string) (*oidcProvider, error) {
	owner, address, ok := splitProviderARN(arn)
	if !ok {
		return nil, invalidInput("Invalid ARN: Could not be parsed!")
	}
	if owner == account {
		p, err := oidcProviders.Get(r, store.K(account, address))
		if !errors.Is(err, store.ErrNotFound) {
			return p, err
		}
	}
	return nil, noSuchEntity("OpenIDConnect Provider not found for arn %s", arn)
}

func (s *Service) registerProviders(d *door.Door) {
	door.Write(d, api.OpCreateOpenIDConnectProvider, permission(needCreateProvider), s.createProvider)
	door.Read(d, api.OpGetOpenIDConnectProvider, onProvider("iam:GetOpenIDConnectProvider",
		func(in *api.GetOpenIDConnectProviderRequest) *string { return in.OpenIDConnectProviderArn }), s.getProvider)
	door.Read(d, api.OpListOpenIDConnectProviders, everything[api.ListOpenIDConnectProvidersRequest]("iam:ListOpenIDConnectProviders"), s.listProviders)
	door.Write(d, api.OpDeleteOpenIDConnectProvider, onProvider("iam:DeleteOpenIDConnectProvider",
		func(in *api.DeleteOpenIDConnectProviderRequest) *string { return in.OpenIDConnectProviderArn }), s.deleteProvider)
	door.Write(d, api.OpAddClientIDToOpenIDConnectProvider, onProvider("iam:AddClientIDToOpenIDConnectProvider",
		func(in *api.AddClientIDToOpenIDConnectProviderRequest) *string { return in.OpenIDConnectProviderArn }), s.addClientID)
	door.Write(d, api.OpRemoveClientIDFromOpenIDConnectProvider, onProvider("iam:RemoveClientIDFromOpenIDConnectProvider",
		func(in *api.RemoveClientIDFromOpenIDConnectProviderRequest) *string {
			return in.OpenIDConnectProviderArn
		}), s.removeClientID)
	door.Write(d, api.OpUpdateOpenIDConnectProviderThumbprint, onProvider("iam:UpdateOpenIDConnectProviderThumbprint",
		func(in *api.UpdateOpenIDConnectProviderThumbprintRequest) *string { return in.OpenIDConnectProviderArn }), s.updateThumbprint)
	s.registerProviderTags(d)
}

// onProvider is the authorisation of an operation on one provider.
func onProvider[In any](action string, providerArn func(*In) *string, details ...detail[In, oidcProvider]) door.Auth[In] {
	return permission(func(c *door.Call, r store.Reader, in *In) ([]door.Need, error) {
		need := door.Need{Action: action, Resource: awsapi.Val(providerArn(in)), Context: policy.MapContext{}}
		owner, address, _ := splitProviderARN(need.Resource)
		p, err := oidcProviders.Get(r, store.K(owner, address))
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return nil, err
		}
		if err == nil && owner == c.Account {
			resourceTags(need.Context, p.Tags)
		}
		for _, detail := range details {
			detail(&need, in, p)
		}
		return []door.Need{need}, nil
	})
}

func needCreateProvider(c *door.Call, _ store.Reader, in *api.CreateOpenIDConnectProviderRequest) ([]door.Need, error) {
	need := door.Need{
		Action:   "iam:CreateOpenIDConnectProvider",
		Resource: providerARN(c.Account, strings.TrimPrefix(awsapi.Val(in.Url), "https://")),
		Context:  policy.MapContext{},
	}
	requestTags(need.Context, in.Tags)
	if len(in.Tags) == 0 {
		return []door.Need{need}, nil
	}
	tagging := need
	tagging.Action = "iam:TagOpenIDConnectProvider"
	return []door.Need{need, tagging}, nil
}

// createProvider makes a provider. Nobody is asked anything: without thumbprints
// a trusted authority has to vouch for the issuer.
func (s *Service) createProvider(c *door.Call, tx *store.Tx, in *api.CreateOpenIDConnectProviderRequest) (*api.CreateOpenIDConnectProviderResponse, error) {
	p, err := newProvider(c, in)
	if err != nil {
		return nil, err
	}
	_, err = oidcProviders.Get(tx, store.K(p.Account, p.Address))
	if err == nil {
		return nil, alreadyExists("Provider with url %s already exists.", awsapi.Val(in.Url))
	}
	if !errors.Is(err, store.ErrNotFound) {
		return nil, err
	}
	if err := countProviders(tx, c.Account, 1); err != nil {
		return nil, err
	}
	if err := oidcProviders.Insert(tx, store.K(p.Account, p.Address), p); err != nil {
		return nil, err
	}
	return &api.CreateOpenIDConnectProviderResponse{OpenIDConnectProviderArn: str(p.arn()), Tags: shownTags(p.Tags)}, nil
}

func newProvider(c *door.Call, in *api.CreateOpenIDConnectProviderRequest) (*oidcProvider, error) {
	address, ok := issuerAddress(awsapi.Val(in.Url))
	if !ok {
		return nil, validation("Invalid Open ID Connect Provider URL")
	}
	thumbprints, err := newThumbprints(in.ThumbprintList)
	if err != nil {
		return nil, err
	}
	var clients []string
	for _, id := range in.ClientIDList {
		clients = withClient(clients, id)
	}
	if err := checkClients(clients); err != nil {
		return nil, err
	}
	tags, err := newTags(in.Tags)
	if err != nil {
		return nil, err
	}
	return &oidcProvider{
		Account: c.Account, Address: address, ClientIDs: clients, Thumbprints: thumbprints, Tags: tags, Created: second(c.Time),
	}, nil
}

// newThumbprints takes SHA-1 digests in hexadecimal.
func newThumbprints(given []string) ([]string, error) {
	if len(given) > thumbprintsPerProvider {
		return nil, invalidInput("Thumbprint list must contain fewer than %d entries.", thumbprintsPerProvider)
	}
	var all []string
	for _, t := range given {
		t = strings.ToLower(t)
		if strings.Trim(t, "0123456789abcdef") != "" {
			return nil, invalidInput("Thumbprint %s is not the SHA-1 digest of a certificate in hexadecimal.", t)
		}
		all = append(all, t)
	}
	return all, nil
}

func withClient(ids []string, id string) []string {
	if slices.Contains(ids, id) {
		return ids
	}
	return append(ids, id)
}

func checkClients(ids []string) error {
	if len(ids) > clientIDsPerProvider {
		return overQuota("ClientIdsPerOpenIdConnectProvider", clientIDsPerProvider)
	}
	return nil
}

func countProviders(tx *store.Tx, account string, by int64) error {
	return adjust(tx, account, func(c *counts) *int64 { return &c.Providers }, by, "OpenIdConnectProviders", providerQuota)
}

func (s *Service) getProvider(c *door.Call, r store.Reader, in *api.GetOpenIDConnectProviderRequest) (*api.GetOpenIDConnectProviderResponse, error) {
	p, err := findProvider(r, c.Account, awsapi.Val(in.OpenIDConnectProviderArn))
	if err != nil {
		return nil, err
	}
	return &api.GetOpenIDConnectProviderResponse{
		Url: str(p.Address), ClientIDList: append([]string{}, p.ClientIDs...), ThumbprintList: append([]string{}, p.Thumbprints...), CreateDate: &p.Created, Tags: shownTags(p.Tags),
	}, nil
}

func (s *Service) listProviders(c *door.Call, r store.Reader, _ *api.ListOpenIDConnectProvidersRequest) (*api.ListOpenIDConnectProvidersResponse, error) {
	list := []*api.OpenIDConnectProviderListEntry{}
	for item, err := range oidcProviders.Scan(r, store.K(c.Account), nil) {
		if err != nil {
			return nil, err
		}
		list = append(list, &api.OpenIDConnectProviderListEntry{Arn: str(item.Value.arn())})
	}
	slices.SortFunc(list, func(a, b *api.OpenIDConnectProviderListEntry) int { return strings.Compare(*a.Arn, *b.Arn) })
	return &api.ListOpenIDConnectProvidersResponse{OpenIDConnectProviderList: list}, nil
}

// deleteProvider deletes a provider. Roles that trust it can no longer be taken;
// one that does not exist is no error
// (https://docs.aws.amazon.com/IAM/latest/APIReference/API_DeleteOpenIDConnectProvider.html).
func (s *Service) deleteProvider(c *door.Call, tx *store.Tx, in *api.DeleteOpenIDConnectProviderRequest) (*awsapi.None, error) {
	p, err := findProvider(tx, c.Account, awsapi.Val(in.OpenIDConnectProviderArn))
	if absent(err) {
		return &awsapi.None{}, nil
	}
	if err != nil {
		return nil, err
	}
	if err := countProviders(tx, c.Account, -1); err != nil {
		return nil, err
	}
	return &awsapi.None{}, oidcProviders.Delete(tx, store.K(p.Account, p.Address))
}

func (s *Service) addClientID(c *door.Call, tx *store.Tx, in *api.AddClientIDToOpenIDConnectProviderRequest) (*awsapi.None, error) {
	return changeProvider(c, tx, in.OpenIDConnectProviderArn, func(p *oidcProvider) error {
		p.ClientIDs = withClient(p.ClientIDs, awsapi.Val(in.ClientID))
		return checkClients(p.ClientIDs)
	})
}

func (s *Service) removeClientID(c *door.Call, tx *store.Tx, in *api.RemoveClientIDFromOpenIDConnectProviderRequest) (*awsapi.None, error) {
	return changeProvider(c, tx, in.OpenIDConnectProviderArn, func(p *oidcProvider) error {
		p.ClientIDs = slices.DeleteFunc(p.ClientIDs, func(id string) bool { return id == awsapi.Val(in.ClientID) })
		return nil
	})
}

func (s *Service) updateThumbprint(c *door.Call, tx *store.Tx, in *api.UpdateOpenIDConnectProviderThumbprintRequest) (*awsapi.None, error) {
	return changeProvider(c, tx, in.OpenIDConnectProviderArn, func(p *oidcProvider) (err error) {
		p.Thumbprints, err = newThumbprints(in.ThumbprintList)
		return err
	})
}

func changeProvider(c *door.Call, tx *store.Tx, arn *string, change func(*oidcProvider) error) (*awsapi.None, error) {
	p, err := findProvider(tx, c.Account, awsapi.Val(arn))
	if err != nil {
		return nil, err
	}
	if err := change(p); err != nil {
		return nil, err
	}
	return &awsapi.None{}, putProvider(tx, p)
}
