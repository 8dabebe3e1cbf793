package iam

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"strings"
	"sync"
	"time"

	"cloister/internal/door/session"
	"cloister/internal/store"
)

const (
	// flushEvery is how often uses of access keys are written down. Until then
	// GetAccessKeyLastUsed answers from memory; a crash loses as much.
	flushEvery = time.Minute
	// maxUses bounds the uses waiting to be written; further keys wait for the
	// next time they are used.
	maxUses = 10_000
)

// uses collects the latest use of each access key.
type uses struct {
	mu      sync.Mutex
	pending map[string]lastUse
}

// Used notes that a request signed with a long-term access key was
// authenticated. It is on the path of every request and only remembers.
func (s *Service) Used(accessKeyID, service, region string, at time.Time) {
	if strings.HasPrefix(accessKeyID, session.TemporaryPrefix) {
		return
	}
	s.uses.mu.Lock()
	defer s.uses.mu.Unlock()
	if s.uses.pending == nil {
		s.uses.pending = map[string]lastUse{}
	}
	if _, known := s.uses.pending[accessKeyID]; known || len(s.uses.pending) < maxUses {
		s.uses.pending[accessKeyID] = lastUse{At: at, Service: service, Region: region}
	}
}

// Run writes uses of access keys down from time to time until ctx ends, and
// then once more.
func (s *Service) Run(ctx context.Context) {
	tick := time.NewTicker(flushEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			s.flushOrLog(ctx)
		case <-ctx.Done():
			s.flushOrLog(context.WithoutCancel(ctx))
			return
		}
	}
}

func (s *Service) flushOrLog(ctx context.Context) {
	if err := s.flush(ctx); err != nil {
		slog.Warn("the last uses of access keys could not be written down", "error", err)
	}
	if err := s.flushActs(ctx); err != nil {
		slog.Warn("what users and roles did last could not be written down", "error", err)
	}
}

// flush writes the pending uses down.
func (s *Service) flush(ctx context.Context) error {
	s.uses.mu.Lock()
	pending := maps.Clone(s.uses.pending)
	s.uses.mu.Unlock()
	if len(pending) == 0 {
		return nil
	}
	err := s.db.Update(ctx, func(tx *store.Tx) error {
		for id, use := range pending {
			if err := s.record(tx, id, use); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		s.uses.written(pending)
	}
	return err
}

// written forgets uses that are in the store now, but for keys used since.
func (u *uses) written(those map[string]lastUse) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for id, use := range those {
		if u.pending[id] == use {
			delete(u.pending, id)
		}
	}
}

// record stores a use, unless the key is gone: a use belongs to a key.
func (s *Service) record(tx *store.Tx, id string, use lastUse) error {
	key := s.useKey(id)
	if key == id {
		_, err := accessKeys.Get(tx, store.K(id))
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
	}
	return lastUses.Put(tx, store.K(key), &lastUse{At: second(use.At), Service: use.Service, Region: use.Region})
}

// useKey is the key of a use in its table: the root user's, whose access key may
// be another one when the node starts again, is its ARN.
func (s *Service) useKey(id string) string {
	if id == s.root.Principal.AccessKeyID {
		return rootARN(s.account)
	}
	return id
}

// lastUse is the latest known use of a key, nil for none.
func (s *Service) lastUse(r store.Reader, id string) (*lastUse, error) {
	s.uses.mu.Lock()
	use, ok := s.uses.pending[id]
	s.uses.mu.Unlock()
	if ok {
		use.At = second(use.At)
		return &use, nil
	}
	written, err := lastUses.Get(r, store.K(s.useKey(id)))
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	return written, err
}
