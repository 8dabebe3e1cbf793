package node

import (
	"net"
	"net/url"
	"os"
	"strings"

	"cloister/internal/dial"
	"cloister/internal/door"
	"cloister/internal/gate/jwt"
	"cloister/internal/guardrail"
	"cloister/internal/oidc"
	"cloister/internal/service/apigateway"
	"cloister/internal/service/apigatewayv2"
	"cloister/internal/service/explain"
	"cloister/internal/store"
)

// makeHTTPAPIs puts API Gateway's HTTP APIs behind the door and their addresses
// at the gate. It comes after whatever else serves addresses of APIs: it answers
// for all that nobody has.
func (n *Node) makeHTTPAPIs(dialer *dial.Dialer, guard *guardrail.Guardrails, own jwt.Own) *apigatewayv2.Service {
	s := apigatewayv2.New(apigatewayv2.Config{
		DB: n.db, Guardrails: guard, Dial: dialer, Tokens: jwt.New(oidc.NewKeys(dialer.Fetch), own),
		Endpoint: func(id string) string { return n.nameURL("execute-api", id) }, Taken: n.isOwnName,
	})
	s.Register(n.door)
	n.gate.Handle("execute-api", s)
	n.gate.HandleDomains(s.Domains())
	n.inBackground(s.Run)
	return s
}

// makeRESTAPIs puts API Gateway's REST APIs behind the door and their addresses at
// the gate, before those of HTTP APIs, which answer for every name.
func (n *Node) makeRESTAPIs(dialer *dial.Dialer, guard *guardrail.Guardrails, own jwt.Own) *apigateway.Service {
	s := apigateway.New(apigateway.Config{
		DB: n.db, Guardrails: guard, Dial: dialer, Tokens: jwt.New(oidc.NewKeys(dialer.Fetch), own), Taken: n.isOwnName,
	})
	s.Register(n.door)
	n.gate.Handle("execute-api", s)
	n.gate.HandleDomains(s.Domains())
	return s
}

// bothAPIs explains needs on APIs of either kind.
func bothAPIs(rest *apigateway.Service, http *apigatewayv2.Service) explain.View {
	return func(r store.Reader, need *door.Need) error {
		if err := rest.Describe(r, need); err != nil {
			return err
		}
		return http.Describe(r, need)
	}
}

// isOwnName says whether the node is, or seems to be, reached by a name, or by one
// below it, or the name is of the node's domain. A node that was told nothing of
// how it is reached takes its certificate's word.
func (n *Node) isOwnName(name string) bool {
	if domain := n.config.Domain; domain != "" && strings.HasSuffix("."+name, "."+domain) {
		return true
	}
	names := []string{n.config.Domain}
	if u, err := url.Parse(n.config.PublicURL); err == nil {
		names = append(names, u.Hostname())
	}
	if host, err := os.Hostname(); err == nil {
		names = append(names, host)
	}
	if host, _, err := net.SplitHostPort(n.config.Listen); err == nil {
		names = append(names, host)
	}
	if n.certificate != nil && n.config.Domain == "" && n.config.PublicURL == "" {
		names = append(names, n.certificate.Names()...)
	}
	for _, own := range names {
		if own = strings.ToLower(own); own != "" && (own == name || strings.HasSuffix(own, "."+name)) {
			return true
		}
	}
	return false
}
