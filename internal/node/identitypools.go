package node

import (
	"cloister/internal/dial"
	"cloister/internal/gate/jwt"
	"cloister/internal/oidc"
	"cloister/internal/service/cognitoidentity"
	"cloister/internal/service/sts"
)

// startIdentityPools puts identity pools behind the door, and has STS take the
// tokens that they make.
func (n *Node) startIdentityPools(dialer *dial.Dialer, own jwt.Own, tokens *sts.Service) *cognitoidentity.Service {
	s := cognitoidentity.New(cognitoidentity.Options{DB: n.db, Providers: n.iam, Tokens: jwt.New(oidc.NewKeys(dialer.Fetch), own)})
	s.Register(n.door)
	tokens.TakeIdentityPools(s.Keys)
	n.inBackground(s.Run)
	return s
}
