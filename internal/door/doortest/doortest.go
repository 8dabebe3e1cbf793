// Package doortest gives a service's tests a real door on a real store and a
// real audit log in a temporary directory, with principals made on the spot.
// When the test ends it verifies the store and the audit log.
package doortest

import (
	"context"
	"crypto/sha256"
	"fmt"
	"sync"
	"testing"
	"time"

	"cloister/internal/audit"
	"cloister/internal/awsapi"
	"cloister/internal/awsapi/sigv4"
	"cloister/internal/door"
	"cloister/internal/seal"
	"cloister/internal/store"
	"cloister/internal/store/pebbleengine"
	"cloister/policy"
)

// The account and region of every harness.
const (
	Account = "123456789012"
	Region  = "us-east-1"
)

// Harness is a door with what stands under it.
type Harness struct {
	Door  *door.Door
	DB    *store.DB
	Audit *audit.Log
	Keys  *seal.Keyring
	Dir   string
	Users *Directory
	// Accounts knows every account, as one on its own unless it is set.
	Accounts *Accounts

	t testing.TB
}

// New makes a harness for services. Options change the door's configuration
// before it is made, to put another Directory in for example.
func New(t testing.TB, services []*awsapi.Service, options ...func(*Harness, *door.Config)) *Harness {
	t.Helper()
	h := &Harness{Dir: t.TempDir(), Users: &Directory{}, Accounts: &Accounts{}, t: t}
	var err error
	h.Keys, err = seal.Open(seal.RootOptions{Dir: h.Dir, Create: true})
	h.must(err)
	engine, err := pebbleengine.Open(h.Dir+"/store", h.Keys)
	h.must(err)
	h.DB, err = store.Open(engine, h.Keys)
	h.must(err)
	h.Audit, err = audit.Open(h.Dir, h.DB, h.Keys)
	h.must(err)
	config := door.Config{DB: h.DB, Audit: h.Audit, Directory: h.Users, Organizations: h.Accounts, Services: services, Region: Region, Sealing: h.Keys}
	for _, option := range options {
		option(h, &config)
	}
	h.Door = door.New(config)
	t.Cleanup(h.close)
	return h
}

func (h *Harness) must(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}

// close ends every test by checking what it left behind.
func (h *Harness) close() {
	ctx := context.Background()
	if err := h.DB.Check(ctx); err != nil {
		h.t.Errorf("store: %v", err)
	}
	if err := h.Audit.Close(); err != nil {
		h.t.Errorf("close the audit log: %v", err)
	}
	if _, err := audit.Verify(ctx, audit.VerifyOptions{Dir: h.Dir, Keys: h.Keys}); err != nil {
		h.t.Errorf("audit: %v", err)
	}
	if err := h.DB.Close(); err != nil {
		h.t.Errorf("close the store: %v", err)
	}
}

// Root is the account's root user, who may do everything.
func (h *Harness) Root() *door.Principal {
	return &door.Principal{Principal: policy.Principal{
		Kind: policy.PrincipalRoot, ARN: "arn:aws:iam::" + Account + ":root", Account: Account, UserID: Account,
	}}
}

// User is a user with the given identity policies and no others.
func (h *Harness) User(name string, policies ...string) *door.Principal {
	h.t.Helper()
	arn := fmt.Sprintf("arn:aws:iam::%s:user/%s", Account, name)
	p := &door.Principal{Name: name, Principal: policy.Principal{
		Kind: policy.PrincipalUser, ARN: arn, Account: Account, UserID: UniqueID("AIDA", name),
	}}
	h.Users.Set(p, parse(h.t, policies))
	return p
}

// Role is a session of a role with the given identity policies and no others.
func (h *Harness) Role(name, session string, policies ...string) *door.Principal {
	h.t.Helper()
	p := &door.Principal{Name: session, Principal: policy.Principal{
		Kind:    policy.PrincipalAssumedRole,
		ARN:     fmt.Sprintf("arn:aws:sts::%s:assumed-role/%s/%s", Account, name, session),
		RoleARN: fmt.Sprintf("arn:aws:iam::%s:role/%s", Account, name),
		Account: Account, UserID: UniqueID("AROA", name) + ":" + session,
	}}
	h.Users.Set(p, parse(h.t, policies))
	return p
}

// UniqueID is the id that the tests' user ("AIDA") or role ("AROA") of a name has.
func UniqueID(prefix, name string) string {
	sum := sha256.Sum256([]byte(name))
	return fmt.Sprintf("%s%X", prefix, sum[:8])
}

func parse(t testing.TB, documents []string) *policy.Policies {
	t.Helper()
	all := &policy.Policies{}
	for i, text := range documents {
		p, err := policy.Parse(policy.KindIdentity, []byte(text))
		if err != nil {
			t.Fatalf("policy %d: %v", i, err)
		}
		all.Identity = append(all.Identity, policy.Named{Name: fmt.Sprintf("policy-%d", i), Policy: p})
	}
	return all
}

// Directory is a door.Directory of the principals given to Set and the access
// keys given to SetKey.
type Directory struct {
	mu       sync.Mutex
	policies map[string]*policy.Policies // by principal ARN
	keys     map[string]*door.Credential
}

// Set makes p known, bound by policies.
func (d *Directory) Set(p *door.Principal, policies *policy.Policies) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.policies == nil {
		d.policies = map[string]*policy.Policies{}
	}
	d.policies[p.ARN] = policies
}

// Remove has p no longer exist.
func (d *Directory) Remove(p *door.Principal) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.policies, p.ARN)
}

// SetKey makes an access key known.
func (d *Directory) SetKey(id string, c *door.Credential) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.keys == nil {
		d.keys = map[string]*door.Credential{}
	}
	d.keys[id] = c
}

// Credential implements door.Directory. It knows no session tokens.
func (d *Directory) Credential(_ context.Context, id, _ string) (*door.Credential, *awsapi.Error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	c, ok := d.keys[id]
	if !ok {
		return nil, sigv4.InvalidClientTokenID()
	}
	return c, nil
}

// Used implements door.Directory.
func (d *Directory) Used(string, string, string, time.Time) {}

// Acted implements door.Directory.
func (d *Directory) Acted(*door.Principal, string, string, time.Time) {}

// Policies implements door.Directory.
func (d *Directory) Policies(p *door.Principal) (*policy.Policies, bool) {
	if p.Kind == policy.PrincipalRoot {
		return &policy.Policies{}, true
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	policies, ok := d.policies[p.ARN]
	return policies, ok
}

// Accounts is a door.Organizations of the memberships given to Set. Every other
// account exists and is on its own.
type Accounts struct {
	mu      sync.Mutex
	members map[string]*door.Membership
	err     error
}

// Set makes an account what m says.
func (a *Accounts) Set(m *door.Membership) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.members == nil {
		a.members = map[string]*door.Membership{}
	}
	a.members[m.Account] = m
}

// Fail has every answer be an error, until it is given nil.
func (a *Accounts) Fail(err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.err = err
}

// Of implements door.Organizations.
func (a *Accounts) Of(account string) (*door.Membership, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.err != nil {
		return nil, a.err
	}
	if m, ok := a.members[account]; ok {
		return m, nil
	}
	return &door.Membership{Account: account, Exists: true}, nil
}
