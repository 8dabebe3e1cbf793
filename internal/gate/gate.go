package gate

import (
	"net"
	"net/http"
	"strings"
)

// Target is what a request is for, as its address says. Path is not decoded:
// what is an encoded slash stays one. Nothing in it has been found to exist.
type Target struct {
	Name string // of the API, function URL or domain; "" for a user's own domain
	Host string // lower case, without port
	Path string // escaped, begins with "/"; what follows the name
}

// A Front serves requests that are not of AWS's protocols. The request is as it
// came, its path included, since that is what signatures cover.
type Front interface {
	// Serve answers the request, or returns false, having written nothing, if the
	// name is none of its own.
	Serve(w http.ResponseWriter, r *http.Request, t Target) bool
}

// A Watch looks at requests before anybody else does.
type Watch interface {
	// Admit says whether a request may go on; if not it has answered it. The kind
	// is one that was handled, "page", or "" for what is for the door or a user's
	// own domain.
	Admit(w http.ResponseWriter, r *http.Request, kind, name string) bool
}

// Gate is an http.Handler. Add fronts before the first request; after that it
// is safe for concurrent use.
type Gate struct {
	door     http.Handler
	suffixes []string
	domain   string // "" or the last of suffixes
	fronts   map[string][]Front
	domains  []Front
	exact    map[string]Front // by path
}

// New makes a gate before door. The domain, if there is one, is a suffix of the
// node's names beside "localhost" and AWS's own.
func New(door http.Handler, domain string) *Gate {
	g := &Gate{door: door, suffixes: []string{"localhost"}, fronts: map[string][]Front{}, exact: map[string]Front{}}
	if domain != "" {
		g.domain = strings.ToLower(domain)
		g.suffixes = append(g.suffixes, g.domain)
	}
	return g
}

// Handle adds a front for a kind of names. The fronts of a kind are asked in
// turn, and the last one answers for every name.
func (g *Gate) Handle(kind string, f Front) { g.fronts[kind] = append(g.fronts[kind], f) }

// HandleDomains adds a front that is asked whether the host of a request is a
// domain that a user gave it.
func (g *Gate) HandleDomains(f Front) { g.domains = append(g.domains, f) }

// HandlePage adds a front for exactly one path of the node's own address.
func (g *Gate) HandlePage(path string, f Front) { g.exact[path] = f }

// Behind is the gate with a watch before it, for a listener that strangers reach.
func (g *Gate) Behind(watch Watch) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { g.serve(w, r, watch) })
}

const pathPrefix = "/_aws/"

// ServeHTTP implements http.Handler.
func (g *Gate) ServeHTTP(w http.ResponseWriter, r *http.Request) { g.serve(w, r, nil) }

func (g *Gate) serve(w http.ResponseWriter, r *http.Request, watch Watch) {
	if len(r.TransferEncoding) > 0 && r.ProtoMajor == 1 {
		// It may have had a length, too, by which a proxy before the node went
		// (RFC 9112, 6.1): what follows it could be anybody's.
		w.Header().Set("Connection", "close")
	}
	host := hostOf(r)
	if r.TLS != nil && g.isDomains(host) {
		w.Header().Set("Strict-Transport-Security", "max-age=31536000")
	}
	kind, fronts, t := g.byHost(host, r)
	named := fronts != nil
	if !named {
		kind, fronts, t = g.byPath(host, r)
	}
	if watch != nil && !watch.Admit(w, r, kind, t.Name) {
		return
	}
	// A user's own domain comes before the paths: below them are other people's
	// pages, which are not to speak in its name.
	if !named && !speaksAWS(r) && g.byDomain(host, w, r) {
		return
	}
	if fronts == nil {
		g.door.ServeHTTP(w, r)
		return
	}
	if !named && pages[kind] {
		w.Header().Set("Content-Security-Policy", alone)
	}
	serve(fronts, w, r, t)
}

func (g *Gate) byDomain(host string, w http.ResponseWriter, r *http.Request) bool {
	for _, f := range g.domains {
		if f.Serve(w, r, Target{Host: host, Path: pathOf(r)}) {
			return true
		}
	}
	return false
}

func serve(fronts []Front, w http.ResponseWriter, r *http.Request, t Target) {
	for _, f := range fronts {
		if f.Serve(w, r, t) {
			return
		}
	}
	http.NotFound(w, r)
}

// byHost finds the kind and the fronts that the host's name means.
func (g *Gate) byHost(host string, r *http.Request) (string, []Front, Target) {
	name, rest, _ := strings.Cut(host, ".")
	kind, suffix, ok := strings.Cut(rest, ".")
	if !ok || name == "" || !g.isSuffix(suffix) {
		return "", nil, Target{}
	}
	return kind, g.fronts[kind], Target{Name: name, Host: host, Path: pathOf(r)}
}

// isSuffix says whether a name that ends so is the node's: by its own domain, or
// by AWS's, which programs in cells have written into them.
func (g *Gate) isSuffix(suffix string) bool {
	for _, own := range g.suffixes {
		if suffix == own {
			return true
		}
	}
	_, zone, _ := strings.Cut(suffix, ".") // of REGION.amazonaws.com
	return zone == "amazonaws.com" || zone == "on.aws" || zone == "amazoncognito.com"
}

// isDomains says whether a name is that of the node's domain, or below it. A
// browser is not to come to it without TLS again (RFC 6797).
func (g *Gate) isDomains(host string) bool {
	return g.domain != "" && (host == g.domain || strings.HasSuffix(host, "."+g.domain))
}

// pages are the kinds whose answers users write. Those that are reached by a path
// share a host, and a browser would let the script of one read all the others and
// the sign-in pages: alone has it take each for a stranger of them (Content
// Security Policy Level 3, "sandbox").
var pages = map[string]bool{"execute-api": true, "lambda-url": true}

const alone = "sandbox allow-downloads allow-forms allow-modals allow-popups allow-scripts"

// byPath finds the kind and the fronts that the path means.
func (g *Gate) byPath(host string, r *http.Request) (string, []Front, Target) {
	if f := g.exact[pathOf(r)]; f != nil {
		return "page", []Front{f}, Target{Host: host, Path: pathOf(r)}
	}
	rest, ok := strings.CutPrefix(pathOf(r), pathPrefix)
	if !ok {
		return "", nil, Target{}
	}
	kind, rest, _ := strings.Cut(rest, "/")
	name, path, _ := strings.Cut(rest, "/")
	return kind, g.fronts[kind], Target{Name: name, Host: host, Path: "/" + path}
}

// pathOf is the path as it was sent.
func pathOf(r *http.Request) string {
	if p := r.URL.EscapedPath(); strings.HasPrefix(p, "/") {
		return p
	}
	return "/"
}

func hostOf(r *http.Request) string {
	host := r.Host
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	return strings.ToLower(strings.TrimSuffix(host, "."))
}
