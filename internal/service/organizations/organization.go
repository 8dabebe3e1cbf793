package organizations

import (
	"errors"
	"time"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/organizations"
	"cloister/internal/door"
	"cloister/internal/store"
)

func (s *Service) registerOrganization(d *door.Door) {
	door.Write(d, api.OpCreateOrganization, on[api.CreateOrganizationRequest]("CreateOrganization"), s.createOrganization)
	door.Read(d, api.OpDescribeOrganization, on[awsapi.None]("DescribeOrganization"), s.describeOrganization)
	door.Write(d, api.OpDeleteOrganization, on[awsapi.None]("DeleteOrganization"), s.deleteOrganization)
}

// createOrganization makes the caller's account the management account of a new
// organisation
// (https://docs.aws.amazon.com/organizations/latest/APIReference/API_CreateOrganization.html).
// No policy type is enabled: that page says otherwise, and AWS does it like this,
// so that tools enable what they want.
func (s *Service) createOrganization(c *door.Call, tx *store.Tx, in *api.CreateOrganizationRequest) (*api.CreateOrganizationResponse, error) {
	a, err := accounts.Get(tx, store.K(c.Account))
	if errors.Is(err, store.ErrNotFound) { // the node's first account, as long as nobody asked
		a, err = &account{ID: c.Account, Name: c.Account, Email: placeholderEmail(c.Account), State: api.AccountStateActive, Created: second(c.Time)}, nil
	}
	if err != nil {
		return nil, err
	}
	if a.Org != "" {
		return nil, errAlreadyIn
	}
	o := &organization{ID: newID("o-", 10), Root: newID("r-", 4), Management: c.Account, Features: or(in.FeatureSet, api.OrganizationFeatureSetAll), Created: second(c.Time)}
	root := &target{Org: o.ID, ID: o.Root, Kind: api.TargetTypeRoot, Name: "Root"}
	if err := o.add(tx, root, c.Time); err != nil {
		return nil, err
	}
	if err := o.join(tx, a, api.AccountJoinedMethodInvited, nil, c.Time); err != nil {
		return nil, err
	}
	return &api.CreateOrganizationResponse{Organization: o.describe(a)}, o.put(tx)
}

// add puts a new target in the tree, with the policies that each has at first.
func (o *organization) add(tx *store.Tx, t *target, at time.Time) error {
	t.Policies, t.Created = map[string][]string{}, second(at)
	for _, kind := range o.Enabled {
		t.Policies[kind] = []string{fullAccess[kind].ID}
	}
	return targets.Insert(tx, store.K(t.Org, t.ID), t)
}

// join puts an account under the root.
func (o *organization) join(tx *store.Tx, a *account, method string, tags []Tag, at time.Time) error {
	a.Org, a.Method, a.Joined = o.ID, method, second(at)
	if err := a.put(tx); err != nil {
		return err
	}
	return o.add(tx, &target{Org: o.ID, ID: a.ID, Kind: api.TargetTypeAccount, Parent: o.Root, Tags: tags}, at)
}

func (s *Service) describeOrganization(c *door.Call, r store.Reader, _ *awsapi.None) (*api.DescribeOrganizationResponse, error) {
	o, err := orgOf(r, c.Account)
	if err != nil {
		return nil, err
	}
	manager, err := accounts.Get(r, store.K(o.Management))
	if err != nil {
		return nil, err
	}
	return &api.DescribeOrganizationResponse{Organization: o.describe(manager)}, nil
}

func (o *organization) describe(manager *account) *api.Organization {
	return &api.Organization{
		Id: &o.ID, Arn: str(o.arn()), FeatureSet: &o.Features, MasterAccountId: &o.Management,
		MasterAccountArn: str(o.at(o.Management)), MasterAccountEmail: &manager.Email,
		AvailablePolicyTypes: each(o.available(), enabledType),
	}
}

// available are the policy types that can be enabled in the organisation.
func (o *organization) available() []string {
	if o.Features != api.OrganizationFeatureSetAll {
		return []string{}
	}
	return policyTypes
}

func enabledType(kind string) *api.PolicyTypeSummary {
	return &api.PolicyTypeSummary{Type: &kind, Status: str(api.PolicyTypeStatusEnabled)}
}

// deleteOrganization deletes an organisation that has no member account any
// more, with its units and policies
// (https://docs.aws.amazon.com/organizations/latest/APIReference/API_DeleteOrganization.html).
func (s *Service) deleteOrganization(c *door.Call, tx *store.Tx, _ *awsapi.None) (*awsapi.None, error) {
	o, err := managed(c, tx)
	if err != nil {
		return nil, err
	}
	members, err := all(accounts.ScanIndex(tx, "org", store.K(o.ID), nil))
	if err != nil {
		return nil, err
	}
	made, err := all(creations.Scan(tx, store.K(o.ID), nil))
	if err != nil {
		return nil, err
	}
	for _, c := range made {
		if c.State == api.CreateAccountStateInProgress {
			return nil, errNotEmpty
		}
	}
	if len(members) > 1 {
		return nil, errNotEmpty
	}
	for _, a := range members {
		a.Org = ""
		if err := a.put(tx); err != nil {
			return nil, err
		}
	}
	for _, remove := range []func() error{
		func() error { return clear(tx, targets, o.ID) },
		func() error { return clear(tx, documents, o.ID) },
		func() error { return clear(tx, creations, o.ID) },
		func() error { return organizations.Delete(tx, store.K(o.ID)) },
	} {
		if err := remove(); err != nil {
			return nil, err
		}
	}
	return &awsapi.None{}, nil
}

// clear deletes the rows of an organisation.
func clear[T any](tx *store.Tx, rows *store.Collection[T], org string) error {
	var keys []store.Key
	for item, err := range rows.Scan(tx, store.K(org), nil) {
		if err != nil {
			return err
		}
		keys = append(keys, item.Key)
	}
	for _, key := range keys {
		if err := rows.Delete(tx, key); err != nil {
			return err
		}
	}
	return nil
}

// second is a time as answers carry it.
func second(t time.Time) time.Time { return t.UTC().Truncate(time.Second) }

func or(s *string, otherwise string) string {
	if s == nil {
		return otherwise
	}
	return *s
}
