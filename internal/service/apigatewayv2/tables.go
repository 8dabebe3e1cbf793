package apigatewayv2

import (
	"crypto/rand"

	api "cloister/internal/awsapi/apigatewayv2"
	"cloister/internal/store"
)

// The rows below an API have its key (account, region, id) and their own id.
var (
	apis = store.Define[apiRow]("apigatewayv2.api",
		store.Index("id", func(a *apiRow) []store.Key { return []store.Key{store.K(val(a.API.ApiId))} }, store.Unique()))
	integrations = store.Define[api.Integration]("apigatewayv2.integration")
	routes       = store.Define[api.Route]("apigatewayv2.route")
	authorizers  = store.Define[api.Authorizer]("apigatewayv2.authorizer")
	stages       = store.Define[api.Stage]("apigatewayv2.stage")
	deployments  = store.Define[deployment]("apigatewayv2.deployment")
)

// apiRow is an API with whose it is.
type apiRow struct {
	Account, Region string
	API             api.Api
}

// isSocket says whether it is a WebSocket API.
func (a *apiRow) isSocket() bool { return val(a.API.ProtocolType) == api.ProtocolTypeWebsocket }

func (a *apiRow) id() string { return val(a.API.ApiId) }

// key is the API's own, or that of something below it.
func (a *apiRow) key(parts ...any) store.Key {
	return append(store.K(a.Account, a.Region, a.id()), parts...)
}

// arn is that of the API or, with a path, of what is below it.
func (a *apiRow) arn(path string) string {
	return "arn:aws:apigateway:" + a.Region + "::/apis/" + a.id() + path
}

// deployment is a deployment with what was deployed.
type deployment struct {
	Deployment api.Deployment
	Snapshot   snapshot
}

// snapshot is what requests see of an API. It never changes.
type snapshot struct {
	Routes       []*api.Route
	Integrations []*api.Integration
	Authorizers  []*api.Authorizer
	CORS         *api.Cors
}

const idLetters = "abcdefghijklmnopqrstuvwxyz0123456789"

// newID is a random id of so many letters and digits.
func newID(length int) *string {
	b := make([]byte, length)
	_, _ = rand.Read(b) // never fails
	for i := range b {
		// The remainder makes some letters likelier: ids are names, no secrets.
		b[i] = idLetters[int(b[i])%len(idLetters)]
	}
	return ptr(string(b))
}
