package cognitoidp

import (
	"net/mail"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	api "cloister/internal/awsapi/cognitoidp"
)

// standardAttributes are what every pool has
// (https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-settings-attributes.html).
func standardAttributes() []*api.SchemaAttributeType {
	text := func(name, least, most string) *api.SchemaAttributeType {
		return &api.SchemaAttributeType{
			Name: &name, AttributeDataType: ptr("String"), DeveloperOnlyAttribute: ptr(false), Mutable: ptr(true), Required: ptr(false),
			StringAttributeConstraints: &api.StringAttributeConstraintsType{MinLength: &least, MaxLength: &most},
		}
	}
	flag := func(name string) *api.SchemaAttributeType {
		return &api.SchemaAttributeType{Name: &name, AttributeDataType: ptr("Boolean"), DeveloperOnlyAttribute: ptr(false), Mutable: ptr(true), Required: ptr(false)}
	}
	sub := text("sub", "1", "2048")
	sub.Mutable, sub.Required = ptr(false), ptr(true)
	all := []*api.SchemaAttributeType{sub}
	for _, name := range []string{"name", "given_name", "family_name", "middle_name", "nickname", "preferred_username", "profile", "picture", "website", "email"} {
		all = append(all, text(name, "0", "2048"))
	}
	all = append(all, flag("email_verified"), text("gender", "0", "2048"), text("birthdate", "10", "10"), text("zoneinfo", "0", "2048"),
		text("locale", "0", "2048"), text("phone_number", "0", "2048"), flag("phone_number_verified"), text("address", "0", "2048"),
		&api.SchemaAttributeType{
			Name: ptr("updated_at"), AttributeDataType: ptr("Number"), DeveloperOnlyAttribute: ptr(false), Mutable: ptr(true), Required: ptr(false),
			NumberAttributeConstraints: &api.NumberAttributeConstraintsType{MinValue: ptr("0")},
		})
	identities := text("identities", "", "")
	identities.StringAttributeConstraints = &api.StringAttributeConstraintsType{}
	return append(all, identities)
}

func isStandard(name string) bool {
	return slices.ContainsFunc(standardAttributes(), func(a *api.SchemaAttributeType) bool { return *a.Name == name })
}

const (
	mostAttributes  = 70 // with the standard ones: 50 custom
	customName      = 20
	mostTextOfOther = 2048
)

// addSchema adds what an owner says of attributes: other rules for standard
// ones if standard is set, and new ones.
func (p *pool) addSchema(given []*api.SchemaAttributeType, standard bool) error {
	for _, a := range given {
		name := val(a.Name)
		i := slices.IndexFunc(p.Spec.SchemaAttributes, func(s *api.SchemaAttributeType) bool { return *s.Name == name })
		if standard && i >= 0 && isStandard(name) {
			if err := changeStandard(p.Spec.SchemaAttributes[i], a); err != nil {
				return err
			}
			continue
		}
		if err := p.addCustom(a); err != nil {
			return err
		}
	}
	return nil
}

func changeStandard(s, a *api.SchemaAttributeType) error {
	name := *s.Name
	if a.AttributeDataType != nil && *a.AttributeDataType != *s.AttributeDataType || val(a.DeveloperOnlyAttribute) {
		return invalid("You can not change AttributeDataType or set developerOnlyAttribute for standard schema attribute %s", name)
	}
	if name == "sub" || name == "identities" {
		return nil
	}
	if a.StringAttributeConstraints != nil && s.StringAttributeConstraints != nil {
		if err := checkConstraints(name, a); err != nil {
			return err
		}
		s.StringAttributeConstraints = a.StringAttributeConstraints
	}
	if a.NumberAttributeConstraints != nil && s.NumberAttributeConstraints != nil {
		if err := checkConstraints(name, a); err != nil {
			return err
		}
		s.NumberAttributeConstraints = a.NumberAttributeConstraints
	}
	s.Required, s.Mutable = ptr(or(a.Required, *s.Required)), ptr(or(a.Mutable, *s.Mutable))
	return nil
}

var customPattern = regexp.MustCompile(`^[\p{L}\p{M}\p{S}\p{N}\p{P}]+$`)

func (p *pool) addCustom(a *api.SchemaAttributeType) error {
	base := val(a.Name)
	full := "custom:" + base
	if val(a.DeveloperOnlyAttribute) {
		full = "dev:custom:" + base
	}
	kind := or(a.AttributeDataType, "String")
	switch {
	case base == "" || utf8.RuneCountInString(base) > customName || !customPattern.MatchString(base):
		return invalid("1 validation error detected: Value '%s' at 'schema' failed to satisfy constraint: Member must have length less than or equal to 20", base)
	case val(a.Required):
		return invalid("Required custom attributes are not supported currently.")
	case slices.ContainsFunc(p.Spec.SchemaAttributes, func(s *api.SchemaAttributeType) bool { return *s.Name == full }):
		return invalid("%s: Existing attribute already has name %s.", full, full)
	case len(p.Spec.SchemaAttributes) >= mostAttributes:
		return limitExceeded("The number of custom attributes must be at most 50.")
	}
	if err := checkConstraints(full, a); err != nil {
		return err
	}
	one := &api.SchemaAttributeType{
		Name: &full, AttributeDataType: &kind, DeveloperOnlyAttribute: ptr(val(a.DeveloperOnlyAttribute)), Required: ptr(false), Mutable: ptr(or(a.Mutable, true)),
	}
	switch kind {
	case "String":
		if one.StringAttributeConstraints = a.StringAttributeConstraints; one.StringAttributeConstraints == nil {
			one.StringAttributeConstraints = &api.StringAttributeConstraintsType{}
		}
	case "Number":
		if one.NumberAttributeConstraints = a.NumberAttributeConstraints; one.NumberAttributeConstraints == nil {
			one.NumberAttributeConstraints = &api.NumberAttributeConstraintsType{}
		}
	}
	p.Spec.SchemaAttributes = append(p.Spec.SchemaAttributes, one)
	return nil
}

func checkConstraints(name string, a *api.SchemaAttributeType) error {
	if c := a.StringAttributeConstraints; c != nil {
		least, ok1 := bound(c.MinLength)
		most, ok2 := bound(c.MaxLength)
		switch {
		case !ok1 || !ok2 || least < 0 || most < 0:
			return invalid("Invalid StringAttributeConstraints for schema attribute %s", name)
		case most > mostTextOfOther:
			return invalid("user.%s: String attributes cannot have a length of more than 2048", name)
		case c.MinLength != nil && c.MaxLength != nil && least > most:
			return invalid("user.%s: Max length cannot be less than min length.", name)
		}
	}
	if c := a.NumberAttributeConstraints; c != nil {
		least, ok1 := bound(c.MinValue)
		most, ok2 := bound(c.MaxValue)
		switch {
		case !ok1 || !ok2:
			return invalid("Invalid NumberAttributeConstraints for schema attribute %s", name)
		case c.MinValue != nil && c.MaxValue != nil && least > most:
			return invalid("user.%s: Max value cannot be less than min value.", name)
		}
	}
	return nil
}

func bound(text *string) (int64, bool) {
	if text == nil || *text == "" {
		return 0, true
	}
	n, err := strconv.ParseInt(*text, 10, 64)
	return n, err == nil
}

// attribute finds what a pool says of an attribute, nil if it has none.
func (p *pool) attribute(name string) *api.SchemaAttributeType {
	for _, s := range p.Spec.SchemaAttributes {
		if *s.Name == name {
			return s
		}
	}
	return nil
}

var phonePattern = regexp.MustCompile(`^\+[0-9]{1,15}$`)

// checkAttributes refuses values that a pool's schema does not take. By an
// administrator's hand email_verified and its like may be set; fresh is set for
// a user who is being made.
func (p *pool) checkAttributes(given map[string]string, admin, fresh bool) error {
	var wrong []string
	for _, name := range keysOf(given) {
		s := p.attribute(name)
		switch {
		case s == nil:
			wrong = append(wrong, "user."+name+": Attribute does not exist in the schema.\n")
			continue
		case name == "sub" || name == "identities":
			return invalid("Cannot modify the non-mutable attribute %s", name)
		case !admin && (strings.HasSuffix(name, "_verified") || val(s.DeveloperOnlyAttribute)):
			return notAuthorized("A client attempted to write unauthorized attribute")
		case !fresh && !val(s.Mutable):
			return invalid("user.%s: Attribute cannot be updated.\n", name)
		}
		if err := checkValue(s, given[name]); err != nil {
			return err
		}
	}
	if len(wrong) > 0 {
		return invalid("Attributes did not conform to the schema: %s", strings.Join(wrong, ""))
	}
	return nil
}

// checkRequired refuses a user who lacks what the pool asks for.
func (p *pool) checkRequired(has map[string]string) error {
	var wrong []string
	for _, s := range p.Spec.SchemaAttributes {
		if _, ok := has[*s.Name]; val(s.Required) && !ok && *s.Name != "sub" {
			wrong = append(wrong, *s.Name+": The attribute is required")
		}
	}
	if len(wrong) > 0 {
		return invalid("Attributes did not conform to the schema: %s\n", strings.Join(wrong, "\n"))
	}
	return nil
}

func checkValue(s *api.SchemaAttributeType, value string) error {
	name := *s.Name
	switch {
	case len(value) > 2048:
		return invalid("1 validation error detected: Value at 'userAttributes' failed to satisfy constraint: Member must have length less than or equal to 2048")
	case value == "":
		return nil // takes the attribute away
	case name == "phone_number" && !phonePattern.MatchString(value):
		return invalid("Invalid phone number format.")
	case name == "email" && !isEmail(value):
		return invalid("Invalid email address format.")
	}
	bad := func(what string) error {
		return invalid("Attributes did not conform to the schema: %s: %s\n", name, what)
	}
	switch *s.AttributeDataType {
	case "Boolean":
		if value != "true" && value != "false" {
			return bad("Attribute value must be true or false")
		}
	case "Number":
		n, err := strconv.ParseInt(value, 10, 64)
		if err != nil {
			return bad("Attribute value is not a number")
		}
		if c := s.NumberAttributeConstraints; c != nil {
			least, _ := bound(c.MinValue)
			most, _ := bound(c.MaxValue)
			if val(c.MinValue) != "" && n < least || val(c.MaxValue) != "" && n > most {
				return bad("Attribute value is out of range")
			}
		}
	case "DateTime":
		if _, err := time.Parse(time.RFC3339, value); err != nil {
			return bad("Attribute value is no time of ISO 8601")
		}
	default:
		if c := s.StringAttributeConstraints; c != nil {
			least, _ := bound(c.MinLength)
			most, _ := bound(c.MaxLength)
			length := int64(utf8.RuneCountInString(value))
			if length < least {
				return bad("String must be at least " + strconv.FormatInt(least, 10) + " characters long")
			}
			if val(c.MaxLength) != "" && length > most {
				return bad("String must be at most " + strconv.FormatInt(most, 10) + " characters long")
			}
		}
	}
	return nil
}

// isEmail takes an address without a name around it, and nothing that could
// mean more in a message's header.
func isEmail(text string) bool {
	if strings.ContainsAny(text, "\r\n\t <>,;:\"()[]\\") {
		return false
	}
	a, err := mail.ParseAddress(text)
	return err == nil && a.Address == text && a.Name == ""
}

// pairs makes a map of the wire's list. The last of two with one name counts.
func pairs(list []*api.AttributeType) map[string]string {
	all := map[string]string{}
	for _, a := range list {
		all[val(a.Name)] = val(a.Value)
	}
	return all
}
