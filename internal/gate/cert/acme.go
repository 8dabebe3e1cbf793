package cert

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/crypto/acme"
	"golang.org/x/crypto/acme/autocert"

	"cloister/internal/store"
)

// Authority is who gives certificates by ACME, and for what.
type Authority struct {
	// Client reaches its directory, which is Let's Encrypt's where the client has
	// none.
	Client *acme.Client
	Email  string // whom it tells of trouble; may be empty
	// Known says whether a name is one that the node serves. Nothing is asked of
	// the authority for any other, whatever clients name.
	Known func(ctx context.Context, host string) bool
}

// NewACME gets certificates for names that clients ask for, and renews them. They,
// their keys and the account's are kept in db, sealed as everything there is, so
// that several nodes on one store share them. The authority's terms are accepted.
func NewACME(db *store.DB, a Authority) *autocert.Manager {
	if a.Client.DirectoryURL == "" {
		a.Client.DirectoryURL = acme.LetsEncryptURL
	}
	return &autocert.Manager{
		Prompt: autocert.AcceptTOS, Cache: cache{db}, Client: a.Client, Email: a.Email,
		HostPolicy: func(ctx context.Context, host string) error {
			if !a.Known(ctx, host) {
				return fmt.Errorf("%q is no name of this node", host)
			}
			return nil
		},
	}
}

// entry is one of autocert's files: a key, or a certificate with its key.
type entry struct{ Data []byte }

var entries = store.Define[entry]("gate.acme") // name

// cache implements autocert.Cache.
type cache struct{ db *store.DB }

// Get implements autocert.Cache.
func (c cache) Get(ctx context.Context, name string) (data []byte, err error) {
	err = c.db.View(ctx, func(r store.Reader) error {
		e, err := entries.Get(r, store.K(name))
		if err == nil {
			data = e.Data
		}
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return nil, autocert.ErrCacheMiss
	}
	return data, err
}

// Put implements autocert.Cache.
func (c cache) Put(ctx context.Context, name string, data []byte) error {
	return c.db.Update(ctx, func(tx *store.Tx) error { return entries.Put(tx, store.K(name), &entry{data}) })
}

// Delete implements autocert.Cache.
func (c cache) Delete(ctx context.Context, name string) error {
	return c.db.Update(ctx, func(tx *store.Tx) error { return entries.Delete(tx, store.K(name)) })
}
