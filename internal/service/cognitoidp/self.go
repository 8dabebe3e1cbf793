package cognitoidp

import (
	"encoding/json"
	"strings"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/cognitoidp"
	"cloister/internal/door"
	"cloister/internal/seal"
	"cloister/internal/store"
	"cloister/policy"
)

// withToken is the authorisation of an operation on oneself: the access token in
// the input says who calls, and the pool lets its users do this to themselves.
func withToken[In any](s *Service, action string, token func(*In) *string) door.Auth[In] {
	return door.ByToken(func(c *door.Call, in *In) error {
		return s.identify(c, val(token(in)))
	}, func(c *door.Call, r store.Reader, in *In) ([]door.Need, error) {
		return s.ownNeed(c, r, action, val(token(in)))
	})
}

// identify finds out who holds an access token that opens operations on oneself.
func (s *Service) identify(c *door.Call, token string) error {
	var b *bearer
	err := c.View(func(r store.Reader) (err error) {
		b, err = s.bearerOf(r, token, c.Time)
		return err
	})
	if err != nil {
		return err
	}
	if !b.claims.has(adminScope) {
		return notAuthorized("Access Token does not have required scopes")
	}
	s.become(c, b)
	return nil
}

func (s *Service) become(c *door.Call, b *bearer) {
	c.Principal, c.Account, c.Region, c.Evidence = holderOf(b.p, b.client, b.u), b.p.Account, b.p.Region, b
}

// ownNeed looks at the token again, in the snapshot that decides.
func (s *Service) ownNeed(c *door.Call, r store.Reader, action, token string) ([]door.Need, error) {
	b, err := s.bearerOf(r, token, c.Time)
	if err != nil {
		return nil, err
	}
	c.Evidence = b
	return ownNeeds(c, b.p, action)
}

func ownNeeds(c *door.Call, p *pool, action string) ([]door.Need, error) {
	name := "cognito-idp:" + action
	text, err := json.Marshal(map[string]any{"Version": "2012-10-17", "Statement": map[string]any{
		"Effect": "Allow", "Principal": map[string]string{"Federated": c.Principal.Provider}, "Action": name, "Resource": p.arn(),
	}})
	if err != nil {
		return nil, err
	}
	own, err := policy.Parse(policy.KindResource, text)
	if err != nil {
		return nil, err
	}
	return []door.Need{{
		Action: name, Resource: p.arn(), Account: p.Account, ResourcePolicyRequired: true,
		ResourcePolicy: &policy.Named{Name: "users of the pool", Policy: own}, Refusal: "Not authorized",
	}}, nil
}

func bearerIn(c *door.Call) *bearer { return c.Evidence.(*bearer) }

func (s *Service) registerSelf(d *door.Door) {
	door.Read(d, api.OpGetUser, withToken(s, "GetUser", func(in *api.GetUserRequest) *string { return in.AccessToken }), s.getUser)
	door.Act(d, api.OpUpdateUserAttributes, withToken(s, "UpdateUserAttributes", func(in *api.UpdateUserAttributesRequest) *string { return in.AccessToken }), s.updateOwn)
	door.Write(d, api.OpDeleteUserAttributes, withToken(s, "DeleteUserAttributes", func(in *api.DeleteUserAttributesRequest) *string { return in.AccessToken }), s.deleteOwn)
	door.Act(d, api.OpGetUserAttributeVerificationCode, withToken(s, "GetUserAttributeVerificationCode", func(in *api.GetUserAttributeVerificationCodeRequest) *string { return in.AccessToken }), s.attributeCode)
	door.Act(d, api.OpVerifyUserAttribute, withToken(s, "VerifyUserAttribute", func(in *api.VerifyUserAttributeRequest) *string { return in.AccessToken }), s.verifyAttribute)
	door.Act(d, api.OpChangePassword, withToken(s, "ChangePassword", func(in *api.ChangePasswordRequest) *string { return in.AccessToken }), s.changePassword)
	door.Write(d, api.OpGlobalSignOut, withToken(s, "GlobalSignOut", func(in *api.GlobalSignOutRequest) *string { return in.AccessToken }), s.globalSignOut)
	door.Write(d, api.OpDeleteUser, withToken(s, "DeleteUser", func(in *api.DeleteUserRequest) *string { return in.AccessToken }), s.deleteSelf)
	door.Write(d, api.OpSetUserMFAPreference, withToken(s, "SetUserMFAPreference", func(in *api.SetUserMFAPreferenceRequest) *string { return in.AccessToken }), s.setOwnPreference)
	s.registerTOTP(d)
}

func (s *Service) getUser(c *door.Call, _ store.Reader, _ *api.GetUserRequest) (*api.GetUserResponse, error) {
	b := bearerIn(c)
	shown := []*api.AttributeType{}
	for _, a := range b.u.attributes() {
		if *a.Name == "sub" || b.client.mayRead(*a.Name) && !strings.HasPrefix(*a.Name, "dev:") {
			shown = append(shown, a)
		}
	}
	return &api.GetUserResponse{Username: &b.u.Name, UserAttributes: shown, PreferredMfaSetting: some(b.u.Preferred), UserMFASettingList: b.u.factors()}, nil
}

func (b *bearer) mayWrite(attributes map[string]string) error {
	for name := range attributes {
		if !b.client.mayWrite(name) {
			return notAuthorized("A client attempted to write unauthorized attribute")
		}
	}
	return b.p.checkAttributes(attributes, false, false)
}

func (b *bearer) attempt(s *Service, c *door.Call) *attempt {
	return &attempt{s: s, c: c, p: b.p, client: b.client}
}

// updateOwn changes attributes, and sends codes to those that the pool verifies.
func (s *Service) updateOwn(c *door.Call, in *api.UpdateUserAttributesRequest) (*api.UpdateUserAttributesResponse, error) {
	b := bearerIn(c)
	given := pairs(in.UserAttributes)
	if err := b.mayWrite(given); err != nil {
		return nil, err
	}
	type sending struct {
		to   *delivery
		code code
		text *message
	}
	var all []sending
	out := &api.UpdateUserAttributesResponse{CodeDeliveryDetailsList: []*api.CodeDeliveryDetailsType{}}
	for _, name := range []string{"email", "phone_number"} {
		value := given[name]
		if value == "" || value == b.u.Attributes[name] || !containsText(b.p.Spec.AutoVerifiedAttributes, name) {
			continue
		}
		if err := b.attempt(s, c).maySend(b.u.Key); err != nil {
			return nil, err
		}
		to := deliveryTo(&user{Attributes: given}, name)
		sent := newCode(name, c.Time.Add(attrCode))
		text, err := s.compose(c, b.p, b.client, b.u, "CustomMessage_UpdateUserAttribute", b.p.verification(), sent.Text, in.ClientMetadata)
		if err != nil {
			return nil, err
		}
		all = append(all, sending{to, sent, text})
		out.CodeDeliveryDetailsList = append(out.CodeDeliveryDetailsList, to.shown())
	}
	err := c.Commit(func(tx *store.Tx) error {
		u, err := users.Get(tx, b.u.key())
		if err != nil {
			return err
		}
		u.setAttributes(b.p, given)
		if err := b.p.checkRequired(u.Attributes); err != nil {
			return err
		}
		for _, one := range all {
			if u.Codes == nil {
				u.Codes = map[string]code{}
			}
			u.Codes[forAttr+one.to.attribute] = one.code
			if err := b.p.send(tx, c.Time, one.to, one.text); err != nil {
				return err
			}
		}
		return b.p.put(tx, u, c.Time)
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

func (s *Service) deleteOwn(c *door.Call, tx *store.Tx, in *api.DeleteUserAttributesRequest) (*api.DeleteUserAttributesResponse, error) {
	b := bearerIn(c)
	gone := map[string]string{}
	for _, name := range in.UserAttributeNames {
		gone[name] = ""
	}
	if err := b.mayWrite(gone); err != nil {
		return nil, err
	}
	return &api.DeleteUserAttributesResponse{}, change(tx, b.p, b.u, c, func(u *user) error {
		u.setAttributes(b.p, gone)
		return b.p.checkRequired(u.Attributes)
	})
}

// change changes a user who still is.
func change(tx *store.Tx, p *pool, seen *user, c *door.Call, how func(u *user) error) error {
	u, err := users.Get(tx, seen.key())
	if isMissing(err) || err == nil && u.Sub != seen.Sub {
		return noUser()
	}
	if err != nil {
		return err
	}
	if err := how(u); err != nil {
		return err
	}
	return p.put(tx, u, c.Time)
}

func (s *Service) attributeCode(c *door.Call, in *api.GetUserAttributeVerificationCodeRequest) (*api.GetUserAttributeVerificationCodeResponse, error) {
	b, name := bearerIn(c), val(in.AttributeName)
	if name != "email" && name != "phone_number" {
		return nil, invalid("Attribute %s is not one that can be verified.", name)
	}
	if b.u.Attributes[name] == "" {
		return nil, invalid("User has no attribute %s.", name)
	}
	at, to := b.attempt(s, c), deliveryTo(b.u, name)
	if err := at.maySend(b.u.Key); err != nil {
		return nil, err
	}
	err := at.sendCode(b.u, forAttr+name, to, attrCode, "CustomMessage_VerifyUserAttribute", in.ClientMetadata, nil)
	return &api.GetUserAttributeVerificationCodeResponse{CodeDeliveryDetails: to.shown()}, err
}

func (s *Service) verifyAttribute(c *door.Call, in *api.VerifyUserAttributeRequest) (*api.VerifyUserAttributeResponse, error) {
	b, name := bearerIn(c), val(in.AttributeName)
	purpose := forAttr + name
	if err := s.checkCode(c, b.p, b.u, purpose, val(in.Code)); err != nil {
		return nil, err
	}
	return &api.VerifyUserAttributeResponse{}, c.Commit(func(tx *store.Tx) error {
		return change(tx, b.p, b.u, c, func(u *user) error {
			if u.Codes[purpose].ID != b.u.Codes[purpose].ID || u.Attributes[name] == "" {
				return expiredCode()
			}
			delete(u.Codes, purpose)
			u.Attributes[name+"_verified"] = "true"
			return nil
		})
	})
}

// changePassword takes the old password, which is a guess like that of a sign-in.
func (s *Service) changePassword(c *door.Call, in *api.ChangePasswordRequest) (*api.ChangePasswordResponse, error) {
	b := bearerIn(c)
	at := b.attempt(s, c)
	who := at.guess(b.u, "")
	if !s.passwords.may(who, c.Subscriber(), c.Time) {
		return nil, limitExceeded("Attempt limit exceeded, please try after some time.")
	}
	right, err := s.isPassword(c, b.u.Password, val(in.PreviousPassword))
	if err != nil {
		return nil, err
	}
	if !right {
		return nil, badCredentials()
	}
	at.guessedRight(who)
	if err := b.p.accepts(val(in.ProposedPassword)); err != nil {
		return nil, err
	}
	hashed, err := s.newPassword(c, b.p, b.u.Name, *in.ProposedPassword, false, c.Time)
	if err != nil {
		return nil, err
	}
	return &api.ChangePasswordResponse{}, c.Commit(func(tx *store.Tx) error {
		return change(tx, b.p, b.u, c, func(u *user) error {
			if !samePassword(u, b.u) {
				return badCredentials()
			}
			u.Password = hashed
			return nil
		})
	})
}

func (s *Service) globalSignOut(c *door.Call, tx *store.Tx, _ *api.GlobalSignOutRequest) (*api.GlobalSignOutResponse, error) {
	return &api.GlobalSignOutResponse{}, revokeAll(tx, bearerIn(c).u)
}

func (s *Service) deleteSelf(c *door.Call, tx *store.Tx, _ *api.DeleteUserRequest) (*awsapi.None, error) {
	return &awsapi.None{}, removeUser(tx, bearerIn(c).u)
}

func removeUser(tx *store.Tx, u *user) error {
	if err := revokeAll(tx, u); err != nil {
		return err
	}
	return users.Delete(tx, u.key())
}

func (s *Service) setOwnPreference(c *door.Call, tx *store.Tx, in *api.SetUserMFAPreferenceRequest) (*api.SetUserMFAPreferenceResponse, error) {
	b := bearerIn(c)
	return &api.SetUserMFAPreferenceResponse{}, change(tx, b.p, b.u, c, func(u *user) error {
		return u.prefer(in.SMSMfaSettings, in.SoftwareTokenMfaSettings)
	})
}

// prefer sets which factors a user signs in with.
func (u *user) prefer(sms *api.SMSMfaSettingsType, totp *api.SoftwareTokenMfaSettingsType) error {
	if sms != nil && totp != nil && val(sms.PreferredMfa) && val(totp.PreferredMfa) {
		return invalid("Only one MFA type can be set as preferred.")
	}
	if sms != nil {
		if val(sms.Enabled) && u.Attributes["phone_number"] == "" {
			return invalid("User does not have delivery config set to turn on SOFTWARE_TOKEN_MFA/SMS_MFA")
		}
		u.SMSFactor = val(sms.Enabled)
		u.setPreferred(smsMFA, val(sms.Enabled), val(sms.PreferredMfa))
	}
	if totp != nil {
		if val(totp.Enabled) && (u.TOTP == nil || !u.TOTP.Verified) {
			return invalid("User has not verified software token mfa")
		}
		if u.TOTP != nil {
			u.TOTP.Enabled = val(totp.Enabled)
		}
		u.setPreferred(totpMFA, val(totp.Enabled), val(totp.PreferredMfa))
	}
	return nil
}

func (u *user) setPreferred(factor string, enabled, preferred bool) {
	switch {
	case enabled && preferred:
		u.Preferred = factor
	case u.Preferred == factor:
		u.Preferred = ""
	}
}

// holderOfSession is who sets up a device in the middle of signing in.
type holderOfSession struct {
	at *attempt
	u  *user
}

func (s *Service) registerTOTP(d *door.Door) {
	door.Act(d, api.OpAssociateSoftwareToken, door.ByToken(func(c *door.Call, in *api.AssociateSoftwareTokenRequest) error {
		return s.identifyEither(c, in.AccessToken, in.Session)
	}, func(c *door.Call, r store.Reader, in *api.AssociateSoftwareTokenRequest) ([]door.Need, error) {
		return s.needEither(c, r, "AssociateSoftwareToken", in.AccessToken)
	}), s.associate)
	door.Act(d, api.OpVerifySoftwareToken, door.ByToken(func(c *door.Call, in *api.VerifySoftwareTokenRequest) error {
		return s.identifyEither(c, in.AccessToken, in.Session)
	}, func(c *door.Call, r store.Reader, in *api.VerifySoftwareTokenRequest) ([]door.Need, error) {
		return s.needEither(c, r, "VerifySoftwareToken", in.AccessToken)
	}), s.verifySoftwareToken)
}

func (s *Service) identifyEither(c *door.Call, token, session *string) error {
	if token != nil {
		return s.identify(c, *token)
	}
	if session == nil {
		return invalid("Missing required parameter Session or AccessToken")
	}
	// A session says which client it is for only once it is open: its first part.
	clientID, sealed, ok := strings.Cut(*session, ".")
	if !ok {
		return notAuthorized("Invalid session for the user.")
	}
	cl, p := (*client)(nil), (*pool)(nil)
	err := c.View(func(r store.Reader) (err error) {
		cl, p, err = clientAndPool(r, clientID)
		return err
	})
	if isWire(err) {
		return notAuthorized("Invalid session for the user.")
	}
	if err != nil {
		return err
	}
	at := &attempt{s: s, c: c, p: p, client: cl}
	if err := at.resume(clientID+"."+sealed, mfaSetup); err != nil {
		return err
	}
	u, err := at.user()
	if err != nil {
		return err
	}
	if u == nil || !u.Enabled {
		return notAuthorized("Invalid session for the user.")
	}
	c.Principal, c.Account, c.Region, c.Evidence = holderOf(p, cl, u), p.Account, p.Region, &holderOfSession{at, u}
	return nil
}

func (s *Service) needEither(c *door.Call, r store.Reader, action string, token *string) ([]door.Need, error) {
	if token != nil {
		return s.ownNeed(c, r, action, *token)
	}
	return ownNeeds(c, c.Evidence.(*holderOfSession).at.p, action)
}

func (s *Service) associate(c *door.Call, _ *api.AssociateSoftwareTokenRequest) (*api.AssociateSoftwareTokenResponse, error) {
	seed := newSeed()
	if h, ok := c.Evidence.(*holderOfSession); ok {
		h.at.state.Seed, h.at.state.SeedOK = seed, false
		out, err := h.at.challenge(mfaSetup, nil)
		if err != nil {
			return nil, err
		}
		return &api.AssociateSoftwareTokenResponse{SecretCode: ptr(seedText(seed)), Session: out.Session}, nil
	}
	b := bearerIn(c)
	if !b.p.TOTP {
		return nil, awsapi.Errorf("SoftwareTokenMFANotFoundException", "Software Token MFA has not been enabled by the userPool")
	}
	err := c.Commit(func(tx *store.Tx) error {
		return change(tx, b.p, b.u, c, func(u *user) error {
			if u.TOTP == nil {
				u.TOTP = &totpDevice{}
			}
			u.TOTP.Pending = seal.NewSecret(seed)
			return nil
		})
	})
	if err != nil {
		return nil, err
	}
	return &api.AssociateSoftwareTokenResponse{SecretCode: ptr(seedText(seed))}, nil
}

func wrongDevice() error { return awsapi.Errorf("EnableSoftwareTokenMFAException", "Code mismatch") }

// seedShown takes the code that a device shows which is being set up.
func (at *attempt) seedShown(u *user, text, name string) error {
	who, err := at.factorGuess(u)
	if err != nil {
		return err
	}
	step, ok := int64(0), false
	if len(at.state.Seed) > 0 {
		step, ok = matchCode(seal.NewSecret(at.state.Seed), text, at.c.Time)
	}
	if !ok {
		at.s.codes.guessed(at.state.ID, at.c.Time)
		return wrongDevice()
	}
	at.s.codes.right(who, at.c.Subscriber(), at.c.Time)
	at.state.SeedOK, at.state.SeedStep, at.state.SeedName = true, step, name
	return nil
}

func (s *Service) verifySoftwareToken(c *door.Call, in *api.VerifySoftwareTokenRequest) (*api.VerifySoftwareTokenResponse, error) {
	if h, ok := c.Evidence.(*holderOfSession); ok {
		if err := h.at.seedShown(h.u, val(in.UserCode), val(in.FriendlyDeviceName)); err != nil {
			return nil, err
		}
		out, err := h.at.challenge(mfaSetup, nil)
		if err != nil {
			return nil, err
		}
		return &api.VerifySoftwareTokenResponse{Status: ptr("SUCCESS"), Session: out.Session}, nil
	}
	b := bearerIn(c)
	who := b.p.ID + "\x00" + b.u.Key + "\x00factor"
	if !s.codes.may(who, c.Subscriber(), c.Time) {
		return nil, limitExceeded("Attempt limit exceeded, please try after some time.")
	}
	if b.u.TOTP == nil || b.u.TOTP.Pending.Empty() {
		return nil, wrongDevice()
	}
	step, ok := matchCode(b.u.TOTP.Pending, val(in.UserCode), c.Time)
	if !ok {
		return nil, wrongDevice()
	}
	s.codes.right(who, c.Subscriber(), c.Time)
	err := c.Commit(func(tx *store.Tx) error {
		return change(tx, b.p, b.u, c, func(u *user) error {
			if u.TOTP == nil || !u.TOTP.Pending.Equal(b.u.TOTP.Pending) {
				return wrongDevice()
			}
			u.TOTP = newDevice(u.TOTP.Pending.Reveal(), step, val(in.FriendlyDeviceName))
			u.TOTP.Enabled = false // until the user asks for it
			return nil
		})
	})
	if err != nil {
		return nil, err
	}
	return &api.VerifySoftwareTokenResponse{Status: ptr("SUCCESS")}, nil
}
