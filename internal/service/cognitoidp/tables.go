package cognitoidp

import (
	"time"

	api "cloister/internal/awsapi/cognitoidp"
	"cloister/internal/seal"
	"cloister/internal/store"
)

// Pools, clients and domains are found by their ids alone: a client that is not
// signed says no more.
var (
	pools = store.Define[pool]("cognitoidp.pool", // id
		store.Index("account", func(p *pool) []store.Key { return []store.Key{store.K(p.Account, p.Region, p.ID)} }, store.Clear(0, 1, 2)))
	poolKeys = store.Define[keySet]("cognitoidp.keys") // pool

	clients = store.Define[client]("cognitoidp.client", // id
		store.Index("pool", func(c *client) []store.Key { return []store.Key{store.K(c.Pool, c.ID)} }, store.Clear(0, 1)))
	domains = store.Define[domain]("cognitoidp.domain", // name
		store.Index("pool", func(d *domain) []store.Key { return []store.Key{store.K(d.Pool)} }))

	users = store.Define[user]("cognitoidp.user", // pool, name
		store.Index("sub", func(u *user) []store.Key { return []store.Key{store.K(u.Pool, u.Sub)} }, store.Unique()),
		store.Index("alias", func(u *user) (keys []store.Key) {
			for _, a := range u.Aliases {
				keys = append(keys, store.K(u.Pool, a.Attribute, a.Value))
			}
			return keys
		}, store.Unique()),
		store.Index("group", func(u *user) (keys []store.Key) {
			for _, g := range u.Groups {
				keys = append(keys, store.K(u.Pool, g))
			}
			return keys
		}),
		store.Index("identity", func(u *user) (keys []store.Key) {
			for _, i := range u.Identities {
				keys = append(keys, store.K(u.Pool, i.Provider, i.UserID))
			}
			return keys
		}, store.Unique()))
	groups = store.Define[group]("cognitoidp.group") // pool, name

	servers   = store.Define[resourceServer]("cognitoidp.server")     // pool, identifier
	providers = store.Define[identityProvider]("cognitoidp.provider") // pool, name

	grants = store.Define[grant]("cognitoidp.grant", store.Expiry(func(g *grant) time.Time { return g.Expires })) // pool, user's key, id
	// spent are challenges and codes that were used and have not run out yet.
	spent = store.Define[spentOnce]("cognitoidp.spent", store.Expiry(func(s *spentOnce) time.Time { return s.Expires })) // id
)

// pool is a user pool. Spec is what its owner set, as it is shown.
type pool struct {
	Account, Region, ID string
	Created, Modified   time.Time
	Spec                api.UserPoolType
	TOTP                bool                  // software tokens are a second factor
	SMS                 *api.SmsMfaConfigType // nil if messages are none
	// Secret derives what strangers are told of users who do not exist.
	Secret seal.Secret
}

// keySet is what a pool signs tokens with.
type keySet struct {
	Pool string
	Keys []signingKey
}

// signingKey signs from a time on, until there is a newer one of its kind.
type signingKey struct {
	ID      string
	Use     string // id or access
	Private seal.Secret
	From    time.Time
}

// client is an app client.
type client struct {
	ID, Pool          string
	Secret            seal.Secret // empty for none
	Created, Modified time.Time
	Spec              api.UserPoolClientType
}

type domain struct {
	Name, Pool, Account string
	Custom              *api.CustomDomainConfigType
	Version             int64
}

type attributeValue struct{ Attribute, Value string }

// identity is an account at another provider that a user is.
type identity struct {
	Provider, Type, UserID string
	Primary                bool
	Created                time.Time
}

// user is a user of a pool.
type user struct {
	Pool, Key, Name, Sub string // Key is Name as it is compared
	Attributes           map[string]string
	Aliases              []attributeValue // by which this user and no other is found
	Groups               []string
	Identities           []identity
	Enabled              bool
	Status               string
	Created, Modified    time.Time

	Password *password
	Codes    map[string]code // by purpose

	TOTP      *totpDevice
	SMSFactor bool
	Preferred string // of the factors, "" for none
}

// group is a group of users.
type group struct {
	Pool, Name, Description, Role string
	Precedence                    *int64
	Created, Modified             time.Time
}

type resourceServer struct {
	Pool, Identifier, Name string
	Scopes                 []scope
}

type scope struct{ Name, Description string }

type identityProvider struct {
	Pool, Name, Type  string
	Details           map[string]string
	Secret            seal.Secret // of the client that the pool is there
	Mapping           map[string]string
	Identifiers       []string
	Created, Modified time.Time
}

// grant is a sign-in: what its tokens rest on. Its id is their origin_jti.
type grant struct {
	Pool, User, ID, Client string
	Scopes                 []string
	AuthTime               time.Time
	Expires                time.Time // of its refresh token
	Hosted                 bool
	Nonce                  string
	// Serial is that of the refresh token that counts, and Rotated since when.
	Serial  int64
	Rotated time.Time
	// NoAccess is set for a grant whose tokens open no operation on oneself.
	NoAccess bool
}

type spentOnce struct{ Expires time.Time }

const (
	unconfirmed   = "UNCONFIRMED"
	confirmed     = "CONFIRMED"
	forceChange   = "FORCE_CHANGE_PASSWORD"
	resetRequired = "RESET_REQUIRED"
	external      = "EXTERNAL_PROVIDER"
)

func (p *pool) arn() string {
	return "arn:aws:cognito-idp:" + p.Region + ":" + p.Account + ":userpool/" + p.ID
}

func (u *user) key() store.Key { return store.K(u.Pool, u.Key) }
