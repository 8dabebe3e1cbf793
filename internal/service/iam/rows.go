package iam

import (
	"strings"
	"time"

	"cloister/internal/seal"
	"cloister/internal/store"
)

// Entity is what users, groups and roles have in common.
type Entity struct {
	Account, Path, Name string
	ID                  string // unique for ever, never reused
	Created             time.Time
	Inline              []Document // sorted by name
	Attached            []string   // ARNs of managed policies, in the order of attachment
}

// Document is an inline policy.
type Document struct{ Name, Text string }

// Tag is a tag, its key as it was given first.
type Tag struct{ Key, Value string }

// user, group and role are rows. Each is one row with all that hangs on it, so
// that what binds a principal is read and changed in one piece.
type user struct {
	Entity
	Boundary string // ARN of the permissions boundary, or ""
	Tags     []Tag
	Groups   []string // ids
}

type group struct{ Entity }

type role struct {
	Entity
	Boundary    string
	Tags        []Tag
	Trust       string // as it was given
	Bound       string // Trust as it decides; see bindTrust
	Description string
	MaxSession  int64 // seconds
}

// instanceProfile holds a role for an EC2 instance, as no more than a container:
// there is no EC2 here.
type instanceProfile struct {
	Entity
	Tags   []Tag
	RoleID string // "" for none
}

// accessKey belongs to a user by the user's id.
type accessKey struct {
	Account, ID, UserID string
	Secret              seal.Secret
	Inactive            bool
	Created             time.Time
}

// lastUse says when and for what an access key was last used. It is a table of
// its own: it changes without anybody asking, and decides nothing.
type lastUse struct {
	At              time.Time
	Service, Region string
}

// loginProfile is a user's password.
type loginProfile struct {
	Account, UserID string
	Password        password
	Reset           bool // the user has to set another one
	Created         time.Time
	Changed         time.Time  // when Password was set, zero for Created
	Earlier         []password // latest first, as many as a policy can ask for
}

// mfaDevice is a virtual MFA device.
type mfaDevice struct {
	Account, Path, Name string
	Seed                seal.Secret
	Created             time.Time
	Tags                []Tag
	Holder              string    // the unique id of its user, the account for the root user, "" for nobody
	Enabled             time.Time // since when it has a holder
	Used                int64     // the latest step of which a code was accepted: none up to it counts again
	Drift               int64     // by how many steps the device's clock is ahead
}

// credentialReport is the latest of an account.
type credentialReport struct {
	Text      []byte
	Generated time.Time
}

// attempt is the latest one of a user or role at an action, whatever the answer
// was.
type attempt struct {
	At     time.Time
	Region string
}

// accessReport says when those who act by an identity last tried something of
// each service that its policies allow something of.
type accessReport struct {
	Owner    string // who may read it: a user's or role's unique id
	Made     time.Time
	Actions  bool // it tells of actions, too
	Doers    []accessDoer
	Services []accessedService // by prefix
}

type accessDoer struct{ ARN, Name, Kind, ID, Path string }

type accessedService struct {
	Prefix  string
	Uses    []access // the latest of each doer who tried
	Actions []accessedAction
}

type accessedAction struct {
	Name string
	Use  access // the latest; of doer -1 for none
}

// access is an attempt of a doer, by its place in the report.
type access struct {
	Doer int
	attempt
}

// deletion is of a service-linked role. It is done; the row is for who asks.
type deletion struct{ Ends time.Time }

// settings are what an account says of itself.
type settings struct {
	Account   string
	Alias     string
	Passwords *passwordPolicy // nil for AWS's own
	// TokenVersion is the preferred version of the tokens of STS's global
	// endpoint, 0 for the one that they have. All tokens count in all regions.
	TokenVersion int64
}

// managed is a managed policy with its versions, oldest first.
type managed struct {
	Account, Path, Name, ID string
	Description             string
	Created, Updated        time.Time
	Tags                    []Tag
	Versions                []version
	Default                 int64
	Last                    int64 // highest version number ever given
}

type version struct {
	Number  int64
	Text    string
	Created time.Time
}

// counts is how many of each there are in an account, for quotas and the
// account summary without counting rows.
type counts struct {
	Users, Groups, Roles, Policies, Versions, InstanceProfiles, Providers int64
	MFADevices, MFADevicesInUse                                           int64
}

// The tables. Names are compared without regard to case, as IAM does
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html).
var (
	users = store.Define[user]("iam.user", // account, id
		byName(func(u *user) *Entity { return &u.Entity }),
		byPolicy(func(u *user) *Entity { return &u.Entity }),
		byBoundary(func(u *user) (string, string) { return u.Account, u.Boundary }),
		store.Index("group", func(u *user) []store.Key {
			keys := make([]store.Key, len(u.Groups))
			for i, g := range u.Groups {
				keys[i] = store.K(u.Account, g)
			}
			return keys
		}))
	groups = store.Define[group]("iam.group", // account, id
		byName(func(g *group) *Entity { return &g.Entity }),
		byPolicy(func(g *group) *Entity { return &g.Entity }))
	roles = store.Define[role]("iam.role", // account, id
		byName(func(r *role) *Entity { return &r.Entity }),
		byPolicy(func(r *role) *Entity { return &r.Entity }),
		byBoundary(func(r *role) (string, string) { return r.Account, r.Boundary }))
	instanceProfiles = store.Define[instanceProfile]("iam.instanceprofile", // account, id
		byName(func(p *instanceProfile) *Entity { return &p.Entity }),
		store.Index("role", func(p *instanceProfile) []store.Key {
			if p.RoleID == "" {
				return nil
			}
			return []store.Key{store.K(p.Account, p.RoleID)}
		}))
	accessKeys = store.Define[accessKey]("iam.accesskey", // access key id: of all accounts together
		store.Index("user", func(k *accessKey) []store.Key { return []store.Key{store.K(k.Account, k.UserID)} }))
	lastUses      = store.Define[lastUse]("iam.keyuse")     // access key id
	loginProfiles = store.Define[loginProfile]("iam.login") // account, user id
	mfaDevices    = store.Define[mfaDevice]("iam.mfa",      // account, ARN
		store.Index("holder", func(d *mfaDevice) []store.Key {
			if d.Holder == "" {
				return nil
			}
			return []store.Key{store.K(d.Account, d.Holder)}
		}))
	credentialReports = store.Define[credentialReport]("iam.credentialreport") // account
	attempts          = store.Define[attempt]("iam.attempt",                   // account, id of a user or role, action
		store.Expiry(func(a *attempt) time.Time { return a.At.Add(actsKept) }))
	accessReports = store.Define[accessReport]("iam.accessreport", // account, job id
		store.Expiry(func(a *accessReport) time.Time { return a.Made.Add(accessReportKept) }))
	deletions = store.Define[deletion]("iam.deletion", // account, task id
		store.Expiry(func(d *deletion) time.Time { return d.Ends }))
	accountSettings = store.Define[settings]("iam.settings", // account
		store.Index("alias", func(s *settings) []store.Key {
			if s.Alias == "" {
				return nil
			}
			return []store.Key{store.K(s.Alias)}
		}, store.Unique()))
	policies = store.Define[managed]("iam.policy", // account, ARN
		store.Index("name", func(p *managed) []store.Key { return []store.Key{store.K(p.Account, fold(p.Name))} }, store.Unique()))
	accounts = store.Define[counts]("iam.account") // account
)

// fold makes equal what differs in case only. Names are ASCII.
func fold(name string) string { return strings.ToLower(name) }

func byName[T any](of func(*T) *Entity) store.Option {
	return store.Index("name", func(v *T) []store.Key {
		e := of(v)
		return []store.Key{store.K(e.Account, fold(e.Name))}
	}, store.Unique())
}

func byPolicy[T any](of func(*T) *Entity) store.Option {
	return store.Index("policy", func(v *T) []store.Key {
		e := of(v)
		keys := make([]store.Key, len(e.Attached))
		for i, arn := range e.Attached {
			keys[i] = store.K(e.Account, arn)
		}
		return keys
	})
}

func byBoundary[T any](of func(*T) (account, arn string)) store.Option {
	return store.Index("boundary", func(v *T) []store.Key {
		account, arn := of(v)
		if arn == "" {
			return nil
		}
		return []store.Key{store.K(account, arn)}
	})
}
