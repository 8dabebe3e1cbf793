package iam

import (
	"errors"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/iam"
	"cloister/internal/door"
	"cloister/internal/store"
)

func (s *Service) registerPasswordPolicy(d *door.Door) {
	door.Read(d, api.OpGetAccountPasswordPolicy, everything[awsapi.None]("iam:GetAccountPasswordPolicy"), s.getAccountPasswordPolicy)
	door.Write(d, api.OpUpdateAccountPasswordPolicy,
		everything[api.UpdateAccountPasswordPolicyRequest]("iam:UpdateAccountPasswordPolicy"), s.updateAccountPasswordPolicy)
	door.Write(d, api.OpDeleteAccountPasswordPolicy, everything[awsapi.None]("iam:DeleteAccountPasswordPolicy"), s.deleteAccountPasswordPolicy)
}

func settingsOf(r store.Reader, account string) (*settings, error) {
	found, err := accountSettings.Get(r, store.K(account))
	if errors.Is(err, store.ErrNotFound) {
		return &settings{Account: account}, nil
	}
	return found, err
}

func putSettings(tx *store.Tx, s *settings) error {
	return accountSettings.Put(tx, store.K(s.Account), s)
}

func (s *Service) getAccountPasswordPolicy(c *door.Call, r store.Reader, _ *awsapi.None) (*api.GetAccountPasswordPolicyResponse, error) {
	set, err := settingsOf(r, c.Account)
	if err != nil {
		return nil, err
	}
	p := set.Passwords
	if p == nil {
		return nil, noSuchEntity("The Password Policy with domain name %s cannot be found.", c.Account)
	}
	shown := &api.PasswordPolicy{
		MinimumPasswordLength: &p.Length, RequireSymbols: &p.Symbols, RequireNumbers: &p.Numbers,
		RequireUppercaseCharacters: &p.Upper, RequireLowercaseCharacters: &p.Lower,
		AllowUsersToChangePassword: &p.AllowChange, ExpirePasswords: awsapi.Ptr(p.MaxAge > 0), HardExpiry: p.HardExpiry,
	}
	if p.MaxAge > 0 {
		shown.MaxPasswordAge = &p.MaxAge
	}
	if p.NoReuse > 0 {
		shown.PasswordReusePrevention = &p.NoReuse
	}
	return &api.GetAccountPasswordPolicyResponse{PasswordPolicy: shown}, nil
}

// updateAccountPasswordPolicy sets the whole policy: what is not given is the
// documented default, not what was
// (https://docs.aws.amazon.com/IAM/latest/APIReference/API_UpdateAccountPasswordPolicy.html).
func (s *Service) updateAccountPasswordPolicy(c *door.Call, tx *store.Tx, in *api.UpdateAccountPasswordPolicyRequest) (*awsapi.None, error) {
	set, err := settingsOf(tx, c.Account)
	if err != nil {
		return nil, err
	}
	p := &passwordPolicy{
		Length: 6, Symbols: awsapi.Val(in.RequireSymbols), Numbers: awsapi.Val(in.RequireNumbers),
		Upper: awsapi.Val(in.RequireUppercaseCharacters), Lower: awsapi.Val(in.RequireLowercaseCharacters),
		AllowChange: awsapi.Val(in.AllowUsersToChangePassword), MaxAge: awsapi.Val(in.MaxPasswordAge),
		NoReuse: awsapi.Val(in.PasswordReusePrevention), HardExpiry: in.HardExpiry,
	}
	if in.MinimumPasswordLength != nil {
		p.Length = *in.MinimumPasswordLength
	}
	set.Passwords = p
	return &awsapi.None{}, putSettings(tx, set)
}

func (s *Service) deleteAccountPasswordPolicy(c *door.Call, tx *store.Tx, _ *awsapi.None) (*awsapi.None, error) {
	set, err := settingsOf(tx, c.Account)
	if err != nil {
		return nil, err
	}
	if set.Passwords == nil {
		return nil, noSuchEntity("The account policy with name PasswordPolicy cannot be found.")
	}
	set.Passwords = nil
	return &awsapi.None{}, putSettings(tx, set)
}
