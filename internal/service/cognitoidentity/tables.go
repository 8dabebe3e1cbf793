package cognitoidentity

import (
	"time"

	api "cloister/internal/awsapi/cognitoidentity"
	"cloister/internal/seal"
	"cloister/internal/store"
)

// Pools and identities are found by their ids alone: a client that is not signed
// says no more.
var (
	pools = store.Define[pool]("cognitoidentity.pool", // id
		store.Index("account", func(p *pool) []store.Key { return []store.Key{store.K(p.Account, p.Region, p.ID)} }, store.Clear(0, 1, 2)))
	identities = store.Define[identity]("cognitoidentity.identity", store.Clear(0, 1), // pool, id
		store.Index("login", func(i *identity) (keys []store.Key) {
			for _, l := range i.Logins {
				keys = append(keys, store.K(i.Pool, l.Provider, l.Subject))
			}
			return keys
		}, store.Unique()),
		store.Index("id", func(i *identity) []store.Key { return []store.Key{store.K(i.ID)} }, store.Unique()))
	signers = store.Define[signer]("cognitoidentity.signer") // "now"
)

// pool is an identity pool.
type pool struct {
	Account, Region, ID string
	Spec                api.IdentityPool
	Roles               map[string]string // by "authenticated" and "unauthenticated"
	Mappings            map[string]*api.RoleMapping
	TagMaps             map[string]tagMap // by provider
}

// tagMap says which claims of a provider become principal tags.
type tagMap struct {
	Defaults bool
	Tags     map[string]string // claim by tag
}

// identity is somebody who has one.
type identity struct {
	Pool, ID          string
	Logins            []login
	Created, Modified time.Time
	// Closed says that the last login was taken away: nobody is it any more.
	Closed bool
}

// login is who an identity is at a provider. Of the pool's developers' own
// provider an identity may have several.
type login struct{ Provider, Subject string }

// signer is the key that the tokens of this service are signed with, and the one
// before, whose tokens may still be good.
type signer struct {
	Keys []signingKey
}

type signingKey struct {
	ID      string
	Private seal.Secret // PKCS #8
	From    time.Time
}
