package cognitoidp

import (
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"time"

	"github.com/google/uuid"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/cognitoidp"
	"cloister/internal/store"
)

// findUser finds a user by name, alias or sub. The error wraps ErrNotFound.
func findUser(r store.Reader, p *pool, name string) (*user, error) {
	u, err := users.Get(r, store.K(p.ID, p.fold(name)))
	if !isMissing(err) {
		return u, err
	}
	for _, attribute := range aliasAttributes {
		found, err := users.Lookup(r, "alias", store.K(p.ID, attribute, foldAlias(p, attribute, name)))
		if err == nil {
			return found.Value, nil
		}
		if !isMissing(err) {
			return nil, err
		}
	}
	found, err := users.Lookup(r, "sub", store.K(p.ID, name))
	return found.Value, err
}

// userOf is findUser for callers who may know that there is no such user.
func userOf(r store.Reader, p *pool, name *string) (*user, error) {
	u, err := findUser(r, p, val(name))
	if isMissing(err) {
		return nil, noUser()
	}
	return u, err
}

var aliasAttributes = []string{"email", "phone_number", "preferred_username"}

// foldAlias is an alias as it is compared.
func foldAlias(p *pool, attribute, value string) string {
	if attribute == "preferred_username" {
		return p.fold(value)
	}
	if attribute == "email" && p.Spec.UsernameConfiguration == nil {
		return value
	}
	return p.fold(value)
}

// aliasesOf are the attributes by which a user signs in.
func (p *pool) aliasesOf(u *user) (all []attributeValue) {
	add := func(name string) {
		if value := u.Attributes[name]; value != "" {
			all = append(all, attributeValue{name, foldAlias(p, name, value)})
		}
	}
	if u.Status == external {
		return nil
	}
	for _, name := range p.Spec.UsernameAttributes {
		add(name)
	}
	for _, name := range p.Spec.AliasAttributes {
		if name == "preferred_username" || u.Attributes[name+"_verified"] == "true" {
			add(name)
		}
	}
	return all
}

// put stores a user. The error is UsernameExistsException or AliasExistsException
// when somebody else has its name or an alias.
func (p *pool) put(tx *store.Tx, u *user, at time.Time) error {
	u.Aliases, u.Modified = p.aliasesOf(u), at
	for _, a := range u.Aliases {
		if a.Attribute != "preferred_username" || a.Value == u.Key {
			continue
		}
		if _, err := users.Get(tx, store.K(p.ID, a.Value)); err == nil {
			return aliasExists(u) // it is somebody's name
		} else if !isMissing(err) {
			return err
		}
	}
	err := users.Put(tx, u.key(), u)
	if errors.Is(err, store.ErrExists) {
		return aliasExists(u)
	}
	return err
}

func aliasExists(u *user) error {
	for _, a := range u.Aliases {
		if a.Attribute != "email" {
			return awsapi.Errorf("AliasExistsException", "An account with the given %s already exists.", a.Attribute)
		}
	}
	return awsapi.Errorf("AliasExistsException", "An account with the email already exists.")
}

func usernameExists() error {
	return awsapi.Errorf("UsernameExistsException", "User already exists")
}

// insert stores a new user.
func (p *pool) insert(tx *store.Tx, u *user) error {
	if existing, err := users.Get(tx, u.key()); err == nil && existing != nil {
		return usernameExists()
	} else if !isMissing(err) {
		return err
	}
	if err := notAnothers(tx, p, u); err != nil {
		return err
	}
	u.Aliases, u.Modified = p.aliasesOf(u), u.Created
	if len(p.Spec.UsernameAttributes) > 0 {
		for _, a := range u.Aliases {
			_, err := users.Lookup(tx, "alias", store.K(p.ID, a.Attribute, a.Value))
			if err == nil {
				return awsapi.Errorf("UsernameExistsException", "An account with the given %s already exists.", a.Attribute)
			}
			if !isMissing(err) {
				return err
			}
		}
	}
	return p.put(tx, u, u.Created)
}

// notAnothers refuses a name by which somebody else is found: their sub, or the
// name that they prefer.
func notAnothers(tx *store.Tx, p *pool, u *user) error {
	for index, key := range map[string]store.Key{
		"sub": store.K(p.ID, u.Name), "alias": store.K(p.ID, "preferred_username", foldAlias(p, "preferred_username", u.Name)),
	} {
		found, err := users.Lookup(tx, index, key)
		if err == nil && found.Value.Sub != u.Sub {
			return usernameExists()
		}
		if err != nil && !isMissing(err) {
			return err
		}
	}
	return nil
}

// newUser makes a user who is not stored. Where users sign in by an attribute
// the name given is that attribute's value, and their own name is made up.
func (p *pool) newUser(name string, attributes map[string]string, at time.Time) (*user, error) {
	u := &user{Pool: p.ID, Sub: uuid.NewString(), Attributes: attributes, Enabled: true, Created: at}
	u.Name = name
	if len(p.Spec.UsernameAttributes) > 0 {
		attribute, err := p.usernameAttribute(name)
		if err != nil {
			return nil, err
		}
		if given, ok := attributes[attribute]; ok && given != name {
			return nil, invalid("Username and %s must be the same.", attribute)
		}
		u.Attributes[attribute], u.Name = name, u.Sub
	} else if err := p.checkName(name); err != nil {
		return nil, err
	}
	u.Key = p.fold(u.Name)
	for name, value := range u.Attributes {
		if value == "" {
			delete(u.Attributes, name)
		}
	}
	return u, nil
}

// checkName refuses a name that could be somebody's alias.
func (p *pool) checkName(name string) error {
	for _, attribute := range p.Spec.AliasAttributes {
		switch {
		case attribute == "email" && isEmail(name):
			return invalid("Username cannot be of email format, since user pool is configured for email alias.")
		case attribute == "phone_number" && phonePattern.MatchString(name):
			return invalid("Username cannot be of phone number format, since user pool is configured for phone number alias.")
		}
	}
	return nil
}

func (p *pool) usernameAttribute(name string) (string, error) {
	switch {
	case p.hasUsernameAttribute("email") && isEmail(name):
		return "email", nil
	case p.hasUsernameAttribute("phone_number") && phonePattern.MatchString(name):
		return "phone_number", nil
	case len(p.Spec.UsernameAttributes) == 1 && p.hasUsernameAttribute("email"):
		return "", invalid("Username should be an email.")
	case len(p.Spec.UsernameAttributes) == 1:
		return "", invalid("Username should be a phone number.")
	}
	return "", invalid("Username should be either an email or a phone number.")
}

// pretended is what strangers are told who a name that nobody has belongs to:
// always the same, as if there were somebody.
func (p *pool) pretended(name string) *user {
	u := &user{Pool: p.ID, Name: name, Enabled: true, Status: confirmed, Attributes: map[string]string{}}
	if len(p.Spec.UsernameAttributes) > 0 {
		id, _ := uuid.FromBytes(p.derive("name", name)[:16])
		id[6], id[8] = id[6]&0x0f|0x40, id[8]&0x3f|0x80
		u.Name = id.String()
	}
	return u
}

// derive makes bytes that are always the same for a name, and that tell nothing.
func (p *pool) derive(purpose, name string) []byte {
	m := hmac.New(sha256.New, p.Secret.Reveal())
	m.Write([]byte(purpose + "\x00" + p.fold(name)))
	return m.Sum(nil)
}

// attributes is the wire's list: sub first, then by name.
func (u *user) attributes() []*api.AttributeType {
	all := []*api.AttributeType{{Name: ptr("sub"), Value: &u.Sub}}
	for _, name := range keysOf(u.Attributes) {
		all = append(all, &api.AttributeType{Name: ptr(name), Value: ptr(u.Attributes[name])})
	}
	if text := u.identities(); text != "" {
		all = append(all, &api.AttributeType{Name: ptr("identities"), Value: &text})
	}
	return all
}

func (u *user) shown() *api.UserType {
	return &api.UserType{
		Username: &u.Name, Attributes: u.attributes(), UserCreateDate: &u.Created, UserLastModifiedDate: &u.Modified,
		Enabled: &u.Enabled, UserStatus: &u.Status,
	}
}

// factors are the second factors that a user has set up.
func (u *user) factors() (all []string) {
	if u.SMSFactor {
		all = append(all, smsMFA)
	}
	if u.TOTP != nil && u.TOTP.Verified && u.TOTP.Enabled {
		all = append(all, totpMFA)
	}
	return all
}

const (
	smsMFA  = "SMS_MFA"
	totpMFA = "SOFTWARE_TOKEN_MFA"
)

// setAttributes changes attributes; one that is changed and has to be verified
// is so no more.
func (u *user) setAttributes(p *pool, given map[string]string) {
	for _, name := range []string{"email", "phone_number"} {
		value, ok := given[name]
		if _, said := given[name+"_verified"]; ok && !said && value != u.Attributes[name] {
			delete(u.Attributes, name+"_verified")
			u.Attributes[name+"_verified"] = "false"
			delete(u.Codes, "attribute:"+name)
		}
		if ok && value == "" {
			delete(u.Attributes, name+"_verified")
		}
	}
	for name, value := range given {
		if value == "" {
			delete(u.Attributes, name)
		} else {
			u.Attributes[name] = value
		}
	}
}
