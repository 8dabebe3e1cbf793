package cognitoidp

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"slices"
	"time"

	"github.com/google/uuid"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/cognitoidp"
	"cloister/internal/door"
	"cloister/internal/store"
	"cloister/policy"
)

func isWire(err error) bool {
	var e *awsapi.Error
	return errors.As(err, &e)
}

// halfHash is OpenID Connect's at_hash of RS256 (Core, section 3.1.3.6).
func halfHash(token string) string {
	sum := sha256.Sum256([]byte(token))
	return base64.RawURLEncoding.EncodeToString(sum[:16])
}

// signIn is one that has succeeded but for what is written down.
type signIn struct {
	p      *pool
	client *client
	u      *user
	scopes []string
	hosted bool
	nonce  string
	// source is that of the trigger before tokens.
	source   string
	metadata map[string]string
	// spend is the id of what may be used once, and until when that matters.
	spend   string
	spendTo time.Time
	// pending comes first in the transaction.
	pending []func(tx *store.Tx) error
	// change changes the user in the transaction.
	change func(tx *store.Tx, u *user) error
	// granted is told the sign-in in the transaction.
	granted func(tx *store.Tx, g *grant) error
	// authTime is when the user signed in, where that was earlier.
	authTime time.Time
}

// complete writes a sign-in down and makes its tokens. It commits.
func (s *Service) complete(c *door.Call, in *signIn) (*api.AuthenticationResultType, error) {
	g := &grant{
		Pool: in.p.ID, User: in.u.Key, ID: uuid.NewString(), Client: in.client.ID, Scopes: in.scopes, AuthTime: c.Time,
		Expires: c.Time.Add(in.client.lives().refresh), Hosted: in.hosted, Nonce: in.nonce, Rotated: c.Time,
	}
	if !in.authTime.IsZero() {
		g.AuthTime = in.authTime
	}
	out, err := s.tokens(c, in, g)
	if err != nil {
		return nil, err
	}
	if out.RefreshToken, err = s.newRefreshToken(g); err != nil {
		return nil, err
	}
	name(c, in.p, in.client, in.u)
	err = c.Commit(func(tx *store.Tx) error {
		if err := spend(tx, in.spend, in.spendTo); err != nil {
			return err
		}
		if err := inTurn(tx, in.pending); err != nil {
			return err
		}
		u, err := stillThere(tx, in.u)
		if err != nil {
			return err
		}
		if in.granted != nil {
			if err := in.granted(tx, g); err != nil {
				return err
			}
		}
		if in.change != nil {
			if err := in.change(tx, u); err != nil {
				return err
			}
		}
		return grants.Insert(tx, store.K(g.Pool, g.User, g.ID), g)
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// samePassword tells whether a user's password is still what it was.
func samePassword(a, b *user) bool {
	if a.Password == nil || b.Password == nil {
		return a.Password == b.Password
	}
	return a.Password.Hash.Equal(b.Password.Hash)
}

// spend has an id be used up; of the second to come with it nothing is done.
func spend(tx *store.Tx, id string, until time.Time) error {
	if id == "" {
		return nil
	}
	err := spent.Insert(tx, store.K(id), &spentOnce{until})
	if errors.Is(err, store.ErrExists) {
		return notAuthorized("Invalid session for the user, session can only be used once.")
	}
	return err
}

// tokens makes the ID and the access token of a grant.
func (s *Service) tokens(c *door.Call, in *signIn, g *grant) (*api.AuthenticationResultType, error) {
	var i *issuing
	err := c.View(func(r store.Reader) (err error) {
		i, err = newIssuing(r, in.p, in.client, in.u, g, c.Time)
		return err
	})
	if err != nil {
		return nil, err
	}
	if err := s.beforeTokens(c, in, i); err != nil {
		return nil, err
	}
	out := &api.AuthenticationResultType{TokenType: ptr("Bearer"), ExpiresIn: ptr(int64(in.client.lives().access / time.Second))}
	err = c.View(func(r store.Reader) error {
		access, err := s.accessToken(r, i)
		if err != nil {
			return err
		}
		out.AccessToken = &access
		if in.hosted && !slices.Contains(in.scopes, "openid") {
			return nil
		}
		id, err := s.idToken(r, i, access)
		out.IdToken = &id
		return err
	})
	return out, err
}

func (s *Service) newRefreshToken(g *grant) (*string, error) {
	text, err := s.sealFor(refreshTable, g.Client, refreshToken{g.Pool, g.User, g.ID, g.Serial})
	return &text, err
}

// holderOf is who a user is to the door.
func holderOf(p *pool, cl *client, u *user) *door.Principal {
	provider := "cognito-idp." + p.Region + ".amazonaws.com/" + p.ID
	return &door.Principal{Name: u.Name, Principal: policy.Principal{
		Kind: policy.PrincipalFederated, Provider: provider, UserID: provider + ":" + cl.ID + ":" + u.Sub,
	}}
}

// name has the audit log know who has come in, of a call that nobody signed.
func name(c *door.Call, p *pool, cl *client, u *user) {
	if c.Principal.Kind == policy.PrincipalAnonymous {
		c.Principal = holderOf(p, cl, u)
	}
}

// refreshing is a refresh token that counts.
type refreshing struct {
	g *grant
	u *user
}

func (s *Service) openRefresh(r store.Reader, p *pool, cl *client, token string, at time.Time) (*refreshing, error) {
	bad := func() error { return notAuthorized("Invalid Refresh Token") }
	var t refreshToken
	if len(token) > longestToken || s.openFor(refreshTable, cl.ID, token, &t) != nil || t.Pool != p.ID {
		return nil, bad()
	}
	g, err := grants.Get(r, store.K(t.Pool, t.User, t.Grant))
	if isMissing(err) {
		return nil, notAuthorized("Refresh Token has been revoked")
	}
	if err != nil {
		return nil, err
	}
	if g.Client != cl.ID {
		return nil, bad()
	}
	if t.Serial != g.Serial && !(t.Serial == g.Serial-1 && at.Before(g.Rotated.Add(grace(cl)))) {
		return nil, bad()
	}
	u, err := users.Get(r, store.K(p.ID, g.User))
	if isMissing(err) {
		return nil, bad()
	}
	if err == nil && !u.Enabled {
		return nil, notAuthorized("User is disabled.")
	}
	return &refreshing{g, u}, err
}

// grace is how long a refresh token that was exchanged is still good.
func grace(cl *client) time.Duration {
	if !rotates(&cl.Spec) {
		return 0
	}
	return time.Duration(val(cl.Spec.RefreshTokenRotation.RetryGracePeriodSeconds)) * time.Second
}

// refresh gives new tokens for a refresh token; with rotation, another refresh
// token too, and the old one is good no more.
func (s *Service) refresh(c *door.Call, p *pool, cl *client, token string, metadata map[string]string) (*api.AuthenticationResultType, error) {
	var from *refreshing
	err := c.View(func(r store.Reader) (err error) {
		from, err = s.openRefresh(r, p, cl, token, c.Time)
		return err
	})
	if err != nil {
		return nil, err
	}
	in := &signIn{p: p, client: cl, u: from.u, scopes: from.g.Scopes, hosted: from.g.Hosted, source: "TokenGeneration_RefreshTokens", metadata: metadata}
	out, err := s.tokens(c, in, from.g)
	if err != nil {
		return nil, err
	}
	name(c, p, cl, from.u)
	err = c.Commit(func(tx *store.Tx) error {
		again, err := s.openRefresh(tx, p, cl, token, c.Time)
		if err != nil || !rotates(&cl.Spec) {
			return err
		}
		g := again.g
		g.Serial, g.Rotated = g.Serial+1, c.Time
		if out.RefreshToken, err = s.newRefreshToken(g); err != nil {
			return err
		}
		return grants.Put(tx, store.K(g.Pool, g.User, g.ID), g)
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// revokeAll ends every sign-in of a user.
func revokeAll(tx *store.Tx, u *user) error {
	return deleteAll(tx, grants, grants.Scan(tx, store.K(u.Pool, u.Key), nil))
}
