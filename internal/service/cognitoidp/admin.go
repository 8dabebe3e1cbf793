package cognitoidp

import (
	"strings"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/cognitoidp"
	"cloister/internal/door"
	"cloister/internal/store"
)

func (s *Service) registerAdmin(d *door.Door) {
	door.Act(d, api.OpAdminCreateUser, onPool("AdminCreateUser", func(in *api.AdminCreateUserRequest) *string { return in.UserPoolId }), s.adminCreate)
	door.Read(d, api.OpAdminGetUser, onPool("AdminGetUser", func(in *api.AdminGetUserRequest) *string { return in.UserPoolId }), s.adminGet)
	door.Read(d, api.OpListUsers, onPool("ListUsers", func(in *api.ListUsersRequest) *string { return in.UserPoolId }), s.listUsers)
	door.Act(d, api.OpAdminSetUserPassword, onPool("AdminSetUserPassword", func(in *api.AdminSetUserPasswordRequest) *string { return in.UserPoolId }), s.adminSetPassword)
	door.Act(d, api.OpAdminResetUserPassword, onPool("AdminResetUserPassword", func(in *api.AdminResetUserPasswordRequest) *string { return in.UserPoolId }), s.adminReset)
	door.Act(d, api.OpAdminConfirmSignUp, onPool("AdminConfirmSignUp", func(in *api.AdminConfirmSignUpRequest) *string { return in.UserPoolId }), s.adminConfirm)

	door.Write(d, api.OpAdminEnableUser, onPool("AdminEnableUser", func(in *api.AdminEnableUserRequest) *string { return in.UserPoolId }),
		func(c *door.Call, tx *store.Tx, in *api.AdminEnableUserRequest) (*api.AdminEnableUserResponse, error) {
			return &api.AdminEnableUserResponse{}, adminChange(c, tx, in.UserPoolId, in.Username, func(_ *pool, u *user) error {
				u.Enabled = true
				return nil
			})
		})
	door.Write(d, api.OpAdminDisableUser, onPool("AdminDisableUser", func(in *api.AdminDisableUserRequest) *string { return in.UserPoolId }),
		func(c *door.Call, tx *store.Tx, in *api.AdminDisableUserRequest) (*api.AdminDisableUserResponse, error) {
			return &api.AdminDisableUserResponse{}, adminChange(c, tx, in.UserPoolId, in.Username, func(_ *pool, u *user) error {
				u.Enabled = false
				return revokeAll(tx, u)
			})
		})
	door.Write(d, api.OpAdminDeleteUser, onPool("AdminDeleteUser", func(in *api.AdminDeleteUserRequest) *string { return in.UserPoolId }),
		func(c *door.Call, tx *store.Tx, in *api.AdminDeleteUserRequest) (*awsapi.None, error) {
			_, u, err := poolAndUser(c, tx, in.UserPoolId, in.Username)
			if err != nil {
				return nil, err
			}
			return &awsapi.None{}, removeUser(tx, u)
		})
	door.Write(d, api.OpAdminUpdateUserAttributes, onPool("AdminUpdateUserAttributes", func(in *api.AdminUpdateUserAttributesRequest) *string { return in.UserPoolId }),
		func(c *door.Call, tx *store.Tx, in *api.AdminUpdateUserAttributesRequest) (*api.AdminUpdateUserAttributesResponse, error) {
			given := pairs(in.UserAttributes)
			return &api.AdminUpdateUserAttributesResponse{}, adminChange(c, tx, in.UserPoolId, in.Username, func(p *pool, u *user) error {
				if err := p.checkAttributes(given, true, false); err != nil {
					return err
				}
				u.setAttributes(p, given)
				return p.checkRequired(u.Attributes)
			})
		})
	door.Write(d, api.OpAdminDeleteUserAttributes, onPool("AdminDeleteUserAttributes", func(in *api.AdminDeleteUserAttributesRequest) *string { return in.UserPoolId }),
		func(c *door.Call, tx *store.Tx, in *api.AdminDeleteUserAttributesRequest) (*api.AdminDeleteUserAttributesResponse, error) {
			gone := map[string]string{}
			for _, name := range in.UserAttributeNames {
				gone[name] = ""
			}
			return &api.AdminDeleteUserAttributesResponse{}, adminChange(c, tx, in.UserPoolId, in.Username, func(p *pool, u *user) error {
				if err := p.checkAttributes(gone, true, false); err != nil {
					return err
				}
				u.setAttributes(p, gone)
				return p.checkRequired(u.Attributes)
			})
		})
	door.Write(d, api.OpAdminUserGlobalSignOut, onPool("AdminUserGlobalSignOut", func(in *api.AdminUserGlobalSignOutRequest) *string { return in.UserPoolId }),
		func(c *door.Call, tx *store.Tx, in *api.AdminUserGlobalSignOutRequest) (*api.AdminUserGlobalSignOutResponse, error) {
			_, u, err := poolAndUser(c, tx, in.UserPoolId, in.Username)
			if err != nil {
				return nil, err
			}
			return &api.AdminUserGlobalSignOutResponse{}, revokeAll(tx, u)
		})
	door.Write(d, api.OpAdminSetUserMFAPreference, onPool("AdminSetUserMFAPreference", func(in *api.AdminSetUserMFAPreferenceRequest) *string { return in.UserPoolId }),
		func(c *door.Call, tx *store.Tx, in *api.AdminSetUserMFAPreferenceRequest) (*api.AdminSetUserMFAPreferenceResponse, error) {
			return &api.AdminSetUserMFAPreferenceResponse{}, adminChange(c, tx, in.UserPoolId, in.Username, func(_ *pool, u *user) error {
				return u.prefer(in.SMSMfaSettings, in.SoftwareTokenMfaSettings)
			})
		})
}

func poolAndUser(c *door.Call, r store.Reader, id, name *string) (*pool, *user, error) {
	p, err := poolOf(c, r, id)
	if err != nil {
		return nil, nil, err
	}
	u, err := userOf(r, p, name)
	return p, u, err
}

func adminChange(c *door.Call, tx *store.Tx, id, name *string, how func(p *pool, u *user) error) error {
	p, u, err := poolAndUser(c, tx, id, name)
	if err != nil {
		return err
	}
	if err := how(p, u); err != nil {
		return err
	}
	return p.put(tx, u, c.Time)
}

// forAdmin reads a pool and its user outside of a transaction.
func forAdmin(c *door.Call, id, name *string) (p *pool, u *user, err error) {
	err = c.View(func(r store.Reader) (err error) {
		p, u, err = poolAndUser(c, r, id, name)
		return err
	})
	return p, u, err
}

func (s *Service) adminCreate(c *door.Call, in *api.AdminCreateUserRequest) (*api.AdminCreateUserResponse, error) {
	if val(in.MessageAction) == "RESEND" {
		return s.inviteAgain(c, in)
	}
	var p *pool
	err := c.View(func(r store.Reader) (err error) {
		p, err = poolOf(c, r, in.UserPoolId)
		return err
	})
	if err != nil {
		return nil, err
	}
	attributes := pairs(in.UserAttributes)
	if err := p.checkAttributes(attributes, true, true); err != nil {
		return nil, err
	}
	u, err := p.newUser(val(in.Username), attributes, c.Time)
	if err != nil {
		return nil, err
	}
	u.Status = forceChange
	at := &attempt{s: s, c: c, p: p, admin: true}
	if err := at.taken(u, val(in.Username)); err != nil {
		return nil, err
	}
	if _, err := s.preSignUp(c, p, nil, u, "PreSignUp_AdminCreateUser", pairs(in.ValidationData), in.ClientMetadata); err != nil {
		return nil, err
	}
	out, err := s.invite(c, p, u, in, func(tx *store.Tx, u *user) error {
		if val(in.ForceAliasCreation) {
			if err := takeAliases(tx, p, u, c.Time); err != nil {
				return err
			}
		}
		return p.insert(tx, u)
	})
	return out, err
}

// invite gives a user a temporary password, and tells them unless that is not
// wanted.
func (s *Service) invite(c *door.Call, p *pool, u *user, in *api.AdminCreateUserRequest, keep func(tx *store.Tx, u *user) error) (*api.AdminCreateUserResponse, error) {
	text := val(in.TemporaryPassword)
	if text == "" {
		text = p.temporaryPassword()
	} else if err := p.accepts(text); err != nil {
		return nil, err
	}
	hashed, err := s.newPassword(c, p, u.Name, text, true, c.Time)
	if err != nil {
		return nil, err
	}
	u.Password = hashed
	var send []*delivery
	if val(in.MessageAction) != "SUPPRESS" {
		if send, err = inviteTo(u, in.DesiredDeliveryMediums); err != nil {
			return nil, err
		}
	}
	words, err := s.compose(c, p, nil, u, "CustomMessage_AdminCreateUser", p.invitation(), text, in.ClientMetadata)
	if err != nil {
		return nil, err
	}
	err = c.Commit(func(tx *store.Tx) error {
		if err := keep(tx, u); err != nil {
			return err
		}
		for _, to := range send {
			if err := p.send(tx, c.Time, to, words); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &api.AdminCreateUserResponse{User: u.shown()}, nil
}

func inviteTo(u *user, mediums []string) (to []*delivery, err error) {
	if len(mediums) == 0 {
		mediums = []string{"SMS"}
		if u.Attributes["phone_number"] == "" && u.Attributes["email"] != "" {
			mediums = []string{"EMAIL"}
		}
	}
	for _, medium := range mediums {
		name := map[string]string{"SMS": "phone_number", "EMAIL": "email"}[medium]
		if u.Attributes[name] == "" {
			return nil, awsapi.Errorf("InvalidParameterException", "User has no %s to send the invitation to: give one, or the MessageAction SUPPRESS.", name)
		}
		to = append(to, deliveryTo(u, name))
	}
	return to, nil
}

func (s *Service) inviteAgain(c *door.Call, in *api.AdminCreateUserRequest) (*api.AdminCreateUserResponse, error) {
	p, u, err := forAdmin(c, in.UserPoolId, in.Username)
	if err != nil {
		return nil, err
	}
	if u.Status != forceChange {
		return nil, awsapi.Errorf("UnsupportedUserStateException", "Resend not possible. %s status is not FORCE_CHANGE_PASSWORD", u.Name)
	}
	return s.invite(c, p, u, in, func(tx *store.Tx, fresh *user) error {
		return change(tx, p, u, c, func(u *user) error {
			u.Password = fresh.Password
			return nil
		})
	})
}

func (s *Service) adminGet(c *door.Call, r store.Reader, in *api.AdminGetUserRequest) (*api.AdminGetUserResponse, error) {
	_, u, err := poolAndUser(c, r, in.UserPoolId, in.Username)
	if err != nil {
		return nil, err
	}
	return &api.AdminGetUserResponse{
		Username: &u.Name, UserAttributes: u.attributes(), UserCreateDate: &u.Created, UserLastModifiedDate: &u.Modified, Enabled: &u.Enabled,
		UserStatus: &u.Status, PreferredMfaSetting: some(u.Preferred), UserMFASettingList: u.factors(),
	}, nil
}

func (s *Service) adminSetPassword(c *door.Call, in *api.AdminSetUserPasswordRequest) (*api.AdminSetUserPasswordResponse, error) {
	p, u, err := forAdmin(c, in.UserPoolId, in.Username)
	if err != nil {
		return nil, err
	}
	if u.Status == external {
		return nil, notAuthorized("User password cannot be set in the current state.")
	}
	if err := p.accepts(val(in.Password)); err != nil {
		return nil, err
	}
	hashed, err := s.newPassword(c, p, u.Name, *in.Password, !val(in.Permanent), c.Time)
	if err != nil {
		return nil, err
	}
	return &api.AdminSetUserPasswordResponse{}, c.Commit(func(tx *store.Tx) error {
		return change(tx, p, u, c, func(u *user) error {
			u.Password, u.Status = hashed, forceChange
			if val(in.Permanent) {
				u.Status = confirmed
			}
			delete(u.Codes, forPassword)
			return revokeAll(tx, u)
		})
	})
}

// adminReset takes a user's password away, and sends them a code for another.
func (s *Service) adminReset(c *door.Call, in *api.AdminResetUserPasswordRequest) (*api.AdminResetUserPasswordResponse, error) {
	p, u, err := forAdmin(c, in.UserPoolId, in.Username)
	if err != nil {
		return nil, err
	}
	if u.Status == unconfirmed || u.Status == forceChange || u.Status == external {
		return nil, notAuthorized("User password cannot be reset in the current state.")
	}
	to := p.recoveryFor(u)
	if to == nil {
		return nil, invalid("Cannot reset password for the user as there is no registered/verified email or phone_number")
	}
	at := &attempt{s: s, c: c, p: p, admin: true}
	return &api.AdminResetUserPasswordResponse{}, at.sendCode(u, forPassword, to, passwordCode, "CustomMessage_ForgotPassword", in.ClientMetadata, func(u *user) {
		u.Status = resetRequired
	})
}

func (s *Service) adminConfirm(c *door.Call, in *api.AdminConfirmSignUpRequest) (*api.AdminConfirmSignUpResponse, error) {
	p, u, err := forAdmin(c, in.UserPoolId, in.Username)
	if err != nil {
		return nil, err
	}
	err = c.Commit(func(tx *store.Tx) error {
		return change(tx, p, u, c, func(stored *user) error {
			if stored.Status != unconfirmed {
				return notAuthorized("User cannot be confirmed. Current status is %s", stored.Status)
			}
			stored.Status = confirmed
			delete(stored.Codes, forSignUp)
			*u = *stored
			return nil
		})
	})
	if err != nil {
		return nil, err
	}
	return &api.AdminConfirmSignUpResponse{}, s.postConfirmation(c, p, nil, u, "PostConfirmation_ConfirmSignUp", in.ClientMetadata)
}

func (s *Service) listUsers(c *door.Call, r store.Reader, in *api.ListUsersRequest) (*api.ListUsersResponse, error) {
	p, err := poolOf(c, r, in.UserPoolId)
	if err != nil {
		return nil, err
	}
	keep, err := parseFilter(val(in.Filter))
	if err != nil {
		return nil, err
	}
	after, err := parseToken(in.PaginationToken)
	if err != nil {
		return nil, err
	}
	for _, name := range in.AttributesToGet {
		if p.attribute(name) == nil {
			return nil, invalid("One or more requested attributes do not exist.")
		}
	}
	limit := or(in.Limit, 60)
	out := &api.ListUsersResponse{Users: []*api.UserType{}}
	if in.Limit != nil && limit == 0 {
		return out, nil
	}
	found, next, err := page(users.Scan(r, p.key(), after), limit, keep)
	if err != nil {
		return nil, err
	}
	out.PaginationToken = next
	for _, u := range found {
		shown := u.shown()
		if in.AttributesToGet != nil {
			shown.Attributes = only(shown.Attributes, in.AttributesToGet)
		}
		out.Users = append(out.Users, shown)
	}
	return out, nil
}

func only(all []*api.AttributeType, names []string) []*api.AttributeType {
	some := []*api.AttributeType{}
	for _, a := range all {
		if containsText(names, *a.Name) {
			some = append(some, a)
		}
	}
	return some
}

// searchable are the attributes that a filter may name
// (https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_ListUsers.html).
var searchable = []string{
	"username", "email", "phone_number", "name", "given_name", "family_name", "preferred_username", "cognito:user_status", "status", "sub",
}

// parseFilter reads a filter such as family_name = "Reddy" or email ^= "a". An
// empty one keeps everybody, which is nil.
func parseFilter(text string) (func(*user) bool, error) {
	if text == "" {
		return nil, nil
	}
	bad := invalid("Error while parsing filter.")
	rest := strings.TrimSpace(text)
	name := strings.TrimRight(rest[:strings.IndexAny(rest+"=", "=^")], " ")
	name = strings.Trim(name, `"`)
	i := strings.IndexAny(rest, "=^")
	if i < 0 {
		return nil, bad
	}
	rest = rest[i:]
	begins := strings.HasPrefix(rest, "^=")
	if !begins && !strings.HasPrefix(rest, "=") {
		return nil, bad
	}
	rest = strings.TrimSpace(strings.TrimPrefix(strings.TrimPrefix(rest, "^"), "="))
	if len(rest) < 2 || rest[0] != '"' || rest[len(rest)-1] != '"' {
		return nil, bad
	}
	value := strings.ReplaceAll(rest[1:len(rest)-1], `\"`, `"`)
	if !containsText(searchable, name) {
		return nil, invalid("Invalid search attribute: %s", name)
	}
	return func(u *user) bool {
		has := u.searched(name)
		if begins {
			return strings.HasPrefix(strings.ToLower(has), strings.ToLower(value))
		}
		return has == value || name == "email" && strings.EqualFold(has, value)
	}, nil
}

func (u *user) searched(name string) string {
	switch name {
	case "username":
		return u.Name
	case "sub":
		return u.Sub
	case "cognito:user_status":
		return u.Status
	case "status":
		if u.Enabled {
			return "Enabled"
		}
		return "Disabled"
	}
	return u.Attributes[name]
}
