package oidc

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"

	"cloister/internal/dial"
)

const (
	// fresh is how long keys are used without asking the issuer again.
	fresh = 10 * time.Minute
	// stale is how long they are used while the issuer does not answer.
	stale = time.Hour
	// pause is between two times that an issuer is asked, and retry after it
	// could not answer.
	pause = 30 * time.Second
	retry = 10 * time.Second
	// mostIssuers bounds how many issuers are remembered.
	mostIssuers = 500
)

// Errors of Keys.Of.
var (
	// ErrUnreachable is for an issuer that could not be asked; it may pass.
	ErrUnreachable = errors.New("the issuer cannot be reached")
	// ErrNoKey is for an issuer whose documents have no such key, or are none.
	ErrNoKey = errors.New("the issuer has no such key")
)

// Issuer is who is asked for keys.
type Issuer struct {
	URL         string   // https, as tokens name it
	Thumbprints []string // of certificates to believe, where no authority vouches
}

func (i *Issuer) key() string { return i.URL + "\n" + strings.Join(i.Thumbprints, "\n") }

// Fetcher gets a document, as dial.Dialer.Fetch does.
type Fetcher func(ctx context.Context, url string, trust dial.Trust, most int64) ([]byte, error)

// Keys knows the keys of issuers. It is safe for concurrent use.
type Keys struct {
	fetch Fetcher

	mu      sync.Mutex
	issuers map[string]*known
}

// known is what is remembered of an issuer.
type known struct {
	keys    []jose.JSONWebKey
	fetched time.Time // when keys were had
	err     error     // of the last time that it was asked
	next    time.Time // when it may be asked again
	used    time.Time
	asking  chan struct{} // closed when the answer is there; nil while nobody asks
}

// NewKeys makes an empty memory.
func NewKeys(fetch Fetcher) *Keys { return &Keys{fetch: fetch, issuers: map[string]*known{}} }

// Of gives the keys of an issuer among which the one with an id is, or any if
// the id is empty. The issuer is asked when it has to be and may be; otherwise
// what is remembered has to do. The error wraps ErrUnreachable, ErrNoKey or
// dial.ErrNotTrusted.
func (k *Keys) Of(ctx context.Context, issuer *Issuer, id string, mayAsk bool) ([]jose.JSONWebKey, error) {
	for asked := false; ; asked = true {
		keys, asking, err := k.look(issuer, id, mayAsk && !asked)
		if asking == nil {
			return keys, err
		}
		select {
		case <-asking:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// look gives what is remembered or, where that will not do, the channel of the
// question that is under way.
func (k *Keys) look(issuer *Issuer, id string, mayAsk bool) ([]jose.JSONWebKey, <-chan struct{}, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	now := time.Now()
	i := k.issuers[issuer.key()]
	if i == nil {
		if !mayAsk {
			return nil, nil, ErrNoKey
		}
		i = k.remember(issuer.key())
	}
	i.used = now
	age := now.Sub(i.fetched)
	has := age < stale && has(i.keys, id)
	switch {
	case has && age < fresh || !mayAsk && has:
		return i.keys, nil, nil
	case mayAsk && i.asking != nil:
		return nil, i.asking, nil
	case mayAsk && !now.Before(i.next):
		i.asking = make(chan struct{})
		go k.ask(issuer, i)
		return nil, i.asking, nil
	case has:
		return i.keys, nil, nil
	case i.err != nil:
		return nil, nil, i.err
	}
	return nil, nil, ErrNoKey
}

// remember makes room for an issuer: the one that was used longest ago is
// forgotten.
func (k *Keys) remember(key string) *known {
	for len(k.issuers) >= mostIssuers {
		oldest := ""
		for name, i := range k.issuers {
			if i.asking == nil && (oldest == "" || i.used.Before(k.issuers[oldest].used)) {
				oldest = name
			}
		}
		if oldest == "" {
			break
		}
		delete(k.issuers, oldest)
	}
	i := &known{}
	k.issuers[key] = i
	return i
}

// ask asks an issuer. Nobody's impatience ends it: others wait as well, and the
// fetcher bounds its time.
func (k *Keys) ask(issuer *Issuer, i *known) {
	keys, err := k.survive(issuer)
	k.mu.Lock()
	defer k.mu.Unlock()
	now := time.Now()
	i.err, i.next = err, now.Add(pause)
	if err == nil {
		i.keys, i.fetched = keys, now
	} else {
		i.next = now.Add(retry)
		slog.Warn("the keys of an identity provider cannot be had", "issuer", issuer.URL, "error", err)
	}
	close(i.asking)
	i.asking = nil
}

// survive is load, of which nothing that an issuer answers ends the process.
func (k *Keys) survive(issuer *Issuer) (keys []jose.JSONWebKey, err error) {
	defer func() {
		if p := recover(); p != nil {
			slog.Error("reading the keys of an identity provider panicked", "issuer", issuer.URL, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			keys, err = nil, fmt.Errorf("%w: its documents cannot be read", ErrNoKey)
		}
	}()
	return k.load(context.Background(), issuer)
}

// load fetches an issuer's documents (OpenID Connect Discovery, section 4).
func (k *Keys) load(ctx context.Context, issuer *Issuer) ([]jose.JSONWebKey, error) {
	trust := dial.Trust{Thumbprints: issuer.Thumbprints}
	text, err := k.fetch(ctx, strings.TrimSuffix(issuer.URL, "/")+"/.well-known/openid-configuration", trust, mostDiscovery)
	if err != nil {
		return nil, fetchError(err)
	}
	address, err := readDiscovery(text, issuer.URL)
	if err != nil {
		return nil, err
	}
	if text, err = k.fetch(ctx, address, trust, mostKeySet); err != nil {
		return nil, fetchError(err)
	}
	return readKeySet(text)
}

// fetchError sorts why a document could not be had.
func fetchError(err error) error {
	var status *dial.StatusError
	switch {
	case errors.Is(err, dial.ErrNotTrusted):
		return err
	case errors.Is(err, dial.ErrTooLarge), errors.As(err, &status) && status.Code < 500:
		return fmt.Errorf("%w: %w", ErrNoKey, err)
	}
	return fmt.Errorf("%w: %w", ErrUnreachable, err)
}

func has(keys []jose.JSONWebKey, id string) bool {
	if id == "" {
		return len(keys) > 0
	}
	return slices.ContainsFunc(keys, func(k jose.JSONWebKey) bool { return k.KeyID == id })
}
