package node

import (
	"net"
	"net/url"

	"cloister/internal/dial"
	"cloister/internal/gate/jwt"
	"cloister/internal/guardrail"
	"cloister/internal/oidc"
	"cloister/internal/service/apigatewayv2"
)

// makeHTTPAPIs puts API Gateway's HTTP APIs behind the door and their addresses
// at the gate.
func (n *Node) makeHTTPAPIs(dialer *dial.Dialer, guard *guardrail.Guardrails) *apigatewayv2.Service {
	s := apigatewayv2.New(apigatewayv2.Config{
		DB: n.db, Guardrails: guard, Dial: dialer, Endpoint: n.apiEndpoint,
		Tokens: jwt.New(oidc.NewKeys(dialer.Fetch), nil),
	})
	s.Register(n.door)
	n.gate.Handle("execute-api", s)
	n.inBackground(s.Run)
	return s
}

// apiEndpoint is the address of an API on this node.
func (n *Node) apiEndpoint(id string) string {
	u, err := url.Parse(n.URL())
	if err != nil {
		return ""
	}
	_, port, _ := net.SplitHostPort(u.Host)
	return u.Scheme + "://" + id + ".execute-api.localhost:" + port
}
