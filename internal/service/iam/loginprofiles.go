package iam

import (
	"errors"
	"net/http"
	"time"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/iam"
	"cloister/internal/door"
	"cloister/internal/store"
	"cloister/policy"
)

// Passwords are hashed before the transaction that keeps them: hashing is slow
// on purpose.
func (s *Service) registerLoginProfiles(d *door.Door) {
	door.Act(d, api.OpCreateLoginProfile, on(userKind, "iam:CreateLoginProfile",
		func(in *api.CreateLoginProfileRequest) *string { return in.UserName }), s.createLoginProfile)
	door.Read(d, api.OpGetLoginProfile, on(userKind, "iam:GetLoginProfile",
		func(in *api.GetLoginProfileRequest) *string { return in.UserName }), s.getLoginProfile)
	door.Act(d, api.OpUpdateLoginProfile, on(userKind, "iam:UpdateLoginProfile",
		func(in *api.UpdateLoginProfileRequest) *string { return in.UserName }), s.updateLoginProfile)
	door.Write(d, api.OpDeleteLoginProfile, on(userKind, "iam:DeleteLoginProfile",
		func(in *api.DeleteLoginProfileRequest) *string { return in.UserName }), s.deleteLoginProfile)
	door.Act(d, api.OpChangePassword, onSelf("iam:ChangePassword",
		func(*api.ChangePasswordRequest) *string { return nil }), s.changePassword)
}

// loginOf reads a user's login profile, or gives NoSuchEntity.
func loginOf(r store.Reader, u *user) (*loginProfile, error) {
	p, err := loginProfiles.Get(r, store.K(u.Account, u.ID))
	if errors.Is(err, store.ErrNotFound) {
		return nil, noSuchEntity("Login Profile for User %s cannot be found.", u.Name)
	}
	return p, err
}

func findLogin(r store.Reader, account string, name *string) (*user, *loginProfile, error) {
	u, err := userKind.find(r, account, awsapi.Val(name))
	if err != nil {
		return nil, nil, err
	}
	p, err := loginOf(r, u)
	return u, p, err
}

func putLogin(tx *store.Tx, p *loginProfile) error {
	return loginProfiles.Put(tx, store.K(p.Account, p.UserID), p)
}

// acceptable gives PasswordPolicyViolation for a password that the account's
// policy does not take.
func acceptable(r store.Reader, account, text string) error {
	set, err := settingsOf(r, account)
	if err != nil {
		return err
	}
	return set.Passwords.accepts(text, account)
}

// set makes another password the user's, and keeps the old one to know it again.
func (p *loginProfile) set(to password, at time.Time) {
	earlier := append([]password{p.Password}, p.Earlier...)
	p.Earlier, p.Password, p.Changed = earlier[:min(len(earlier), passwordsKept)], to, second(at)
}

func (p *loginProfile) changed() time.Time {
	if p.Changed.IsZero() {
		return p.Created
	}
	return p.Changed
}

func (s *Service) createLoginProfile(c *door.Call, in *api.CreateLoginProfileRequest) (*api.CreateLoginProfileResponse, error) {
	hashed := newPassword(awsapi.Val(in.Password))
	var out *api.CreateLoginProfileResponse
	err := c.Commit(func(tx *store.Tx) error {
		u, err := userKind.find(tx, c.Account, awsapi.Val(in.UserName))
		if err != nil {
			return err
		}
		if _, err := loginOf(tx, u); !absent(err) {
			if err == nil {
				err = alreadyExists("Login Profile for user %s already exists.", u.Name)
			}
			return err
		}
		if err := acceptable(tx, u.Account, awsapi.Val(in.Password)); err != nil {
			return err
		}
		p := &loginProfile{
			Account: u.Account, UserID: u.ID, Password: hashed,
			Reset: awsapi.Val(in.PasswordResetRequired), Created: second(c.Time),
		}
		out = &api.CreateLoginProfileResponse{LoginProfile: describeLogin(u, p)}
		return putLogin(tx, p)
	})
	return out, err
}

func (s *Service) getLoginProfile(c *door.Call, r store.Reader, in *api.GetLoginProfileRequest) (*api.GetLoginProfileResponse, error) {
	u, p, err := findLogin(r, c.Account, in.UserName)
	if err != nil {
		return nil, err
	}
	return &api.GetLoginProfileResponse{LoginProfile: describeLogin(u, p)}, nil
}

func (s *Service) updateLoginProfile(c *door.Call, in *api.UpdateLoginProfileRequest) (*awsapi.None, error) {
	var hashed password
	if in.Password != nil {
		hashed = newPassword(*in.Password)
	}
	err := c.Commit(func(tx *store.Tx) error {
		_, p, err := findLogin(tx, c.Account, in.UserName)
		if err != nil {
			return err
		}
		if in.Password != nil {
			if err := acceptable(tx, p.Account, *in.Password); err != nil {
				return err
			}
			p.set(hashed, c.Time)
		}
		if in.PasswordResetRequired != nil {
			p.Reset = *in.PasswordResetRequired
		}
		return putLogin(tx, p)
	})
	return &awsapi.None{}, err
}

func (s *Service) deleteLoginProfile(c *door.Call, tx *store.Tx, in *api.DeleteLoginProfileRequest) (*awsapi.None, error) {
	_, p, err := findLogin(tx, c.Account, in.UserName)
	if err != nil {
		return nil, err
	}
	return &awsapi.None{}, loginProfiles.Delete(tx, store.K(p.Account, p.UserID))
}

// changePassword lets users change their own password, for which they must know
// it (https://docs.aws.amazon.com/IAM/latest/APIReference/API_ChangePassword.html).
func (s *Service) changePassword(c *door.Call, in *api.ChangePasswordRequest) (*awsapi.None, error) {
	if c.Principal.Kind != policy.PrincipalUser {
		return nil, awsapi.Errorf("InvalidUserType", "Only IAM users can change their own password with this call.")
	}
	was, err := s.known(c, in)
	if err != nil {
		return nil, err
	}
	hashed := newPassword(awsapi.Val(in.NewPassword))
	err = c.Commit(func(tx *store.Tx) error {
		_, p, err := findLogin(tx, c.Account, &c.Principal.Name)
		if err != nil {
			return err
		}
		if !p.Password.Hash.Equal(was.Password.Hash) {
			return changedMeanwhile()
		}
		if err := acceptable(tx, p.Account, awsapi.Val(in.NewPassword)); err != nil {
			return err
		}
		p.set(hashed, c.Time)
		p.Reset = false
		return putLogin(tx, p)
	})
	return &awsapi.None{}, err
}

// known reads the caller's login profile, of which the call gives the password,
// and refuses a new password that the account does not want to see again.
func (s *Service) known(c *door.Call, in *api.ChangePasswordRequest) (*loginProfile, error) {
	var p *loginProfile
	var set *settings
	err := c.View(func(r store.Reader) (err error) {
		if _, p, err = findLogin(r, c.Account, &c.Principal.Name); err != nil {
			return err
		}
		set, err = settingsOf(r, c.Account)
		return err
	})
	if err != nil {
		return nil, err
	}
	if !p.Password.is(awsapi.Val(in.OldPassword)) {
		return nil, accessDenied("The old password was incorrect.")
	}
	if set.Passwords != nil && p.seen(awsapi.Val(in.NewPassword), int(set.Passwords.NoReuse)) {
		return nil, passwordViolation("Password was used before and cannot be used again")
	}
	return p, nil
}

// seen reports whether a password is among the latest n, the present one
// included.
func (p *loginProfile) seen(text string, n int) bool {
	all := append([]password{p.Password}, p.Earlier...)
	for i := range all[:min(n, len(all))] {
		if all[i].is(text) {
			return true
		}
	}
	return false
}

func changedMeanwhile() *awsapi.Error {
	e := awsapi.Errorf("EntityTemporarilyUnmodifiable", "The login profile was changed by another call. Try again.")
	e.Status = http.StatusConflict
	return e
}

func describeLogin(u *user, p *loginProfile) *api.LoginProfile {
	return &api.LoginProfile{UserName: str(u.Name), CreateDate: &p.Created, PasswordResetRequired: &p.Reset}
}
