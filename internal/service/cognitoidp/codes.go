package cognitoidp

import (
	"crypto/subtle"
	"strings"
	"time"

	api "cloister/internal/awsapi/cognitoidp"
	"cloister/internal/door"
	"cloister/internal/outbox"
	"cloister/internal/store"
)

// code is one that was sent to a user.
type code struct {
	Text, ID  string
	Expires   time.Time
	Attribute string // where it was sent, which it vouches for
}

// What codes are for, as they stand in a user's row.
const (
	forSignUp   = "sign-up"
	forPassword = "password"
	forAttr     = "attribute:" // and its name
)

// How long codes are good
// (https://docs.aws.amazon.com/cognito/latest/developerguide/limits.html).
const (
	signUpCode   = 24 * time.Hour
	passwordCode = time.Hour
	attrCode     = 24 * time.Hour
)

// guessesOfCode is how many wrong codes, from wherever they come, end a code.
const guessesOfCode = 20

func newCode(attribute string, expires time.Time) code {
	return code{Text: random(digits, 6), ID: random(mixedAlnum, 22), Expires: expires, Attribute: attribute}
}

// checkCode tells whether a code is a user's for a purpose. Wrong ones are
// counted: for the address that they come from, and for the code, which is worth
// nothing after some.
func (s *Service) checkCode(c *door.Call, p *pool, u *user, purpose, text string) error {
	kept, ok := u.Codes[purpose]
	who := p.ID + "\x00" + u.Key + "\x00" + purpose
	address := c.Subscriber()
	if !s.codes.mayFrom(who, address, c.Time, s.passwords.knows(p.ID+"\x00"+u.Key, address)) {
		return limitExceeded("Attempt limit exceeded, please try after some time.")
	}
	if !ok || !c.Time.Before(kept.Expires) {
		return expiredCode()
	}
	if s.codes.guesses(kept.ID) > guessesOfCode {
		return expiredCode()
	}
	if subtle.ConstantTimeCompare([]byte(kept.Text), []byte(text)) != 1 {
		s.codes.guessed(kept.ID, c.Time)
		return codeMismatch()
	}
	s.codes.right(who, address, c.Time)
	return nil
}

// guessed counts a wrong guess of one thing.
func (l *limiter) guessed(id string, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.forget(now)
	l.add(id, now, 1<<30)
}

// guesses is how many wrong ones there were.
func (l *limiter) guesses(id string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	if f := l.wrong[id]; f != nil {
		return f.count
	}
	return 0
}

// delivery is where a code goes.
type delivery struct{ attribute, channel, to string }

// deliveryFor chooses where to send a code to a user: to verify an attribute, or
// the first that the pool verifies by itself.
func (p *pool) deliveryFor(u *user) *delivery {
	for _, name := range []string{"phone_number", "email"} {
		if containsText(p.Spec.AutoVerifiedAttributes, name) && u.Attributes[name] != "" {
			return deliveryTo(u, name)
		}
	}
	return nil
}

func deliveryTo(u *user, attribute string) *delivery {
	channel := outbox.Email
	if attribute == "phone_number" {
		channel = outbox.SMS
	}
	return &delivery{attribute, channel, u.Attributes[attribute]}
}

// recoveryFor chooses where a code goes by which a password is set anew: to what
// is verified, in the pool's order.
func (p *pool) recoveryFor(u *user) *delivery {
	var best *delivery
	bestRank := int64(1 << 62)
	for _, option := range p.Spec.AccountRecoverySetting.RecoveryMechanisms {
		name, ok := strings.CutPrefix(val(option.Name), "verified_")
		if ok && u.Attributes[name] != "" && u.Attributes[name+"_verified"] == "true" && val(option.Priority) < bestRank {
			best, bestRank = deliveryTo(u, name), val(option.Priority)
		}
	}
	return best
}

// shown is what the caller is told: enough to know it again.
func (d *delivery) shown() *api.CodeDeliveryDetailsType {
	if d == nil {
		return nil
	}
	medium := "EMAIL"
	if d.channel == outbox.SMS {
		medium = "SMS"
	}
	return &api.CodeDeliveryDetailsType{AttributeName: &d.attribute, DeliveryMedium: &medium, Destination: ptr(masked(d.to))}
}

// masked hides most of an address or a number, as Cognito does.
func masked(to string) string {
	name, host, isMail := strings.Cut(to, "@")
	if !isMail {
		return "+" + strings.Repeat("*", max(len(to)-5, 3)) + to[max(len(to)-4, 0):]
	}
	initial := func(text string) string {
		for _, r := range text {
			return string(r) + "***"
		}
		return "***"
	}
	return initial(name) + "@" + initial(host)
}

func containsText(list []string, text string) bool {
	for _, one := range list {
		if one == text {
			return true
		}
	}
	return false
}

// message is what is sent. Placeholders are {####} for the code and {username}.
type message struct{ subject, email, sms string }

// send puts a message into the outbox.
func (p *pool) send(tx *store.Tx, at time.Time, d *delivery, m *message) error {
	one := &outbox.Message{
		Account: p.Account, Region: p.Region, Created: at, Source: p.arn(), Channel: d.channel, To: d.to, Body: m.sms,
	}
	if d.channel == outbox.Email {
		one.Subject, one.Body, one.HTML = m.subject, m.email, true
		if p.Spec.EmailConfiguration != nil {
			one.From = val(p.Spec.EmailConfiguration.From)
		}
	}
	return outbox.Add(tx, one)
}
