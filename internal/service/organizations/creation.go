package organizations

import (
	"errors"
	"slices"
	"strings"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/organizations"
	"cloister/internal/door"
	"cloister/internal/store"
)

const (
	// maxAccounts bounds the accounts of an organisation. AWS's 10 can be raised
	// on request, and here is nobody to ask.
	maxAccounts = 1000
	// accessRole is the role by which the management account gets into an
	// account that it has made, unless another name is asked for.
	accessRole = "OrganizationAccountAccessRole"
)

func (s *Service) registerCreation(d *door.Door) {
	door.Write(d, api.OpCreateAccount, on("CreateAccount",
		withTags(func(in *api.CreateAccountRequest) []*api.Tag { return in.Tags })), s.createAccount)
	door.Read(d, api.OpDescribeCreateAccountStatus, on[api.DescribeCreateAccountStatusRequest]("DescribeCreateAccountStatus"), s.describeCreation)
	door.Read(d, api.OpListCreateAccountStatus, on[api.ListCreateAccountStatusRequest]("ListCreateAccountStatus"), s.listCreations)
}

// createAccount begins to make an account; Run ends it. Until then the account
// is in no organisation
// (https://docs.aws.amazon.com/organizations/latest/APIReference/API_CreateAccount.html).
func (s *Service) createAccount(c *door.Call, tx *store.Tx, in *api.CreateAccountRequest) (*api.CreateAccountResponse, error) {
	o, err := managed(c, tx)
	if err != nil {
		return nil, err
	}
	tags, err := newTags(nil, in.Tags)
	if err != nil {
		return nil, err
	}
	role := or(in.RoleName, accessRole)
	if strings.HasPrefix(fold(role), "awsservicerolefor") {
		return nil, invalid("INVALID_ROLE_NAME", "You specified an invalid role name: it can't begin with the reserved prefix AWSServiceRoleFor.")
	}
	if err := o.roomForAccount(tx); err != nil {
		return nil, err
	}
	id, err := unusedAccountID(tx, s.first)
	if err != nil {
		return nil, err
	}
	made := &creation{
		ID: newID("car-", 32), Org: o.ID, Account: id, Name: val(in.AccountName), Email: val(in.Email), Role: role,
		Tags: tags, State: api.CreateAccountStateInProgress, Requested: second(c.Time),
	}
	taken, err := emailTaken(tx, made.Email)
	if err != nil {
		return nil, err
	}
	if taken {
		made.State, made.Reason, made.Completed = api.CreateAccountStateFailed, api.CreateAccountFailureReasonEmailAlreadyExists, made.Requested
		return &api.CreateAccountResponse{CreateAccountStatus: made.describe()}, made.put(tx)
	}
	tx.Defer(s.signal)
	a := &account{ID: id, Name: made.Name, Email: made.Email, State: api.AccountStatePendingActivation, Created: made.Requested}
	if err := accounts.Insert(tx, store.K(id), a); err != nil {
		return nil, err
	}
	return &api.CreateAccountResponse{CreateAccountStatus: made.describe()}, made.put(tx)
}

// roomForAccount refuses an account too many, those that are being made included.
func (o *organization) roomForAccount(r store.Reader) error {
	n := 0
	for item, err := range creations.Scan(r, store.K(o.ID), nil) {
		if err != nil {
			return err
		}
		if item.Value.State == api.CreateAccountStateInProgress {
			n++
		}
	}
	for _, err := range accounts.ScanIndex(r, "org", store.K(o.ID), nil) {
		if err != nil {
			return err
		}
		n++
	}
	if n >= maxAccounts {
		return constraint("ACCOUNT_NUMBER_LIMIT_EXCEEDED", "You have exceeded the allowed number of Amazon Web Services accounts: %d.", maxAccounts)
	}
	return nil
}

// unusedAccountID is a number that no account ever had.
func unusedAccountID(r store.Reader, first string) (string, error) {
	for {
		id := newAccountID()
		_, err := accounts.Get(r, store.K(id))
		switch {
		case err != nil && !errors.Is(err, store.ErrNotFound):
			return "", err
		case err != nil && id != first:
			return id, nil
		}
	}
}

func emailTaken(r store.Reader, email string) (bool, error) {
	for _, err := range accounts.ScanIndex(r, "email", store.K(fold(email)), nil) {
		return true, err
	}
	return false, nil
}

func (s *Service) describeCreation(c *door.Call, r store.Reader, in *api.DescribeCreateAccountStatusRequest) (*api.DescribeCreateAccountStatusResponse, error) {
	o, err := managed(c, r)
	if err != nil {
		return nil, err
	}
	made, err := creations.Get(r, store.K(o.ID, val(in.CreateAccountRequestId)))
	if made, err = orElse(made, err, errNoCreation); err != nil {
		return nil, err
	}
	return &api.DescribeCreateAccountStatusResponse{CreateAccountStatus: made.describe()}, nil
}

func (s *Service) listCreations(c *door.Call, r store.Reader, in *api.ListCreateAccountStatusRequest) (*api.ListCreateAccountStatusResponse, error) {
	o, err := managed(c, r)
	if err != nil {
		return nil, err
	}
	made, err := all(creations.Scan(r, store.K(o.ID), nil))
	if err != nil {
		return nil, err
	}
	made = slices.DeleteFunc(made, func(m *creation) bool { return len(in.States) > 0 && !slices.Contains(in.States, m.State) })
	slices.SortFunc(made, func(a, b *creation) int { return compare(a.ID, b.ID) })
	shown, next, err := page(made, func(m *creation) string { return m.ID }, in.NextToken, in.MaxResults)
	return &api.ListCreateAccountStatusResponse{CreateAccountStatuses: each(shown, (*creation).describe), NextToken: next}, err
}

func (m *creation) describe() *api.CreateAccountStatus {
	out := &api.CreateAccountStatus{Id: &m.ID, AccountName: &m.Name, State: &m.State, RequestedTimestamp: &m.Requested}
	if m.State == api.CreateAccountStateSucceeded {
		out.AccountId = &m.Account
	}
	if m.Reason != "" {
		out.FailureReason = &m.Reason
	}
	if !m.Completed.IsZero() {
		out.CompletedTimestamp = awsapi.Ptr(m.Completed)
	}
	return out
}
