package ec2

import (
	"context"
	"errors"
	"reflect"
	"sync"
	"sync/atomic"
	"time"

	"cloister/internal/awsapi"
	"cloister/internal/door"
	"cloister/internal/store"
)

// Service is EC2's network API. It is safe for concurrent use.
type Service struct {
	db    *store.DB
	door  *door.Door
	now   func() time.Time
	newID func(prefix string) string

	generation atomic.Uint64 // of all that decides on flows
	// InUse tells whether a service still has an interface that it made; set
	// before the service answers, or nil for none.
	InUse func(r store.Reader, account, region, id string) (bool, error)

	delivery *delivery

	mu       sync.Mutex
	watchers []func()
}

// New makes the service. Run delivers its flow logs.
func New(db *store.DB) *Service {
	s := &Service{db: db, now: time.Now, newID: newID, delivery: newDelivery()}
	for _, table := range tables {
		db.Subscribe(table, func(store.Change) { s.changed() })
	}
	return s
}

// dryRun tells whether an input asks for nothing but its permission.
func dryRun(in any) bool {
	f := reflect.ValueOf(in).Elem().FieldByName("DryRun")
	return f.IsValid() && !f.IsNil() && f.Elem().Bool()
}

func wouldSucceed() error {
	e := awsapi.Errorf("DryRunOperation", "Request would have succeeded, but DryRun flag is set.")
	e.Status = 412
	return e
}

// change registers an operation that changes something.
func change[In, Out any](s *Service, op awsapi.Op[In, Out], auth door.Auth[In], handler func(c *door.Call, tx *store.Tx, in *In) (*Out, error)) {
	door.Write(s.door, op, auth, func(c *door.Call, tx *store.Tx, in *In) (*Out, error) {
		if dryRun(in) {
			return nil, wouldSucceed()
		}
		if err := s.ensure(tx, c.Account, c.Region); err != nil {
			return nil, err
		}
		return handler(c, tx, in)
	})
}

// show registers an operation that reads, and for which the default network is
// made if it is not there yet.
func show[In, Out any](s *Service, op awsapi.Op[In, Out], auth door.Auth[In], handler func(c *door.Call, r store.Reader, in *In) (*Out, error)) {
	door.Act(s.door, op, auth, func(c *door.Call, in *In) (out *Out, err error) {
		if dryRun(in) {
			return nil, wouldSucceed()
		}
		if err := s.makeDefault(c, c.Account, c.Region); err != nil {
			return nil, err
		}
		err = c.View(func(r store.Reader) error {
			out, err = handler(c, r, in)
			return err
		})
		return out, err
	})
}

// makeDefault makes the default network of an account and region, once.
func (s *Service) makeDefault(ctx context.Context, account, region string) error {
	there := false
	err := s.db.View(ctx, func(r store.Reader) error {
		_, err := made.Get(r, store.K(account, region))
		there = err == nil
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		return err
	})
	if err != nil || there {
		return err
	}
	return s.db.Update(ctx, func(tx *store.Tx) error { return s.ensure(tx, account, region) })
}
