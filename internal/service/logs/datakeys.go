package logs

import (
	"context"
	"crypto/cipher"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"sync"
	"time"

	"github.com/fxamacker/cbor/v2"

	"cloister/internal/awsapi"
	"cloister/internal/door"
	"cloister/internal/door/customerkey"
	"cloister/internal/store"
)

// dataKey encrypts chunks of one group. It is wrapped by the customer's key that
// the group had when it was made.
type dataKey struct {
	ID      string
	Wrapped customerkey.Wrapped
	Made    int64
}

const (
	// keyLife is how long an opened data key is remembered: a customer's key that
	// is disabled is noticed that much later.
	keyLife = time.Minute
	// keyAge is how long a data key encrypts what is new.
	keyAge = 30 * 24 * time.Hour
	// maxOpenKeys bounds the memory; at the bound all are opened anew.
	maxOpenKeys = 10_000
)

// keys are the data keys that were opened lately. It is safe for concurrent use.
type keys struct {
	mu   sync.Mutex
	open map[string]openKey // by id, which is random
}

type openKey struct {
	aead  cipher.AEAD
	until time.Time
}

func (k *keys) cached(id string) cipher.AEAD {
	k.mu.Lock()
	defer k.mu.Unlock()
	if o, ok := k.open[id]; ok && time.Now().Before(o.until) {
		return o.aead
	}
	return nil
}

func (k *keys) remember(id string, aead cipher.AEAD) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.open == nil || len(k.open) >= maxOpenKeys {
		k.open = map[string]openKey{}
	}
	k.open[id] = openKey{aead, time.Now().Add(keyLife)}
}

// asLogs is the service as it asks for a group's keys, and the encryption context
// that it gives, as key policies for CloudWatch Logs expect them
// (https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html).
func asLogs(g groupID) (*door.Principal, customerkey.Context) {
	return door.ServicePrincipal("logs."+g.Region+".amazonaws.com", g.arn(), g.Account), customerkey.Context{"aws:logs:arn": g.arn()}
}

// keyRefused is AWS's error for a customer's key that cannot be used.
func keyRefused(g groupID, err error) error {
	refused := awsapi.Errorf("InvalidParameterException", "The specified KMS key does not exist or is not allowed to be used with LogGroup '%s'", g.arn())
	refused.Cause = err
	return refused
}

// makeKey makes a data key under a customer's key.
func (s *Service) makeKey(c *door.Call, g groupID, key string) (*dataKey, error) {
	as, with := asLogs(g)
	wrapped, aead, err := customerkey.New(c, s.door, as, key, with)
	if err != nil {
		return nil, keyRefused(g, err)
	}
	var id [16]byte
	_, _ = rand.Read(id[:]) // never fails
	made := &dataKey{ID: hex.EncodeToString(id[:]), Wrapped: *wrapped, Made: c.Time.UnixMilli()}
	s.keys.remember(made.ID, aead)
	return made, nil
}

// opened is a data key in use.
func (s *Service) opened(ctx context.Context, g groupID, k *dataKey) (cipher.AEAD, error) {
	if aead := s.keys.cached(k.ID); aead != nil {
		return aead, nil
	}
	as, with := asLogs(g)
	aead, err := customerkey.Unwrap(ctx, s.door, as, with, &k.Wrapped)
	if err != nil {
		return nil, keyRefused(g, err)
	}
	s.keys.remember(k.ID, aead)
	return aead, nil
}

// keysOf are all data keys of a group, opened: what its chunks may be under.
func (s *Service) keysOf(c *door.Call, g groupID) (opener, error) {
	var rows []*dataKey
	err := c.View(func(r store.Reader) (err error) {
		rows, err = storedKeys(r, g)
		return err
	})
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	all := opener{}
	for _, row := range rows {
		aead, err := s.opened(c, g, row)
		all[row.ID] = opened{aead, err}
	}
	return all, nil
}

// viewEvents runs fn on a snapshot, with the keys that the events of a group may
// be under: they are opened before, as no call is made on a snapshot.
func (s *Service) viewEvents(c *door.Call, name, arn *string, fn func(r store.Reader, keys opener) error) error {
	g, err := parseGroup(c, name, arn)
	if err != nil {
		return err
	}
	keys, err := s.keysOf(c, g)
	if err != nil {
		return err
	}
	return c.View(func(r store.Reader) error { return fn(r, keys) })
}

func storedKeys(r store.Reader, g groupID) (rows []*dataKey, err error) {
	for item, err := range dataKeys.Scan(r, g.key(), nil) {
		if err != nil {
			return nil, err
		}
		rows = append(rows, item.Value)
	}
	return rows, nil
}

// writingKey is what a batch for a group is put under.
type writingKey struct {
	customer string // the group's key then; "": none
	*dataKey
	aead  cipher.AEAD
	fresh bool // not stored yet
}

// youngKey is the newest data key of a group under a customer's key, nil if there
// is none that still encrypts what is new.
func youngKey(c *door.Call, r store.Reader, g groupID, customer string) (young *dataKey, err error) {
	rows, err := storedKeys(r, g)
	for _, k := range rows {
		if k.Wrapped.Key == customer && c.Time.UnixMilli()-k.Made < keyAge.Milliseconds() && (young == nil || k.Made > young.Made) {
			young = k
		}
	}
	return young, err
}

// keyForWriting is the group's newest data key, or a new one.
func (s *Service) keyForWriting(c *door.Call, g groupID) (*writingKey, error) {
	w := &writingKey{}
	err := c.View(func(r store.Reader) error {
		row, err := groups.Get(r, g.key())
		if err != nil {
			return or404(err, noGroup())
		}
		if w.customer = row.KMSKey; w.customer == "" {
			return nil
		}
		w.dataKey, err = youngKey(c, r, g, w.customer)
		return err
	})
	if err != nil || w.customer == "" {
		return w, err
	}
	if w.dataKey == nil {
		w.fresh = true
		if w.dataKey, err = s.makeKey(c, g, w.customer); err != nil {
			return nil, err
		}
	}
	w.aead, err = s.opened(c, g, w.dataKey)
	return w, err
}

// opener opens chunks, by the ids of data keys.
type opener map[string]opened

// opened is a data key, or why it does not open: what is under the others is
// read all the same.
type opened struct {
	aead    cipher.AEAD
	refused error
}

// events are the events of a chunk.
func (o opener) events(c *chunk) ([]event, error) {
	if c.DataKey == "" {
		return c.Events, nil
	}
	key, ok := o[c.DataKey]
	if key.refused != nil {
		return nil, key.refused
	}
	aead := key.aead
	if !ok || len(c.Sealed) < aead.NonceSize() {
		return nil, fmt.Errorf("a chunk of log events is under a data key that its group has not: %w", store.ErrCorrupt)
	}
	n := aead.NonceSize()
	text, err := aead.Open(nil, c.Sealed[:n], c.Sealed[n:], nil)
	if err != nil {
		return nil, customerkey.ErrDamaged
	}
	var events []event
	return events, cbor.Unmarshal(text, &events)
}

// seal puts a chunk's events under the key.
func (w *writingKey) seal(c *chunk) error {
	if w.customer == "" {
		return nil
	}
	text, err := cbor.Marshal(c.Events)
	if err != nil {
		return err
	}
	nonce := make([]byte, w.aead.NonceSize())
	_, _ = rand.Read(nonce) // never fails
	c.Size = c.bytes()
	c.DataKey, c.Sealed, c.Events = w.ID, w.aead.Seal(nonce, nonce, text, nil), nil
	return nil
}

// errKeyChanged says that a group got another key while a batch for it was made.
var errKeyChanged = awsapi.Errorf("OperationAbortedException", "Multiple concurrent requests to update the same resource were in conflict.")
