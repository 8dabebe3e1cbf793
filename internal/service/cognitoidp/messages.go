package cognitoidp

import (
	"html"
	"strings"

	"cloister/internal/door"
)

// The texts that a pool has unless its owner set others
// (https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-user-pool-settings-message-customizations.html).
const (
	verifySubject = "Your verification code"
	verifyEmail   = "Your confirmation code is {####}"
	verifySMS     = "Your confirmation code is {####}"
	inviteSubject = "Your temporary password"
	inviteEmail   = "Your username is {username} and temporary password is {####}."
	inviteSMS     = "Your username is {username} and temporary password is {####}."
	signInSMS     = "Your authentication code is {####}"
)

func orText(texts ...*string) string {
	for _, t := range texts {
		if val(t) != "" {
			return *t
		}
	}
	return ""
}

// verification is the message with a code of a pool's.
func (p *pool) verification() *message {
	t, spec := p.Spec.VerificationMessageTemplate, &p.Spec
	return &message{
		subject: orText(t.EmailSubject, spec.EmailVerificationSubject, ptr(verifySubject)),
		email:   orText(t.EmailMessage, spec.EmailVerificationMessage, ptr(verifyEmail)),
		sms:     orText(t.SmsMessage, spec.SmsVerificationMessage, ptr(verifySMS)),
	}
}

func (p *pool) invitation() *message {
	m := &message{inviteSubject, inviteEmail, inviteSMS}
	if t := p.Spec.AdminCreateUserConfig.InviteMessageTemplate; t != nil {
		m.subject, m.email, m.sms = orText(t.EmailSubject, &m.subject), orText(t.EmailMessage, &m.email), orText(t.SMSMessage, &m.sms)
	}
	return m
}

func (p *pool) authentication() *message {
	m := &message{verifySubject, signInSMS, orText(p.Spec.SmsAuthenticationMessage, ptr(signInSMS))}
	if p.SMS != nil && p.SMS.SmsConfiguration != nil {
		m.sms = orText(p.SMS.SmsAuthenticationMessage, &m.sms)
	}
	return m
}

// compose asks the function that words messages, if there is one, and fills in
// the code and the name.
func (s *Service) compose(c *door.Call, p *pool, cl *client, u *user, source string, m *message, secret string, metadata map[string]string) (*message, error) {
	if p.Spec.LambdaConfig.CustomMessage != nil {
		more := map[string]any{"codeParameter": "{####}", "linkParameter": "{##Click Here##}", "usernameParameter": nil}
		if source == "CustomMessage_AdminCreateUser" {
			more["usernameParameter"] = "{username}"
		}
		var answer struct {
			SMS     *string `json:"smsMessage"`
			Email   *string `json:"emailMessage"`
			Subject *string `json:"emailSubject"`
		}
		if err := s.trigger(c, p, p.Spec.LambdaConfig.CustomMessage, "CustomMessage", eventFor(source, cl, u, metadata, more), &answer); err != nil {
			return nil, err
		}
		own := &message{orText(answer.Subject, &m.subject), orText(answer.Email, &m.email), orText(answer.SMS, &m.sms)}
		if !strings.Contains(own.email, "{####}") {
			own.email = m.email
		}
		if !strings.Contains(own.sms, "{####}") {
			own.sms = m.sms
		}
		m = own
	}
	name := u.Name
	if len(p.Spec.UsernameAttributes) > 0 {
		name = orText(some(u.Attributes["email"]), some(u.Attributes["phone_number"]), &name)
	}
	plain := strings.NewReplacer("{####}", secret, "{username}", name)
	marked := strings.NewReplacer("{####}", html.EscapeString(secret), "{username}", html.EscapeString(name))
	return &message{oneLine(m.subject), marked.Replace(m.email), plain.Replace(m.sms)}, nil
}

// oneLine has a subject be no more than one line of a header.
func oneLine(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, text)
}
