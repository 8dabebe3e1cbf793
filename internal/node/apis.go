package node

import (
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
		DB: n.db, Guardrails: guard, Dial: dialer, Endpoint: func(id string) string { return n.nameURL("execute-api", id) },
		Tokens: jwt.New(oidc.NewKeys(dialer.Fetch), nil),
	})
	s.Register(n.door)
	n.gate.Handle("execute-api", s)
	n.inBackground(s.Run)
	return s
}
