package organizations

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"cloister/internal/audit"
	"cloister/internal/awsapi"
	iamapi "cloister/internal/awsapi/iam"
	api "cloister/internal/awsapi/organizations"
	"cloister/internal/door"
	"cloister/internal/store"
	"cloister/policy"
)

// retryAfter is how long an account waits whose making failed for a reason that
// may pass.
const retryAfter = 10 * time.Second

// signal has Run look for accounts to make.
func (s *Service) signal() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// Run makes the accounts that were asked for, until ctx ends. What a stop of
// the node interrupts is taken up again at the next start: each step can be
// done twice.
func (s *Service) Run(ctx context.Context) {
	for {
		wait := make(<-chan time.Time)
		if err := s.Settle(ctx); err != nil && ctx.Err() == nil {
			slog.Error("an account could not be made yet", "error", err)
			wait = time.After(retryAfter)
		}
		select {
		case <-ctx.Done():
			return
		case <-s.wake:
		case <-wait:
		}
	}
}

// Settle makes all accounts that are waiting.
func (s *Service) Settle(ctx context.Context) error {
	var open []*creation
	err := s.db.View(ctx, func(r store.Reader) (err error) {
		open, err = all(creations.ScanIndex(r, "open", store.K(api.CreateAccountStateInProgress), nil))
		return err
	})
	for _, m := range open {
		err = errors.Join(err, s.activate(ctx, m))
	}
	return err
}

// activate makes one account: first the role by which its makers get in, then
// its place in the organisation, whose policies so never keep it from being made.
func (s *Service) activate(ctx context.Context, m *creation) error {
	reason := ""
	if err := s.makeRole(ctx, m); err != nil {
		var wire *awsapi.Error
		if !errors.As(err, &wire) || wire.Status >= 500 {
			return fmt.Errorf("account %s: %w", m.Account, err)
		}
		slog.Error("the role of a new account could not be made", "account", m.Account, "error", err)
		reason = api.CreateAccountFailureReasonInternalFailure
	}
	err := s.db.Update(ctx, func(tx *store.Tx) error { return s.complete(tx, m.Org, m.ID, reason) })
	if err != nil {
		return fmt.Errorf("account %s: %w", m.Account, err)
	}
	return s.audit.Healthy()
}

// root is the root user of an account that nobody can sign in to.
func root(account string) *door.Principal {
	return &door.Principal{Principal: policy.Principal{
		Kind: policy.PrincipalRoot, ARN: "arn:aws:iam::" + account + ":root", Account: account, UserID: account,
	}}
}

const administratorAccess = "arn:aws:iam::aws:policy/AdministratorAccess"

// makeRole makes the role that users of the management account can take to
// administer the new one
// (https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_accounts_access-cross-account-role.html).
func (s *Service) makeRole(ctx context.Context, m *creation) error {
	manager, err := s.managerOf(ctx, m.Org)
	if err != nil {
		return err
	}
	as := root(m.Account)
	_, err = door.Do(ctx, s.door, as, iamapi.OpCreateRole, &iamapi.CreateRoleRequest{
		RoleName:                 &m.Role,
		Description:              str("The organization's management account administers this account by it."),
		AssumeRolePolicyDocument: str(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::` + manager + `:root"},"Action":"sts:AssumeRole"}]}`),
	})
	var wire *awsapi.Error
	if err != nil && (!errors.As(err, &wire) || wire.Code != "EntityAlreadyExists") {
		return err
	}
	_, err = door.Do(ctx, s.door, as, iamapi.OpAttachRolePolicy, &iamapi.AttachRolePolicyRequest{RoleName: &m.Role, PolicyArn: str(administratorAccess)})
	return err
}

func (s *Service) managerOf(ctx context.Context, org string) (manager string, err error) {
	err = s.db.View(ctx, func(r store.Reader) error {
		o, err := organizations.Get(r, store.K(org))
		if err == nil {
			manager = o.Management
		}
		return err
	})
	return manager, err
}

// complete ends the making of an account, for good or with a reason why not. An
// event of AWS's log says the same: CreateAccountResult.
func (s *Service) complete(tx *store.Tx, org, id, reason string) error {
	m, err := creations.Get(tx, store.K(org, id))
	if err != nil {
		return err
	}
	if m.State != api.CreateAccountStateInProgress {
		return nil
	}
	a, err := accounts.Get(tx, store.K(m.Account))
	if err != nil {
		return err
	}
	now := s.now()
	m.State, m.Reason, m.Completed = api.CreateAccountStateSucceeded, reason, second(now)
	rec := &audit.Record{
		Time: now, EventSource: "organizations.amazonaws.com", EventName: "CreateAccountResult", Account: m.Account,
		Principal: audit.Principal{Type: "AWSService", Service: "organizations.amazonaws.com"}, Outcome: audit.Allowed,
	}
	if reason == "" {
		err = s.admit(tx, m, a, now)
	} else {
		m.State, a.State = api.CreateAccountStateFailed, accountFailed
		rec.Outcome, rec.ErrorCode = audit.Failed, reason
		err = a.put(tx)
	}
	if err != nil {
		return err
	}
	if err := m.put(tx); err != nil {
		return err
	}
	return s.audit.Stage(tx, rec)
}

// admit gives a new account its place in the organisation.
func (s *Service) admit(tx *store.Tx, m *creation, a *account, now time.Time) error {
	o, err := organizations.Get(tx, store.K(m.Org))
	if err != nil {
		return err
	}
	a.State = api.AccountStateActive
	return o.join(tx, a, api.AccountJoinedMethodCreated, m.Tags, now)
}
