package cognitoidp

import (
	"context"
	"errors"
	"strings"
	"sync"

	"github.com/go-jose/go-jose/v4"

	"cloister/internal/store"
)

// Issuers are the pools as those see them who verify tokens on this node: by
// either name of a pool, without a connection. It implements jwt.Own of the gate
// and is safe for concurrent use. A pool's keys are the same slice until they
// change.
type Issuers struct {
	s *Service

	mu    sync.Mutex
	count uint64 // of changes, so that no load outlives one
	known map[string][]jose.JSONWebKey
}

// mostKnown bounds the memory; at the bound everything is read anew.
const mostKnown = 1000

// Issuers gives the pools as issuers.
func (s *Service) Issuers() *Issuers {
	i := &Issuers{s: s, known: map[string][]jose.JSONWebKey{}}
	s.db.Subscribe(poolKeys.Table(), func(change store.Change) {
		pool, _ := change.Key[0].(string)
		i.mu.Lock()
		defer i.mu.Unlock()
		i.count++
		delete(i.known, pool)
	})
	return i
}

// Keys gives the name of the pool that a URL is the issuer of, in AWS's form, and
// its keys. ok is false for an issuer that is no pool of this node.
func (i *Issuers) Keys(ctx context.Context, url string) (issuer string, keys []jose.JSONWebKey, ok bool, err error) {
	pool, region := i.poolOf(url)
	if pool == "" {
		return "", nil, false, nil
	}
	i.mu.Lock()
	keys, known := i.known[pool]
	before := i.count
	i.mu.Unlock()
	if !known {
		if keys, err = i.load(ctx, pool); errors.Is(err, store.ErrNotFound) {
			return "", nil, false, nil
		}
		if err != nil {
			return "", nil, false, err
		}
		keys = i.remember(pool, before, keys)
	}
	return "https://cognito-idp." + region + ".amazonaws.com/" + pool, keys, true, nil
}

// remember keeps what was loaded, unless it has changed since.
func (i *Issuers) remember(pool string, before uint64, keys []jose.JSONWebKey) []jose.JSONWebKey {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.count != before {
		return keys
	}
	if other, known := i.known[pool]; known {
		return other
	}
	if len(i.known) >= mostKnown {
		clear(i.known)
	}
	i.known[pool] = keys
	return keys
}

func (i *Issuers) load(ctx context.Context, pool string) (keys []jose.JSONWebKey, err error) {
	err = i.s.db.View(ctx, func(r store.Reader) error {
		set, err := i.s.keySet(r, pool)
		if err == nil {
			keys = set.Keys
		}
		return err
	})
	return keys, err
}

// poolOf is the pool that an URL would be the issuer of, by either of its names.
func (i *Issuers) poolOf(url string) (pool, region string) {
	own, isOwn := strings.CutPrefix(url, i.s.publicURL+"/")
	aws, isAWS := strings.CutPrefix(url, "https://cognito-idp.")
	switch {
	case i.s.publicURL != "" && isOwn:
		pool = own
	case isAWS:
		host, id, _ := strings.Cut(aws, "/")
		if region, isAWS = strings.CutSuffix(host, ".amazonaws.com"); !isAWS || !strings.HasPrefix(id, region+"_") {
			return "", ""
		}
		pool = id
	}
	region, _, ok := strings.Cut(pool, "_")
	if !ok || strings.Contains(pool, "/") || len(pool) > 64 {
		return "", ""
	}
	return pool, region
}
