package organizations

import (
	"errors"
	"slices"
	"time"

	api "cloister/internal/awsapi/organizations"
	"cloister/internal/store"
)

// organization is one organisation. Its tree is in targets.
type organization struct {
	ID, Root   string
	Management string // account
	Features   string // ALL or CONSOLIDATED_BILLING
	Enabled    []string
	Created    time.Time
}

// enabled tells whether policies of a type count in the organisation.
func (o *organization) enabled(kind string) bool { return slices.Contains(o.Enabled, kind) }

// account is an account of this node. Its row stays for ever, so that no other
// gets its number.
type account struct {
	ID, Name, Email string
	Org             string // "" for one that is on its own
	State           string // one of the model's AccountState; accountFailed for one that never was
	Method          string
	Created, Joined time.Time
}

// accountFailed is the state of an account that could not be made.
const accountFailed = "FAILED"

// target is what policies are attached to: the root, a unit, or an account's
// place in the tree.
type target struct {
	Org, ID, Kind string // Kind is one of the model's TargetType
	Parent        string // "" of the root
	Name          string // "" of an account, which has its own
	Policies      map[string][]string
	Tags          []Tag
	Created       time.Time
}

// Tag is a tag, its key as it was given first.
type Tag struct{ Key, Value string }

// document is a policy.
type document struct {
	Org, ID, Type, Name, Description, Content string
	Tags                                      []Tag
	Managed                                   bool // AWS's own
}

// creation is a request to make an account.
type creation struct {
	ID, Org, Account, Name, Email, Role string
	Tags                                []Tag
	State, Reason                       string
	Requested, Completed                time.Time
}

// creationsKept is how long it can be asked what became of a request.
const creationsKept = 90 * 24 * time.Hour

var (
	organizations = store.Define[organization]("organizations.organization") // id
	accounts      = store.Define[account]("organizations.account",           // id
		store.Index("org", func(a *account) []store.Key { return keyIf(a.Org != "", a.Org) }),
		store.Index("email", func(a *account) []store.Key { return keyIf(a.Email != "" && a.State != accountFailed, fold(a.Email)) }))
	targets = store.Define[target]("organizations.target", // organisation, id
		store.Index("parent", func(t *target) []store.Key { return keyIf(t.Parent != "", t.Org, t.Parent) }),
		store.Index("policy", func(t *target) []store.Key {
			var keys []store.Key
			for _, kind := range policyTypes {
				for _, id := range t.Policies[kind] {
					keys = append(keys, store.K(t.Org, id))
				}
			}
			return keys
		}))
	documents = store.Define[document]("organizations.policy", // organisation, id
		store.Index("name", func(p *document) []store.Key { return []store.Key{store.K(p.Org, p.Type, p.Name)} }, store.Unique()))
	creations = store.Define[creation]("organizations.creation", // organisation, id
		store.Expiry(func(c *creation) time.Time {
			if c.Completed.IsZero() {
				return time.Time{}
			}
			return c.Completed.Add(creationsKept)
		}),
		store.Index("open", func(c *creation) []store.Key {
			return keyIf(c.State == api.CreateAccountStateInProgress, c.State)
		}))
)

func keyIf(ok bool, parts ...any) []store.Key {
	if !ok {
		return nil
	}
	return []store.Key{store.K(parts...)}
}

func (o *organization) put(tx *store.Tx) error { return organizations.Put(tx, store.K(o.ID), o) }

func (a *account) put(tx *store.Tx) error { return accounts.Put(tx, store.K(a.ID), a) }

func (t *target) put(tx *store.Tx) error { return targets.Put(tx, store.K(t.Org, t.ID), t) }

func (p *document) put(tx *store.Tx) error { return documents.Put(tx, store.K(p.Org, p.ID), p) }

func (c *creation) put(tx *store.Tx) error { return creations.Put(tx, store.K(c.Org, c.ID), c) }

// orElse gives another error for store.ErrNotFound.
func orElse[T any](v T, err, missing error) (T, error) {
	if errors.Is(err, store.ErrNotFound) {
		err = missing
	}
	return v, err
}

// all reads what a scan yields.
func all[T any](scan func(yield func(store.Item[T], error) bool)) ([]*T, error) {
	var found []*T
	for item, err := range scan {
		if err != nil {
			return nil, err
		}
		found = append(found, item.Value)
	}
	return found, nil
}

// children are the targets below a parent, sorted by id.
func (o *organization) children(r store.Reader, parent, kind string) ([]*target, error) {
	found, err := all(targets.ScanIndex(r, "parent", store.K(o.ID, parent), nil))
	found = slices.DeleteFunc(found, func(t *target) bool { return kind != "" && t.Kind != kind })
	slices.SortFunc(found, func(a, b *target) int { return compare(a.ID, b.ID) })
	return found, err
}

// target finds one target, or gives missing.
func (o *organization) target(r store.Reader, id string, missing error) (*target, error) {
	t, err := targets.Get(r, store.K(o.ID, id))
	return orElse(t, err, missing)
}
