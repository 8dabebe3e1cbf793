package node

import (
	"net"
	"net/url"
	"os"
	"strings"

	"cloister/internal/dial"
	"cloister/internal/gate/jwt"
	"cloister/internal/guardrail"
	"cloister/internal/oidc"
	"cloister/internal/service/apigatewayv2"
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

// isOwnName says whether the node is, or seems to be, reached by a name, or by one
// below it.
func (n *Node) isOwnName(name string) bool {
	names := []string{}
	if u, err := url.Parse(n.config.PublicURL); err == nil {
		names = append(names, u.Hostname())
	}
	if host, err := os.Hostname(); err == nil {
		names = append(names, host)
	}
	if host, _, err := net.SplitHostPort(n.config.Listen); err == nil {
		names = append(names, host)
	}
	for _, own := range names {
		if own = strings.ToLower(own); own != "" && (own == name || strings.HasSuffix(own, "."+name)) {
			return true
		}
	}
	return false
}
