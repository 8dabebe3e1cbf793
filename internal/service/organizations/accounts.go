package organizations

import (
	"slices"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/organizations"
	"cloister/internal/door"
	"cloister/internal/store"
)

func (s *Service) registerAccounts(d *door.Door) {
	door.Read(d, api.OpDescribeAccount, on("DescribeAccount",
		onTarget(func(in *api.DescribeAccountRequest) *string { return in.AccountId })), s.describeAccount)
	door.Read(d, api.OpListAccounts, on[api.ListAccountsRequest]("ListAccounts"), s.listAccounts)
	door.Read(d, api.OpListAccountsForParent, on("ListAccountsForParent",
		onTarget(func(in *api.ListAccountsForParentRequest) *string { return in.ParentId })), s.listAccountsForParent)
	door.Write(d, api.OpMoveAccount, on("MoveAccount",
		onTarget(func(in *api.MoveAccountRequest) *string { return in.AccountId }),
		onTarget(func(in *api.MoveAccountRequest) *string { return in.SourceParentId }),
		onTarget(func(in *api.MoveAccountRequest) *string { return in.DestinationParentId })), s.moveAccount)
	door.Write(d, api.OpCloseAccount, on("CloseAccount",
		onTarget(func(in *api.CloseAccountRequest) *string { return in.AccountId })), s.closeAccount)
	door.Write(d, api.OpRemoveAccountFromOrganization, on("RemoveAccountFromOrganization",
		onTarget(func(in *api.RemoveAccountFromOrganizationRequest) *string { return in.AccountId })), s.removeAccount)
}

// member finds an account of the organisation that the caller manages.
func member(c *door.Call, r store.Reader, id *string) (*organization, *account, error) {
	o, err := managed(c, r)
	if err != nil {
		return nil, nil, err
	}
	a, err := accounts.Get(r, store.K(val(id)))
	if err == nil && a.Org != o.ID {
		err = store.ErrNotFound
	}
	a, err = orElse(a, err, errNoAccount)
	return o, a, err
}

func (s *Service) describeAccount(c *door.Call, r store.Reader, in *api.DescribeAccountRequest) (*api.DescribeAccountResponse, error) {
	o, a, err := member(c, r, in.AccountId)
	if err != nil {
		return nil, err
	}
	return &api.DescribeAccountResponse{Account: o.describeAccount(a)}, nil
}

func (o *organization) describeAccount(a *account) *api.Account {
	status, state := a.State, a.State
	if state == api.AccountStateSuspended {
		state = api.AccountStateClosed
	}
	return &api.Account{
		Id: &a.ID, Arn: str(o.at(a.ID)), Email: &a.Email, Name: &a.Name, Status: &status, State: &state,
		JoinedMethod: &a.Method, JoinedTimestamp: &a.Joined,
	}
}

func (s *Service) listAccounts(c *door.Call, r store.Reader, in *api.ListAccountsRequest) (*api.ListAccountsResponse, error) {
	o, err := managed(c, r)
	if err != nil {
		return nil, err
	}
	members, err := all(accounts.ScanIndex(r, "org", store.K(o.ID), nil))
	if err != nil {
		return nil, err
	}
	slices.SortFunc(members, func(a, b *account) int { return compare(a.ID, b.ID) })
	shown, next, err := page(members, func(a *account) string { return a.ID }, in.NextToken, in.MaxResults)
	return &api.ListAccountsResponse{Accounts: each(shown, o.describeAccount), NextToken: next}, err
}

func (s *Service) listAccountsForParent(c *door.Call, r store.Reader, in *api.ListAccountsForParentRequest) (*api.ListAccountsForParentResponse, error) {
	o, below, err := childrenOf(c, r, in.ParentId, api.TargetTypeAccount)
	if err != nil {
		return nil, err
	}
	shown, next, err := page(below, targetID, in.NextToken, in.MaxResults)
	if err != nil {
		return nil, err
	}
	out := &api.ListAccountsForParentResponse{NextToken: next, Accounts: []*api.Account{}}
	for _, t := range shown {
		a, err := accounts.Get(r, store.K(t.ID))
		if err != nil {
			return nil, corrupt(err, t.ID)
		}
		out.Accounts = append(out.Accounts, o.describeAccount(a))
	}
	return out, nil
}

// moveAccount moves an account to another parent, whose policies bind it from
// then on
// (https://docs.aws.amazon.com/organizations/latest/APIReference/API_MoveAccount.html).
func (s *Service) moveAccount(c *door.Call, tx *store.Tx, in *api.MoveAccountRequest) (*awsapi.None, error) {
	o, a, err := member(c, tx, in.AccountId)
	if err != nil {
		return nil, err
	}
	t, err := o.target(tx, a.ID, errNoAccount)
	if err != nil {
		return nil, err
	}
	if t.Parent != val(in.SourceParentId) {
		return nil, errNoSource
	}
	to, err := o.target(tx, val(in.DestinationParentId), errNoDestination)
	if err != nil {
		return nil, err
	}
	if to.ID == t.Parent {
		return nil, errSamePlace
	}
	t.Parent = to.ID
	return &awsapi.None{}, t.put(tx)
}

// closeAccount closes an account: from then on it can call nothing, and nothing
// in it can be reached
// (https://docs.aws.amazon.com/organizations/latest/APIReference/API_CloseAccount.html).
func (s *Service) closeAccount(c *door.Call, tx *store.Tx, in *api.CloseAccountRequest) (*awsapi.None, error) {
	o, a, err := member(c, tx, in.AccountId)
	switch {
	case err != nil:
		return nil, err
	case a.ID == o.Management:
		return nil, constraint("CANNOT_CLOSE_MANAGEMENT_ACCOUNT", "You can't close the management account of an organization.")
	case o.Features != api.OrganizationFeatureSetAll:
		return nil, constraint("ORGANIZATION_NOT_IN_ALL_FEATURES_MODE", "You can close an account only when all features are enabled in the organization.")
	case a.State != api.AccountStateActive:
		return nil, errClosed
	}
	a.State = api.AccountStateSuspended
	return &awsapi.None{}, a.put(tx)
}

// removeAccount makes a member an account on its own, bound by no policy of the
// organisation
// (https://docs.aws.amazon.com/organizations/latest/APIReference/API_RemoveAccountFromOrganization.html).
func (s *Service) removeAccount(c *door.Call, tx *store.Tx, in *api.RemoveAccountFromOrganizationRequest) (*awsapi.None, error) {
	o, a, err := member(c, tx, in.AccountId)
	if err != nil {
		return nil, err
	}
	if a.ID == o.Management {
		return nil, errManagementStays
	}
	if err := targets.Delete(tx, store.K(o.ID, a.ID)); err != nil {
		return nil, err
	}
	a.Org = ""
	return &awsapi.None{}, a.put(tx)
}
