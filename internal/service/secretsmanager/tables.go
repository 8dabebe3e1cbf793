package secretsmanager

import (
	"slices"
	"time"

	"cloister/internal/store"
)

// Keys begin with account and region. Names are hashed: lists are sorted in
// memory.
var (
	secrets = store.Define[secret]("secretsmanager.secret") // account, region, name
	values  = store.Define[value]("secretsmanager.value")   // account, region, name, suffix, version
	// jobs are the rotations that are due at some time or under way.
	jobs = store.Define[job]("secretsmanager.rotation", // account, region, name
		store.Index("due", func(j *job) []store.Key { return []store.Key{store.K(j.Due)} }, store.Clear(0)),
		store.Index("due of", func(j *job) []store.Key { return []store.Key{store.K(j.Account, j.Due)} }, store.Clear(1)))
	// accessed is kept apart, so that reading a secret does not change it.
	accessed = store.Define[access]("secretsmanager.access") // account, region, name, suffix
)

// secret is all of a secret but its values.
type secret struct {
	Account, Region, Name, Suffix string
	Description                   string
	KeyID                         string // as it was given; "" for the one that AWS manages
	Created, Changed, Rotated     time.Time
	Deleted, Purge                time.Time // when it was marked for deletion, and when it is gone
	Tags                          []tag
	Policy                        string
	Replicas                      []replica
	Versions                      []version // the oldest first
	Rotation                      rotation

	known known
}

type tag struct{ Key, Value string }

type replica struct{ Region, KeyID string }

// version is one value's place. During a rotation it may have none yet.
type version struct {
	ID      string
	Stages  []string
	Created time.Time
	KeyID   string // as secret.KeyID, of its value
	Filled  bool   // it has a value
}

type rotation struct {
	Enabled  bool
	Function string // ARN; also kept when rotation is cancelled
	Rules    rules
	Next     time.Time // the end of the next window
}

// value is a secret's value under a data key, and that key under the secret's
// KMS key.
type value struct {
	Key    []byte // KMS's ciphertext
	Sealed []byte // AES-256-GCM, the nonce in front
	Binary bool
}

type access struct{ Day time.Time }

// The stages that mean something to the service.
const (
	current  = "AWSCURRENT"
	previous = "AWSPREVIOUS"
	pending  = "AWSPENDING"
)

func (s *secret) key(parts ...any) store.Key {
	return append(store.K(s.Account, s.Region, s.Name), parts...)
}

func (s *secret) valueKey(id string) store.Key { return s.key(s.Suffix, id) }

func (s *secret) arn() string {
	return "arn:aws:secretsmanager:" + s.Region + ":" + s.Account + ":secret:" + s.Name + "-" + s.Suffix
}

// isGone tells whether the recovery window is over.
func (s *secret) isGone(at time.Time) bool { return !s.Purge.IsZero() && !at.Before(s.Purge) }

func (s *secret) version(id string) *version {
	for i := range s.Versions {
		if s.Versions[i].ID == id {
			return &s.Versions[i]
		}
	}
	return nil
}

func (s *secret) at(stage string) *version {
	for i := range s.Versions {
		if slices.Contains(s.Versions[i].Stages, stage) {
			return &s.Versions[i]
		}
	}
	return nil
}

// move puts a stage on a version, nil for none, and takes it from the one that
// has it. What was AWSCURRENT becomes AWSPREVIOUS.
func (s *secret) move(stage string, to *version) {
	from := s.at(stage)
	if from == to {
		return
	}
	if from != nil {
		from.Stages = slices.DeleteFunc(from.Stages, func(have string) bool { return have == stage })
	}
	if to != nil {
		to.Stages = append(to.Stages, stage)
	}
	if stage == current && from != nil {
		s.move(previous, from)
	}
}

// add makes a version, or gives the one that is there.
func (s *secret) add(id string, at time.Time) *version {
	if v := s.version(id); v != nil {
		return v
	}
	s.Versions = append(s.Versions, version{ID: id, Created: at})
	return &s.Versions[len(s.Versions)-1]
}

// The quotas of one secret
// (https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_limits.html).
// Versions younger than a day are never forgotten to make room.
const (
	maxVersions = 100
	maxStages   = 20 // on all versions together
)

// checkQuotas refuses a secret that has grown too large.
func (s *secret) checkQuotas() error {
	stages := 0
	for i := range s.Versions {
		stages += len(s.Versions[i].Stages)
	}
	switch {
	case len(s.Versions) > maxVersions:
		return overQuota("a secret has at most %d versions, and keeps those of the last 24 hours", maxVersions)
	case stages > maxStages:
		return overQuota("the versions of a secret have at most %d staging labels together", maxStages)
	}
	return nil
}

// prune forgets the oldest versions without a stage when there are many, and
// tells which.
func (s *secret) prune(now time.Time) (gone []string) {
	s.Versions = slices.DeleteFunc(s.Versions, func(v version) bool {
		remove := len(s.Versions)-len(gone) > maxVersions && len(v.Stages) == 0 && now.Sub(v.Created) > 24*time.Hour
		if remove {
			gone = append(gone, v.ID)
		}
		return remove
	})
	return gone
}
