package cognitoidp

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"cloister/internal/awsapi"
	"cloister/internal/awsapi/platform"
	"cloister/internal/door"
	"cloister/internal/gate"
	"cloister/internal/store"
	"cloister/policy"
)

// Front serves a pool's domain and its documents. Every request goes through the
// door, which records it before it is answered.
type Front struct{ s *Service }

// Front is the service's front. Register comes first.
func (s *Service) Front() *Front { return &Front{s} }

// mostForm bounds what a form may have.
const mostForm = 64 << 10

// exchange is a request to a pool's domain, read to its end.
type exchange struct {
	p       *pool
	domain  string // "" for the pool's documents
	base    string // what endpoints of the domain are under
	path    string
	r       *http.Request
	query   url.Values
	form    url.Values
	cookies map[string]string
}

// answer is what is written once the door has recorded it.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// refusal carries an answer for a request that is refused, which the audit log
// is to know.
type refusal struct{ a *answer }

func (*refusal) Error() string { return "refused with an answer of its own" }

// refuse is the error of a request that is answered with a, and recorded as a
// failure.
func refuse(code string, a *answer) error {
	e := awsapi.Errorf(code, "%s", code)
	e.Status, e.Cause = a.status, &refusal{a}
	return e
}

// Serve implements gate.Front, for names of domains.
func (f *Front) Serve(w http.ResponseWriter, r *http.Request, t gate.Target) bool {
	if t.Name == "" {
		return f.serveDocuments(w, r, t.Path)
	}
	var p *pool
	err := f.s.db.View(r.Context(), func(rd store.Reader) error {
		d, err := domains.Get(rd, store.K(t.Name))
		if err != nil {
			return err
		}
		p, err = pools.Get(rd, store.K(d.Pool))
		return err
	})
	if err != nil {
		return false
	}
	base := origin(r)
	if strings.HasPrefix(r.URL.EscapedPath(), "/_aws/") {
		base += "/_aws/cognito/" + t.Name
	}
	if f.s.publicURL != "" && !strings.HasPrefix(base, f.s.publicURL+"/") && strings.HasPrefix(r.URL.EscapedPath(), "/_aws/") {
		base = f.s.publicURL + "/_aws/cognito/" + t.Name
	}
	f.enter(w, r, &exchange{p: p, domain: t.Name, base: base, path: t.Path})
	return true
}

// Documents is the front for /_aws/cognito-idp/POOL/….
type Documents struct{ f *Front }

// Documents serves the documents of pools by their ids.
func (f *Front) Documents() *Documents { return &Documents{f} }

// Serve implements gate.Front.
func (d *Documents) Serve(w http.ResponseWriter, r *http.Request, t gate.Target) bool {
	return d.f.serveDocuments(w, r, "/"+t.Name+t.Path)
}

const (
	discoveryPath = "/.well-known/openid-configuration"
	keysPath      = "/.well-known/jwks.json"
)

// serveDocuments answers at /POOL/.well-known/….
func (f *Front) serveDocuments(w http.ResponseWriter, r *http.Request, path string) bool {
	id, rest, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	rest = "/" + rest
	if rest != discoveryPath && rest != keysPath || len(id) > 100 {
		return false
	}
	x := &exchange{path: rest}
	err := f.s.db.View(r.Context(), func(rd store.Reader) (err error) {
		x.p, err = pools.Get(rd, store.K(id))
		return err
	})
	if err != nil {
		return false
	}
	f.enter(w, r, x)
	return true
}

// origin is how the client reached the node.
func origin(r *http.Request) string {
	if r.TLS != nil {
		return "https://" + r.Host
	}
	return "http://" + r.Host
}

// enter takes the request through the door and writes its answer.
func (f *Front) enter(w http.ResponseWriter, r *http.Request, x *exchange) {
	secure(w.Header())
	x.r, x.query, x.cookies = r, r.URL.Query(), map[string]string{}
	for _, c := range r.Cookies() {
		x.cookies[c.Name] = c.Value
	}
	body, release, err := f.s.door.Body(w, r, mostForm)
	defer release()
	if err != nil {
		write(w, failure(err))
		return
	}
	if x.form, err = url.ParseQuery(string(body)); err != nil || r.Method == http.MethodPost && !isForm(r) {
		x.form = url.Values{}
	}
	in := &platform.UserPoolRequest{UserPoolID: x.p.ID, Endpoint: x.path, Method: r.Method, Exchange: x}
	out, _, err := door.Enter(f.s.door, r, platform.OpUserPoolRequest, x.p.Region, in)
	if err != nil {
		write(w, failure(err))
		return
	}
	write(w, out.Answer.(*answer))
}

func isForm(r *http.Request) bool {
	kind, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
	return strings.EqualFold(strings.TrimSpace(kind), "application/x-www-form-urlencoded")
}

// secure sets what every answer has (https://owasp.org/www-project-secure-headers/).
func secure(h http.Header) {
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'")
	h.Set("Cache-Control", "no-store")
}

func write(w http.ResponseWriter, a *answer) {
	for name, values := range a.header {
		w.Header()[name] = values
	}
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body)
}

// failure is the answer to what the door or the service refused.
func failure(err error) *answer {
	var own *refusal
	if errors.As(err, &own) {
		return own.a
	}
	status := http.StatusInternalServerError
	var e *awsapi.Error
	if errors.As(err, &e) && e.Status != 0 {
		status = e.Status
	}
	return oauthError(status, "server_error", "")
}

// oauthError is an error as RFC 6749 has it (section 5.2).
func oauthError(status int, code, why string) *answer {
	body := map[string]string{"error": code}
	if why != "" {
		body["error_description"] = why
	}
	return asJSON(status, body)
}

func asJSON(status int, v any) *answer {
	text, err := json.Marshal(v)
	if err != nil {
		return &answer{status: http.StatusInternalServerError}
	}
	return &answer{status, http.Header{"Content-Type": {"application/json;charset=UTF-8"}}, text}
}

func redirect(to string) *answer {
	return &answer{http.StatusFound, http.Header{"Location": {to}}, nil}
}

// registerFront registers what the front enters by. A pool's domain is for
// everyone: what a request may do there, its own credentials decide.
func (s *Service) registerFront(d *door.Door) {
	door.Act(d, platform.OpUserPoolRequest, door.AtFront(func(c *door.Call, in *platform.UserPoolRequest) error {
		c.Account = in.Exchange.(*exchange).p.Account
		return nil
	}, func(c *door.Call, r store.Reader, in *platform.UserPoolRequest) ([]door.Need, error) {
		p := in.Exchange.(*exchange).p
		if _, err := pools.Get(r, p.key()); err != nil {
			return nil, noPool(p.ID)
		}
		open, err := policy.Parse(policy.KindResource, []byte(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":"*","Action":"cloister:UseUserPoolDomain","Resource":"`+p.arn()+`"}}`))
		if err != nil {
			return nil, err
		}
		return []door.Need{{
			Action: "cloister:UseUserPoolDomain", Resource: p.arn(), Account: p.Account,
			ResourcePolicy: &policy.Named{Name: "everyone may reach a pool's domain", Policy: open}, ResourcePolicyRequired: true,
		}}, nil
	}), func(c *door.Call, in *platform.UserPoolRequest) (*platform.UserPoolAnswer, error) {
		a, err := s.serveFront(c, in.Exchange.(*exchange))
		if err != nil {
			return nil, err
		}
		return &platform.UserPoolAnswer{Answer: a}, nil
	})
}

func (s *Service) serveFront(c *door.Call, x *exchange) (*answer, error) {
	method := x.r.Method
	get, post := method == http.MethodGet, method == http.MethodPost
	switch {
	case get && x.path == discoveryPath:
		return s.discovery(c, x)
	case get && x.path == keysPath:
		return s.publishKeys(c, x)
	case x.domain == "":
	case (get || post) && x.path == "/oauth2/authorize":
		return s.authorize(c, x)
	case get && x.path == "/login":
		return s.loginPage(c, x)
	case post && x.path == "/login":
		return s.login(c, x)
	case post && x.path == "/oauth2/token":
		return s.tokenEndpoint(c, x)
	case (get || post) && x.path == "/oauth2/userInfo":
		return s.userInfo(c, x)
	case post && x.path == "/oauth2/revoke":
		return s.revokeEndpoint(c, x)
	case get && x.path == responsePath:
		return s.fromProvider(c, x)
	case get && x.path == "/logout":
		return s.logout(c, x)
	}
	return nil, refuse("NotFound", oauthError(http.StatusNotFound, "not_found", ""))
}
