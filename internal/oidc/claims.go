package oidc

import (
	"errors"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4/json" // tells members apart by case, and takes none twice
)

// Claims are what an issuer says of a user (OpenID Connect Core, section 2).
type Claims struct {
	Issuer, Subject string
	Audience        []string
	AuthorizedParty string // azp, "" for none
	Methods         []string
	Email           string

	// In seconds since 1970; nil where the token does not say.
	Expires, Issued, NotBefore *float64

	all map[string]json.RawMessage
}

// readClaims reads the claims of a payload: a JSON object in which no member
// stands twice, and whose standard members have their types.
func readClaims(payload []byte) (Claims, error) {
	var c Claims
	if err := json.Unmarshal(payload, &c.all); err != nil || c.all == nil {
		return c, ErrMalformed
	}
	for name, into := range map[string]any{
		"iss": &c.Issuer, "sub": &c.Subject, "azp": &c.AuthorizedParty, "exp": &c.Expires, "iat": &c.Issued, "nbf": &c.NotBefore,
	} {
		if text, ok := c.all[name]; ok && json.Unmarshal(text, into) != nil {
			return c, ErrMalformed
		}
	}
	var ok bool
	if c.Audience, ok = c.Texts("aud"); !ok {
		return c, ErrMalformed
	}
	// These are not the protocol's to depend on: of another type they are absent.
	c.Methods, _ = c.Texts("amr")
	if email, ok := c.Texts("email"); ok && len(email) == 1 {
		c.Email = email[0]
	}
	return c, nil
}

// Texts gives the values of a claim that is a text or a list of them, and
// whether it is that; of one that is absent, none and true.
func (c *Claims) Texts(name string) (values []string, ok bool) {
	text, given := c.all[name]
	if !given {
		return nil, true
	}
	return readTexts(text)
}

func readTexts(text json.RawMessage) (values []string, ok bool) {
	var one string
	if json.Unmarshal(text, &one) == nil && !isNull(text) {
		return []string{one}, true
	}
	var list []*string
	if json.Unmarshal(text, &list) != nil || list == nil {
		return nil, false
	}
	for _, item := range list {
		if item == nil {
			return nil, false
		}
		values = append(values, *item)
	}
	return values, true
}

// Texts is a list of texts that may be written as one.
type Texts []string

// UnmarshalJSON implements json.Unmarshaler.
func (t *Texts) UnmarshalJSON(text []byte) error {
	values, ok := readTexts(text)
	if !ok {
		return ErrMalformed
	}
	*t = values
	return nil
}

func isNull(text json.RawMessage) bool { return strings.TrimSpace(string(text)) == "null" }

// Scalar gives a claim that is a text, a number or true or false, as text.
func (c *Claims) Scalar(name string) (string, bool) {
	text, given := c.all[name]
	if !given {
		return "", false
	}
	var value any
	if json.Unmarshal(text, &value) != nil {
		return "", false
	}
	switch value := value.(type) {
	case string:
		return value, true
	case float64, bool:
		return strings.TrimSpace(string(text)), true
	}
	return "", false
}

// Flat gives all claims as texts: numbers as they are written, lists in brackets
// with spaces between, as API Gateway hands claims to functions.
func (c *Claims) Flat() map[string]string {
	flat := make(map[string]string, len(c.all))
	for name, text := range c.all {
		if value, ok := c.Scalar(name); ok {
			flat[name] = value
		} else if values, ok := c.Texts(name); ok {
			flat[name] = "[" + strings.Join(values, " ") + "]"
		} else if !isNull(text) {
			flat[name] = string(text)
		}
	}
	return flat
}

// Object reads a claim into a Go value, false if it is not of that form. Of one
// that is absent nothing is read, and that is true.
func (c *Claims) Object(name string, into any) bool {
	text, given := c.all[name]
	return !given || json.Unmarshal(text, into) == nil
}

// Names lists the names of the claims that begin with a prefix.
func (c *Claims) Names(prefix string) (names []string) {
	for name := range c.all {
		if strings.HasPrefix(name, prefix) {
			names = append(names, name)
		}
	}
	return names
}

// Errors of CheckTime.
var (
	ErrExpired = errors.New("the token is expired")
	ErrNotYet  = errors.New("the token is not valid yet")
)

// CheckTime tells whether a token that says when it ends is valid at a time,
// give or take a leeway. Its error is ErrExpired or ErrNotYet.
func (c *Claims) CheckTime(now time.Time, leeway time.Duration) error {
	at, slack := float64(now.Unix()), leeway.Seconds()
	if c.Expires == nil || at > *c.Expires+slack {
		return ErrExpired
	}
	for _, begins := range []*float64{c.Issued, c.NotBefore} {
		if begins != nil && at+slack < *begins {
			return ErrNotYet
		}
	}
	return nil
}
