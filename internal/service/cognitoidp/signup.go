package cognitoidp

import (
	"time"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/cognitoidp"
	"cloister/internal/door"
	"cloister/internal/store"
)

func (s *Service) registerSignUp(d *door.Door) {
	door.Act(d, api.OpSignUp, door.Public[api.SignUpRequest](), s.signUp)
	door.Act(d, api.OpConfirmSignUp, door.Public[api.ConfirmSignUpRequest](), s.confirmSignUp)
	door.Act(d, api.OpResendConfirmationCode, door.Public[api.ResendConfirmationCodeRequest](), s.resendCode)
	door.Act(d, api.OpForgotPassword, door.Public[api.ForgotPasswordRequest](), s.forgotPassword)
	door.Act(d, api.OpConfirmForgotPassword, door.Public[api.ConfirmForgotPasswordRequest](), s.confirmForgotPassword)
}

func (s *Service) signUp(c *door.Call, in *api.SignUpRequest) (*api.SignUpResponse, error) {
	at, err := s.arrive(c, in.ClientId, nil)
	if err != nil {
		return nil, err
	}
	p, name := at.p, val(in.Username)
	if val(p.Spec.AdminCreateUserConfig.AllowAdminCreateUserOnly) {
		return nil, notAuthorized("SignUp is not permitted for this user pool")
	}
	if err := at.client.checkSecret(val(in.SecretHash), name); err != nil {
		return nil, err
	}
	if err := p.accepts(val(in.Password)); err != nil {
		return nil, err
	}
	attributes := pairs(in.UserAttributes)
	if err := at.mayWrite(attributes); err != nil {
		return nil, err
	}
	if err := p.checkAttributes(attributes, false, true); err != nil {
		return nil, err
	}
	u, err := p.newUser(name, attributes, c.Time)
	if err != nil {
		return nil, err
	}
	if err := p.checkRequired(u.Attributes); err != nil {
		return nil, err
	}
	u.Status = unconfirmed
	if err := at.taken(u, name); err != nil {
		return nil, err
	}
	answer, err := s.preSignUp(c, p, at.client, u, "PreSignUp_SignUp", pairs(in.ValidationData), in.ClientMetadata)
	if err != nil {
		return nil, err
	}
	if u.Password, err = s.newPassword(c, p, u.Name, *in.Password, false, c.Time); err != nil {
		return nil, err
	}
	to, text, err := at.prepareSignUp(u, answer, in.ClientMetadata)
	if err != nil {
		return nil, err
	}
	err = c.Commit(func(tx *store.Tx) error {
		if err := p.insert(tx, u); err != nil {
			return err
		}
		if to == nil {
			return nil
		}
		return p.send(tx, c.Time, to, text)
	})
	if err != nil {
		return nil, err
	}
	if u.Status == confirmed {
		if err := s.postConfirmation(c, p, at.client, u, "PostConfirmation_ConfirmSignUp", in.ClientMetadata); err != nil {
			return nil, err
		}
	}
	return &api.SignUpResponse{UserConfirmed: ptr(u.Status == confirmed), UserSub: &u.Sub, CodeDeliveryDetails: to.shown()}, nil
}

// taken refuses a name that somebody has before functions are asked. The
// transaction looks again.
func (at *attempt) taken(u *user, name string) error {
	return at.c.View(func(r store.Reader) error {
		_, err := users.Get(r, u.key())
		if err == nil {
			return usernameExists()
		}
		if !isMissing(err) {
			return err
		}
		for _, attribute := range at.p.Spec.UsernameAttributes {
			value := u.Attributes[attribute]
			if value == "" {
				continue
			}
			_, err := users.Lookup(r, "alias", store.K(at.p.ID, attribute, foldAlias(at.p, attribute, value)))
			if err == nil {
				return awsapi.Errorf("UsernameExistsException", "An account with the given %s already exists.", attribute)
			}
			if !isMissing(err) {
				return err
			}
		}
		return nil
	})
}

// prepareSignUp does to a new user what the function before it said, and words
// the message to one who is to confirm.
func (at *attempt) prepareSignUp(u *user, answer signUpAnswer, metadata map[string]string) (*delivery, *message, error) {
	if answer.AutoConfirmUser {
		u.Status = confirmed
	}
	for attribute, yes := range map[string]bool{"email": answer.AutoVerifyEmail, "phone_number": answer.AutoVerifyPhone} {
		if yes && u.Attributes[attribute] != "" {
			u.Attributes[attribute+"_verified"] = "true"
		}
	}
	to := at.p.deliveryFor(u)
	if u.Status == confirmed || to == nil {
		return nil, nil, nil
	}
	sent := newCode(to.attribute, at.c.Time.Add(signUpCode))
	u.Codes = map[string]code{forSignUp: sent}
	text, err := at.s.compose(at.c, at.p, at.client, u, "CustomMessage_SignUp", at.p.verification(), sent.Text, metadata)
	return to, text, err
}

func (s *Service) confirmSignUp(c *door.Call, in *api.ConfirmSignUpRequest) (*api.ConfirmSignUpResponse, error) {
	at, err := s.arrive(c, in.ClientId, nil)
	if err != nil {
		return nil, err
	}
	name := val(in.Username)
	if err := at.client.checkSecret(val(in.SecretHash), name); err != nil {
		return nil, err
	}
	u, err := at.find(name)
	if err != nil {
		return nil, err
	}
	if u == nil {
		return nil, at.noCode(name)
	}
	if u.Status != unconfirmed {
		return nil, notAuthorized("User cannot be confirmed. Current status is %s", u.Status)
	}
	if err := s.checkCode(c, at.p, u, forSignUp, val(in.ConfirmationCode)); err != nil {
		return nil, err
	}
	var after *user
	err = c.Commit(func(tx *store.Tx) error {
		stored, err := users.Get(tx, u.key())
		if err != nil {
			return err
		}
		if stored.Sub != u.Sub || stored.Codes[forSignUp].ID != u.Codes[forSignUp].ID {
			return expiredCode()
		}
		if attribute := stored.Codes[forSignUp].Attribute; attribute != "" {
			stored.Attributes[attribute+"_verified"] = "true"
		}
		delete(stored.Codes, forSignUp)
		stored.Status = confirmed
		if val(in.ForceAliasCreation) {
			if err := takeAliases(tx, at.p, stored, c.Time); err != nil {
				return err
			}
		}
		after = stored
		return at.p.put(tx, stored, c.Time)
	})
	if err != nil {
		return nil, err
	}
	return &api.ConfirmSignUpResponse{}, s.postConfirmation(c, at.p, at.client, after, "PostConfirmation_ConfirmSignUp", in.ClientMetadata)
}

// takeAliases takes the aliases that a user is to have away from whoever has
// them: the user has shown that they are theirs now.
func takeAliases(tx *store.Tx, p *pool, u *user, at time.Time) error {
	for _, a := range p.aliasesOf(u) {
		found, err := users.Lookup(tx, "alias", store.K(p.ID, a.Attribute, a.Value))
		if isMissing(err) || err == nil && found.Value.Key == u.Key {
			continue
		}
		if err != nil {
			return err
		}
		if a.Attribute == "preferred_username" || p.hasUsernameAttribute(a.Attribute) {
			return aliasExists(u)
		}
		found.Value.Attributes[a.Attribute+"_verified"] = "false"
		if err := p.put(tx, found.Value, at); err != nil {
			return err
		}
	}
	return nil
}

// noCode is the answer to a code for a name that nobody has, which costs a guess
// as any other.
func (at *attempt) noCode(name string) error {
	if !at.s.codes.may(at.p.ID+"\x00?"+at.p.fold(name), at.c.Subscriber(), at.c.Time) {
		return limitExceeded("Attempt limit exceeded, please try after some time.")
	}
	return expiredCode()
}

// pretendedDelivery is where strangers are told that a code went for a name that
// nobody has.
func (at *attempt) pretendedDelivery(name string) *api.CodeDeliveryDetailsType {
	b := at.p.derive("delivery", name)
	letter := func(b byte) string { return string("abcdefghijklmnopqrstuvwxyz"[int(b)%26]) + "***" }
	to := letter(b[0]) + "@" + letter(b[1])
	if isEmail(name) {
		to = masked(name)
	}
	return &api.CodeDeliveryDetailsType{AttributeName: ptr("email"), DeliveryMedium: ptr("EMAIL"), Destination: &to}
}

// maySend bounds how many messages one user gets, and one address asks for.
func (at *attempt) maySend(name string) error {
	address := at.c.Subscriber()
	trusted := at.s.passwords.knows(at.p.ID+"\x00"+at.p.fold(name), address)
	if !at.s.codes.mayFrom(at.p.ID+"\x00send\x00"+at.p.fold(name), address, at.c.Time, trusted) {
		return limitExceeded("Attempt limit exceeded, please try after some time.")
	}
	return nil
}

func (s *Service) resendCode(c *door.Call, in *api.ResendConfirmationCodeRequest) (*api.ResendConfirmationCodeResponse, error) {
	at, err := s.arrive(c, in.ClientId, nil)
	if err != nil {
		return nil, err
	}
	name := val(in.Username)
	if err := at.client.checkSecret(val(in.SecretHash), name); err != nil {
		return nil, err
	}
	if err := at.maySend(name); err != nil {
		return nil, err
	}
	u, err := at.find(name)
	if err != nil {
		return nil, err
	}
	if u == nil {
		return &api.ResendConfirmationCodeResponse{CodeDeliveryDetails: at.pretendedDelivery(name)}, nil
	}
	if u.Status != unconfirmed {
		return nil, invalid("User is already confirmed.")
	}
	to := at.p.deliveryFor(u)
	if to == nil {
		return nil, awsapi.Errorf("InvalidParameterException", "Auto verification not turned on.")
	}
	err = at.sendCode(u, forSignUp, to, signUpCode, "CustomMessage_ResendCode", in.ClientMetadata, nil)
	return &api.ResendConfirmationCodeResponse{CodeDeliveryDetails: to.shown()}, err
}

// sendCode gives a user a code and commits.
func (at *attempt) sendCode(u *user, purpose string, to *delivery, life time.Duration, source string, metadata map[string]string, change func(u *user)) error {
	sent := newCode(to.attribute, at.c.Time.Add(life))
	text, err := at.s.compose(at.c, at.p, at.client, u, source, at.p.verification(), sent.Text, metadata)
	if err != nil {
		return err
	}
	return at.flush(func(tx *store.Tx) error {
		stored, err := users.Get(tx, u.key())
		if isMissing(err) {
			return noUser()
		}
		if err != nil {
			return err
		}
		if stored.Codes == nil {
			stored.Codes = map[string]code{}
		}
		stored.Codes[purpose] = sent
		if change != nil {
			change(stored)
		}
		if err := users.Put(tx, stored.key(), stored); err != nil {
			return err
		}
		return at.p.send(tx, at.c.Time, to, text)
	})
}

func (s *Service) forgotPassword(c *door.Call, in *api.ForgotPasswordRequest) (*api.ForgotPasswordResponse, error) {
	at, err := s.arrive(c, in.ClientId, nil)
	if err != nil {
		return nil, err
	}
	name := val(in.Username)
	if err := at.client.checkSecret(val(in.SecretHash), name); err != nil {
		return nil, err
	}
	if err := at.maySend(name); err != nil {
		return nil, err
	}
	u, err := at.find(name)
	if err != nil {
		return nil, err
	}
	if u == nil && at.p.Spec.LambdaConfig.UserMigration != nil {
		if u, err = at.migrate(name, "", "UserMigration_ForgotPassword"); err != nil && !isCode(err, "NotAuthorizedException") {
			return nil, err
		}
	}
	if u == nil {
		return &api.ForgotPasswordResponse{CodeDeliveryDetails: at.pretendedDelivery(name)}, nil
	}
	to, err := at.mayForget(u)
	if err != nil {
		if at.client.hides() {
			return &api.ForgotPasswordResponse{CodeDeliveryDetails: at.pretendedDelivery(name)}, nil
		}
		return nil, err
	}
	err = at.sendCode(u, forPassword, to, passwordCode, "CustomMessage_ForgotPassword", in.ClientMetadata, nil)
	return &api.ForgotPasswordResponse{CodeDeliveryDetails: to.shown()}, err
}

// mayForget says where a code for a new password goes, if the user may have one.
func (at *attempt) mayForget(u *user) (*delivery, error) {
	switch {
	case !u.Enabled:
		return nil, notAuthorized("User is disabled.")
	case u.Status == forceChange || u.Status == external:
		return nil, notAuthorized("User password cannot be reset in the current state.")
	}
	to := at.p.recoveryFor(u)
	if to == nil {
		return nil, invalid("Cannot reset password for the user as there is no registered/verified email or phone_number")
	}
	return to, nil
}

func (s *Service) confirmForgotPassword(c *door.Call, in *api.ConfirmForgotPasswordRequest) (*api.ConfirmForgotPasswordResponse, error) {
	at, err := s.arrive(c, in.ClientId, nil)
	if err != nil {
		return nil, err
	}
	name := val(in.Username)
	if err := at.client.checkSecret(val(in.SecretHash), name); err != nil {
		return nil, err
	}
	if err := at.p.accepts(val(in.Password)); err != nil {
		return nil, err
	}
	u, err := at.find(name)
	if err != nil {
		return nil, err
	}
	if u == nil {
		return nil, at.noCode(name)
	}
	if err := s.checkCode(c, at.p, u, forPassword, val(in.ConfirmationCode)); err != nil {
		return nil, err
	}
	hashed, err := s.newPassword(c, at.p, u.Name, *in.Password, false, c.Time)
	if err != nil {
		return nil, err
	}
	err = c.Commit(func(tx *store.Tx) error {
		stored, err := users.Get(tx, u.key())
		if err != nil {
			return err
		}
		kept := stored.Codes[forPassword]
		if stored.Sub != u.Sub || kept.ID != u.Codes[forPassword].ID {
			return expiredCode()
		}
		delete(stored.Codes, forPassword)
		stored.Password = hashed
		if stored.Status == unconfirmed || stored.Status == resetRequired {
			stored.Status = confirmed
		}
		if kept.Attribute != "" && stored.Attributes[kept.Attribute] != "" {
			stored.Attributes[kept.Attribute+"_verified"] = "true"
		}
		if err := revokeAll(tx, stored); err != nil {
			return err
		}
		return at.p.put(tx, stored, c.Time)
	})
	if err != nil {
		return nil, err
	}
	return &api.ConfirmForgotPasswordResponse{}, s.postConfirmation(c, at.p, at.client, u, "PostConfirmation_ConfirmForgotPassword", in.ClientMetadata)
}
