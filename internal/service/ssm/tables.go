package ssm

import (
	"errors"
	"strings"
	"time"

	"cloister/internal/store"
)

// Names are hashed. What lies under a path is found by an index that has every
// path above a name.
var (
	parameters = store.Define[parameter]("ssm.parameter", // account, region, name
		store.Index("under", func(p *parameter) (keys []store.Key) {
			for _, path := range above(p.Name) {
				keys = append(keys, store.K(p.Account, p.Region, path))
			}
			return keys
		}))
	versions = store.Define[version]("ssm.version", store.Clear(3)) // account, region, name, number
)

// parameter is what all versions of a parameter share.
type parameter struct {
	Account, Region, Name string
	Latest, Oldest        int64 // version numbers
	Labels                map[string]int64
	Tags                  []tag
	Expires               time.Time
}

type tag struct{ Key, Value string }

// version is a value and what was said with it. It never changes.
type version struct {
	Number         int64
	Type           string
	Text           string // of what is no SecureString
	Sealed         []byte // of a SecureString: KMS's ciphertext
	Envelope       []byte // of an advanced one: its data key, under KMS's key; Sealed is under that
	KeyID          string
	Description    string
	AllowedPattern string
	Tier           string
	DataType       string
	Policies       []policyText
	Modified       time.Time
	User           string // ARN
}

const (
	secure   = "SecureString"
	list     = "StringList"
	standard = "Standard"
	advanced = "Advanced"
)

func (p *parameter) key(parts ...any) store.Key {
	return append(store.K(p.Account, p.Region, p.Name), parts...)
}

func (p *parameter) arn() string { return arnOf(p.Account, p.Region, p.Name) }

// arnOf is the ARN of a parameter or of a path.
func arnOf(account, region, name string) string {
	return "arn:aws:ssm:" + region + ":" + account + ":parameter/" + strings.TrimPrefix(name, "/")
}

func (p *parameter) isGone(at time.Time) bool { return !p.Expires.IsZero() && !at.Before(p.Expires) }

// labels are those of a version, sorted.
func (p *parameter) labels(number int64) []string {
	var all []string
	for _, label := range keysOf(p.Labels) {
		if p.Labels[label] == number {
			all = append(all, label)
		}
	}
	return all
}

// above lists the paths that a name lies under, from the root down.
func above(name string) []string {
	paths := []string{"/"}
	for i := 1; i < len(name); i++ {
		if name[i] == '/' && name[0] == '/' {
			paths = append(paths, name[:i])
		}
	}
	return paths
}

// parent is the path right above a name.
func parent(name string) string {
	all := above(name)
	return all[len(all)-1]
}

// remove takes a parameter away with its versions.
func remove(tx *store.Tx, p *parameter) error {
	for n := p.Oldest; n <= p.Latest; n++ {
		if err := versions.Delete(tx, p.key(n)); err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
	}
	return parameters.Delete(tx, p.key())
}
