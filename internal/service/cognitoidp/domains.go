package cognitoidp

import (
	"strings"

	api "cloister/internal/awsapi/cognitoidp"
	"cloister/internal/door"
	"cloister/internal/store"
)

func (s *Service) registerDomains(d *door.Door) {
	door.Write(d, api.OpCreateUserPoolDomain, onPool("CreateUserPoolDomain", func(in *api.CreateUserPoolDomainRequest) *string { return in.UserPoolId }), s.createDomain)
	door.Read(d, api.OpDescribeUserPoolDomain, onEvery[api.DescribeUserPoolDomainRequest]("DescribeUserPoolDomain"), s.describeDomain)
	door.Write(d, api.OpUpdateUserPoolDomain, onPool("UpdateUserPoolDomain", func(in *api.UpdateUserPoolDomainRequest) *string { return in.UserPoolId }), s.updateDomain)
	door.Write(d, api.OpDeleteUserPoolDomain, onPool("DeleteUserPoolDomain", func(in *api.DeleteUserPoolDomainRequest) *string { return in.UserPoolId }), s.deleteDomain)
}

func (s *Service) createDomain(c *door.Call, tx *store.Tx, in *api.CreateUserPoolDomainRequest) (*api.CreateUserPoolDomainResponse, error) {
	p, err := poolOf(c, tx, in.UserPoolId)
	if err != nil {
		return nil, err
	}
	name := val(in.Domain)
	if in.CustomDomainConfig != nil || strings.Contains(name, ".") {
		return nil, invalid("Custom domains are not available on this node: give a prefix, which is reached at PREFIX.auth.localhost and at /_aws/cognito/PREFIX of the node.")
	}
	for _, word := range []string{"aws", "amazon", "cognito"} {
		if strings.Contains(name, word) {
			return nil, invalid("Domain cannot contain reserved word: %s", word)
		}
	}
	if _, err := domains.Lookup(tx, "pool", p.key()); err == nil {
		return nil, invalid("User pool already has a domain configured.")
	} else if !isMissing(err) {
		return nil, err
	}
	if _, err := domains.Get(tx, store.K(name)); err == nil {
		return nil, invalid("Domain already associated with another user pool.")
	} else if !isMissing(err) {
		return nil, err
	}
	return &api.CreateUserPoolDomainResponse{}, domains.Insert(tx, store.K(name), &domain{Name: name, Pool: p.ID, Account: p.Account, Version: or(in.ManagedLoginVersion, 1)})
}

func (s *Service) describeDomain(c *door.Call, r store.Reader, in *api.DescribeUserPoolDomainRequest) (*api.DescribeUserPoolDomainResponse, error) {
	d, err := domains.Get(r, store.K(val(in.Domain)))
	if isMissing(err) || err == nil && d.Account != c.Account {
		return &api.DescribeUserPoolDomainResponse{DomainDescription: &api.DomainDescriptionType{}}, nil
	}
	if err != nil {
		return nil, err
	}
	return &api.DescribeUserPoolDomainResponse{DomainDescription: &api.DomainDescriptionType{
		Domain: &d.Name, UserPoolId: &d.Pool, AWSAccountId: &d.Account, Status: ptr("ACTIVE"), CustomDomainConfig: &api.CustomDomainConfigType{},
	}}, nil
}

func domainOf(c *door.Call, r store.Reader, id, name *string) (*domain, error) {
	p, err := poolOf(c, r, id)
	if err != nil {
		return nil, err
	}
	d, err := domains.Get(r, store.K(val(name)))
	if isMissing(err) || err == nil && d.Pool != p.ID {
		return nil, invalid("No such domain or user pool exists.")
	}
	return d, err
}

func (s *Service) updateDomain(c *door.Call, tx *store.Tx, in *api.UpdateUserPoolDomainRequest) (*api.UpdateUserPoolDomainResponse, error) {
	d, err := domainOf(c, tx, in.UserPoolId, in.Domain)
	if err != nil {
		return nil, err
	}
	d.Version = or(in.ManagedLoginVersion, d.Version)
	return &api.UpdateUserPoolDomainResponse{}, domains.Put(tx, store.K(d.Name), d)
}

func (s *Service) deleteDomain(c *door.Call, tx *store.Tx, in *api.DeleteUserPoolDomainRequest) (*api.DeleteUserPoolDomainResponse, error) {
	d, err := domainOf(c, tx, in.UserPoolId, in.Domain)
	if err != nil {
		return nil, err
	}
	return &api.DeleteUserPoolDomainResponse{}, domains.Delete(tx, store.K(d.Name))
}
