package iam

import (
	"errors"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/iam"
	"cloister/internal/door"
	"cloister/internal/store"
)

func (s *Service) registerAliases(d *door.Door) {
	door.Write(d, api.OpCreateAccountAlias, everything[api.CreateAccountAliasRequest]("iam:CreateAccountAlias"), s.createAccountAlias)
	door.Write(d, api.OpDeleteAccountAlias, everything[api.DeleteAccountAliasRequest]("iam:DeleteAccountAlias"), s.deleteAccountAlias)
	door.Read(d, api.OpListAccountAliases, everything[api.ListAccountAliasesRequest]("iam:ListAccountAliases"), s.listAccountAliases)
}

// createAccountAlias gives the account its one alias, in place of any that it
// has. No two accounts have the same
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/console_account-alias.html).
func (s *Service) createAccountAlias(c *door.Call, tx *store.Tx, in *api.CreateAccountAliasRequest) (*awsapi.None, error) {
	alias := awsapi.Val(in.AccountAlias)
	_, err := accountSettings.Lookup(tx, "alias", store.K(alias))
	if err == nil {
		return nil, alreadyExists("The account alias %s already exists.", alias)
	}
	if !errors.Is(err, store.ErrNotFound) {
		return nil, err
	}
	set, err := settingsOf(tx, c.Account)
	if err != nil {
		return nil, err
	}
	set.Alias = alias
	return &awsapi.None{}, putSettings(tx, set)
}

func (s *Service) deleteAccountAlias(c *door.Call, tx *store.Tx, in *api.DeleteAccountAliasRequest) (*awsapi.None, error) {
	set, err := settingsOf(tx, c.Account)
	if err != nil {
		return nil, err
	}
	if set.Alias != awsapi.Val(in.AccountAlias) {
		return nil, noSuchEntity("The account alias %s cannot be found.", awsapi.Val(in.AccountAlias))
	}
	set.Alias = ""
	return &awsapi.None{}, putSettings(tx, set)
}

func (s *Service) listAccountAliases(c *door.Call, r store.Reader, in *api.ListAccountAliasesRequest) (*api.ListAccountAliasesResponse, error) {
	set, err := settingsOf(r, c.Account)
	if err != nil {
		return nil, err
	}
	all := []string{}
	if set.Alias != "" {
		all = append(all, set.Alias)
	}
	p, err := paginate(all, func(alias string) string { return alias }, in.Marker, in.MaxItems)
	return &api.ListAccountAliasesResponse{AccountAliases: p.items, IsTruncated: p.truncated, Marker: p.marker}, err
}
