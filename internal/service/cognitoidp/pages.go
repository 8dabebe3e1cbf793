package cognitoidp

import (
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"html/template"
	"net/http"
	"net/url"
	"strings"
	"time"

	"cloister/internal/awsapi/cognitoidp"
	"cloister/internal/door"
)

// style is all that pages have beside text. Its hash is in their policy.
const style = `body{font-family:sans-serif;max-width:22rem;margin:4rem auto;padding:0 1rem}label,input,button,a{display:block;width:100%;box-sizing:border-box;margin:.4rem 0}input,button{padding:.5rem;font-size:1rem}label input[type=radio]{display:inline;width:auto}.bad{color:#a00}`

var pageTemplate = template.Must(template.New("page").Parse(`<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{{.Title}}</title><style>` + style + `</style></head>
<body><h1>{{.Title}}</h1>
{{if .Problem}}<p class="bad" role="alert">{{.Problem}}</p>{{end}}{{if .Text}}<p>{{.Text}}</p>{{end}}
{{if .Secret}}<p>Key for your authenticator app: <code>{{.Secret}}</code></p>{{end}}
{{if .Action}}<form method="post" action="{{.Action}}" autocomplete="on">
<input type="hidden" name="_csrf" value="{{.Token}}">
{{if .Session}}<input type="hidden" name="session" value="{{.Session}}"><input type="hidden" name="challenge" value="{{.Challenge}}"><input type="hidden" name="username" value="{{.Username}}">{{end}}
{{range .Fields}}<label>{{.Label}} <input name="{{.Name}}" type="{{.Type}}" value="{{.Value}}" autocomplete="{{.Complete}}" required></label>
{{end}}<button type="submit">{{.Button}}</button></form>{{end}}
{{range .Links}}<a href="{{.Address}}">{{.Label}}</a>
{{end}}</body></html>
`))

type pageField struct{ Label, Name, Type, Value, Complete string }

type pageLink struct {
	Label   string
	Address string
}

// page is what a page shows.
type pageContent struct {
	Title, Text, Problem, Secret string
	Action, Token                string
	Session, Challenge, Username string
	Fields                       []pageField
	Button                       string
	Links                        []pageLink
}

// render writes a page. Forms go to this origin, and what answers them may send
// the browser on to the client's, which browsers count as the form's target.
func (p *pageContent) render(status int, onward string) *answer {
	var b bytes.Buffer
	if err := pageTemplate.Execute(&b, p); err != nil {
		return &answer{status: http.StatusInternalServerError}
	}
	sum := sha256.Sum256([]byte(style))
	action := "'none'"
	if p.Action != "" {
		action = "'self' " + onward
	}
	return &answer{status, http.Header{
		"Content-Type": {"text/html; charset=utf-8"},
		"Content-Security-Policy": {"default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) +
			"'; form-action " + strings.TrimSpace(action) + "; frame-ancestors 'none'; base-uri 'none'"},
	}, b.Bytes()}
}

func errorPage(status int, why string) *answer {
	return (&pageContent{Title: "This did not work", Problem: why}).render(status, "")
}

// originOf is the part of an address that a content security policy names.
func originOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	if u.Scheme == "http" || u.Scheme == "https" {
		return u.Scheme + "://" + u.Host
	}
	return u.Scheme + ":"
}

const (
	csrfCookie = "XSRF-TOKEN"
	csrfTable  = "cognitoidp form"
	formLife   = time.Hour
)

// formToken ties a form to the browser that it was given to, and to what is
// asked for.
type formToken struct {
	Cookie, Query string
	Issued        time.Time
}

// show renders a page with a form, and gives the browser the cookie that goes
// with it.
func (s *Service) show(c *door.Call, x *exchange, a *asking, p *pageContent, status int) (*answer, error) {
	cookie := x.cookies[csrfCookie]
	fresh := len(cookie) != 43
	if fresh {
		cookie = random(mixedAlnum, 43)
	}
	token, err := s.sealFor(csrfTable, a.client.ID, formToken{cookie, a.query().Encode(), c.Time})
	if err != nil {
		return nil, err
	}
	p.Token, p.Action = token, x.base+"/login?"+a.query().Encode()
	out := p.render(status, originOf(a.redirect))
	set := http.Cookie{Name: csrfCookie, Value: cookie, Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode, Secure: x.r.TLS != nil}
	out.header.Set("Set-Cookie", set.String())
	return out, nil
}

// isOurs tells whether a form was given to this browser, for this.
func (s *Service) isOurs(c *door.Call, x *exchange, a *asking) bool {
	var t formToken
	if s.openFor(csrfTable, a.client.ID, x.form.Get("_csrf"), &t) != nil {
		return false
	}
	return len(t.Cookie) == 43 && subtle.ConstantTimeCompare([]byte(t.Cookie), []byte(x.cookies[csrfCookie])) == 1 &&
		t.Query == a.query().Encode() && c.Time.Before(t.Issued.Add(formLife))
}

func (s *Service) loginPage(c *door.Call, x *exchange) (*answer, error) {
	a, err := s.readAsking(c, x, x.query)
	if err != nil {
		return nil, err
	}
	return s.show(c, x, a, s.signInPage(x, a, ""), http.StatusOK)
}

func (s *Service) signInPage(x *exchange, a *asking, problem string) *pageContent {
	p := &pageContent{Title: "Sign in", Problem: problem, Button: "Sign in", Fields: []pageField{
		{"Username", "username", "text", "", "username"}, {"Password", "password", "password", "", "current-password"},
	}}
	for _, name := range a.client.Spec.SupportedIdentityProviders {
		if name != "COGNITO" {
			q := a.query()
			q.Set("identity_provider", name)
			p.Links = append(p.Links, pageLink{"Continue with " + name, x.base + "/oauth2/authorize?" + q.Encode()})
		}
	}
	return p
}

// login takes a form: a name and a password, or the answer to what was asked
// next.
func (s *Service) login(c *door.Call, x *exchange) (*answer, error) {
	a, err := s.readAsking(c, x, x.query)
	if err != nil {
		return nil, err
	}
	if !s.isOurs(c, x, a) {
		page, err := s.show(c, x, a, s.signInPage(x, a, "The page was open for too long. Please try again."), http.StatusForbidden)
		if err != nil {
			return nil, err
		}
		return nil, refuse("InvalidForm", page)
	}
	at := &attempt{s: s, c: c, p: x.p, client: a.client, hosted: &hostedSignIn{asking: a}}
	out, err := at.takeForm(x.form)
	if err != nil {
		return s.problem(c, x, a, err)
	}
	if at.hosted.code != "" {
		return redirect(withQuery(a.redirect, url.Values{"code": {at.hosted.code}, "state": {a.state}})), nil
	}
	next, err := at.nextPage(out)
	if err != nil {
		return nil, err
	}
	return s.show(c, x, a, next, http.StatusOK)
}

func (at *attempt) takeForm(form url.Values) (*cognitoidp.InitiateAuthResponse, error) {
	challenge, session, answered := form.Get("challenge"), form.Get("session"), form.Get("answer")
	if challenge == "" {
		u, err := at.checkPassword(form.Get("username"), form.Get("password"))
		if err != nil {
			return nil, err
		}
		return at.passed(u)
	}
	given := map[string]string{"USERNAME": form.Get("username")}
	if !at.client.Secret.Empty() {
		given["SECRET_HASH"] = at.client.secretHash(given["USERNAME"])
	}
	switch challenge {
	case newPasswordReq:
		given["NEW_PASSWORD"] = answered
		for name := range form {
			if strings.HasPrefix(name, "userAttributes.") {
				given[name] = form.Get(name)
			}
		}
	case totpMFA:
		given["SOFTWARE_TOKEN_MFA_CODE"] = answered
	case smsMFA:
		given["SMS_MFA_CODE"] = answered
	case mfaSetup:
		if err := at.confirmDevice(session, answered); err != nil {
			return nil, err
		}
		session = at.state.sealed
	default:
		given["ANSWER"] = answered
	}
	return at.respond(challenge, session, given)
}

// confirmDevice takes the code of a device that is being set up.
func (at *attempt) confirmDevice(session, text string) error {
	if err := at.resume(session, mfaSetup); err != nil {
		return err
	}
	u, err := at.user()
	if err != nil {
		return err
	}
	if u == nil {
		return notAuthorized("Invalid session for the user.")
	}
	if err := at.seedShown(u, text, ""); err != nil {
		return err
	}
	out, err := at.challenge(mfaSetup, nil)
	if err != nil {
		return err
	}
	at.state.sealed = *out.Session
	return nil
}

// problem shows what went wrong, in words that tell a stranger nothing.
func (s *Service) problem(c *door.Call, x *exchange, a *asking, err error) (*answer, error) {
	words := map[string]string{
		"NotAuthorizedException": "Incorrect username or password.", "UserNotFoundException": "Incorrect username or password.",
		"InvalidPasswordException": "The password is not one that may be chosen here.", "CodeMismatchException": "The code is wrong.",
		"ExpiredCodeException": "The code was used already.", "EnableSoftwareTokenMFAException": "The code is wrong.",
		"PasswordResetRequiredException": "Your password has to be reset.", "UserNotConfirmedException": "Your account is not confirmed yet.",
		"InvalidParameterException": "Something was left out.", "UserLambdaValidationException": "You may not sign in now.",
	}
	for code, text := range words {
		if !isCode(err, code) {
			continue
		}
		page, showErr := s.show(c, x, a, s.signInPage(x, a, text), http.StatusUnauthorized)
		if showErr != nil {
			return nil, showErr
		}
		return nil, refuse(code, page)
	}
	return nil, err
}

// nextPage asks for what comes next.
func (at *attempt) nextPage(out *cognitoidp.InitiateAuthResponse) (*pageContent, error) {
	challenge := val(out.ChallengeName)
	p := &pageContent{Session: val(out.Session), Challenge: challenge, Username: out.ChallengeParameters["USER_ID_FOR_SRP"], Button: "Continue"}
	codeField := pageField{"Code", "answer", "text", "", "one-time-code"}
	switch challenge {
	case newPasswordReq:
		p.Title, p.Fields = "Choose a password", []pageField{{"New password", "answer", "password", "", "new-password"}}
		var missing []string
		_ = json.Unmarshal([]byte(out.ChallengeParameters["requiredAttributes"]), &missing)
		for _, name := range missing {
			p.Fields = append(p.Fields, pageField{strings.TrimPrefix(name, "userAttributes."), name, "text", "", "on"})
		}
	case totpMFA:
		p.Title, p.Text, p.Fields = "Enter a code", "Your authenticator app shows it.", []pageField{codeField}
	case smsMFA:
		p.Title, p.Text, p.Fields = "Enter a code", "It was sent to "+out.ChallengeParameters["CODE_DELIVERY_DESTINATION"]+".", []pageField{codeField}
	case selectMFA:
		p.Title, p.Text = "Choose a factor", "One of: "+strings.Join(at.state.Factors, ", ")
		p.Fields = []pageField{{"Factor", "answer", "text", at.state.Factors[0], "off"}}
	case mfaSetup:
		seed := newSeed()
		at.state.Seed, at.state.SeedOK = seed, false
		again, err := at.challenge(mfaSetup, nil)
		if err != nil {
			return nil, err
		}
		p.Session, p.Secret = *again.Session, seedText(seed)
		p.Title, p.Text, p.Fields = "Set up an authenticator", "Add the key to your app and enter the code that it shows.", []pageField{codeField}
	default:
		return nil, refuse("UnsupportedChallenge", errorPage(http.StatusBadRequest, "This sign-in goes on in the application only."))
	}
	return p, nil
}
