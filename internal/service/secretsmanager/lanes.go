package secretsmanager

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"cloister/internal/store"
)

// perAccount is how many rotations of one account run at once on a node. Slow
// ones hold up those of their own account only.
const perAccount = 8

// poll is how often a node looks for rotations that are due and that nobody
// told it of: those of a schedule, and those that another node left behind.
const poll = 5 * time.Second

// lanes counts what runs.
type lanes struct {
	mu    sync.Mutex
	busy  map[string]int  // lanes by account
	again map[string]bool // accounts that were given more while all their lanes were busy
	all   sync.WaitGroup
}

func newLanes() lanes { return lanes{busy: map[string]int{}, again: map[string]bool{}} }

// take gives a lane of an account, if one is free. One that is not has its
// account looked at again before a lane becomes free.
func (l *lanes) take(account string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.busy[account] == perAccount {
		l.again[account] = true
		return false
	}
	l.busy[account]++
	return true
}

// leave gives a lane back, unless its account has to be looked at again.
func (l *lanes) leave(account string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.again[account] {
		delete(l.again, account)
		return false
	}
	if l.busy[account]--; l.busy[account] == 0 {
		delete(l.busy, account)
	}
	return true
}

// awaken has Run look for an account's rotations at once, if it is not behind.
func (s *Service) awaken(account string) {
	select {
	case s.wake <- account:
	default:
	}
}

func (s *Service) runRotations(ctx context.Context) {
	defer s.lanes.all.Wait()
	tick := time.NewTicker(poll)
	defer tick.Stop()
	for {
		s.startDue(ctx)
		select {
		case <-ctx.Done():
			return
		case account := <-s.wake:
			s.start(ctx, account)
		case <-tick.C:
		}
	}
}

// startDue starts what is due, of every account as much as it has lanes for.
func (s *Service) startDue(ctx context.Context) {
	due := map[string]int{}
	err := s.db.View(ctx, func(r store.Reader) error {
		for item, err := range jobs.ScanIndex(r, "due", nil, nil) {
			if err != nil || item.Value.Due.After(s.now()) {
				return err
			}
			due[item.Value.Account]++
		}
		return nil
	})
	if err != nil && ctx.Err() == nil {
		slog.Warn("the rotations that are due could not be read", "error", err)
	}
	for account, n := range due {
		for range min(n, perAccount) {
			s.start(ctx, account)
		}
	}
}

// start has a lane of an account do what is due of it, one after the other.
func (s *Service) start(ctx context.Context, account string) {
	if !s.lanes.take(account) {
		return
	}
	s.lanes.all.Go(func() {
		for {
			for ctx.Err() == nil && s.rotateNext(ctx, account) {
			}
			if s.lanes.leave(account) {
				return
			}
		}
	})
}

// rotateNext does an account's first rotation that is due and tells whether
// there was one. One that cannot go on is tried again when its lease ends.
func (s *Service) rotateNext(ctx context.Context, account string) bool {
	row, j, err := s.claim(ctx, account)
	if err != nil && ctx.Err() == nil {
		slog.Warn("a rotation that is due could not be taken up", "account", account, "error", err)
	}
	if err != nil || j == nil {
		return false
	}
	if err := s.rotate(ctx, row, j); err != nil && ctx.Err() == nil {
		slog.Warn("a rotation could not go on", "secret", j.Name, "error", err)
	}
	return true
}
