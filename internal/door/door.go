package door

import (
	"time"

	"cloister/internal/audit"
	"cloister/internal/awsapi"
	"cloister/internal/awsapi/sigv4"
	"cloister/internal/seal"
	"cloister/internal/store"
)

// Config is what a door needs. All of it is required but the clock and the bound.
type Config struct {
	DB        *store.DB
	Audit     *audit.Log
	Directory Directory
	// Organizations says which accounts there are and what binds them.
	Organizations Organizations

	Services []*awsapi.Service
	Region   string // the node's own region, for calls that name none

	// Sealing seals the reasons of denials; without it none is given.
	Sealing *seal.Keyring

	// Count is told of each refusal for what callers do too often or wrongly, by a
	// word for why; it may be nil.
	Count func(reason string)

	Now func() time.Time // nil for the system's clock

	// BodyBytes is the memory that the bodies of all requests in flight may
	// take together, 512 MB when zero. Beyond it callers are told to slow down.
	BodyBytes int64
}

const usualBodyBytes = 512 << 20

// Door authenticates, authorises, runs and audits calls. Register operations
// before the first call; after that it is safe for concurrent use.
type Door struct {
	db        *store.DB
	audit     *audit.Log
	directory Directory
	// organizations is asked on every call
	organizations Organizations

	router    *awsapi.Router
	region    string
	sealing   *seal.Keyring
	signing   map[string]bool // names that the services are signed for
	keys      *sigv4.KeyCache
	entries   map[*awsapi.Operation]*entry
	now       func() time.Time
	bodies    budget
	strangers *strangers
	strays    strays
	guesses   guesses
	count     func(reason string)

	publicForms bool // an operation of a query protocol need not be signed
}

// New makes a door with nothing registered: every call is refused.
func New(c Config) *Door {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.BodyBytes == 0 {
		c.BodyBytes = usualBodyBytes
	}
	if c.Organizations == nil {
		panic("door: nobody is let in who may not be bound")
	}
	return &Door{
		organizations: c.Organizations,

		db:        c.DB,
		audit:     c.Audit,
		directory: c.Directory,
		router:    awsapi.NewRouter(c.Services...),
		region:    c.Region,
		sealing:   c.Sealing,
		signing:   signingNames(c.Services),
		keys:      sigv4.NewKeyCache(10_000),
		entries:   map[*awsapi.Operation]*entry{},
		now:       c.Now,
		count:     c.Count,
		bodies:    budget{most: c.BodyBytes},
		strangers: newStrangers(c.Audit),
	}
}

// healthy reports why nothing may be answered, if so: an acknowledgement that
// could not be kept must not be given.
func (d *Door) healthy() error {
	if err := d.db.Healthy(); err != nil {
		return err
	}
	return d.audit.Healthy()
}

func signingNames(services []*awsapi.Service) map[string]bool {
	names := map[string]bool{}
	for _, s := range services {
		names[s.SigningName] = true
	}
	return names
}
