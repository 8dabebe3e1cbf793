package invoke

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"time"

	"cloister/internal/cell"
	"cloister/internal/cell/egress"
	"cloister/internal/redact"
	"cloister/internal/service/lambda/codepkg"
	"cloister/internal/service/lambda/runtimes"
)

// Options are what a Fleet is put together from. Sandboxes, Code, Runtimes,
// OpenCode and Credentials are required.
type Options struct {
	Sandboxes Sandboxes      // the cells: FromHost
	Runtimes  *runtimes.Set  // what this machine can run
	Code      *codepkg.Cache // unpacked packages and layers
	OpenCode  codepkg.Source // the archive of a CodeID or LayerID

	// SealedCode asks, for a new cell, for the key of the package of a function
	// that says SealedCode, and gives what opens the package; such a function
	// does not start without.
	SealedCode func(ctx context.Context, fn *Function) (codepkg.Source, error)

	// Credentials gives a new cell the credentials of the function's role. It
	// is called once for each cell, off the warm path.
	Credentials func(ctx context.Context, fn *Function) (Credentials, error)

	// Environment gives a new cell the variables of a function that says OpenEnv,
	// with the credentials that it has; such a function does not start without.
	// An *UnresolvedError is the function's own failure.
	Environment func(ctx context.Context, fn *Function, with Credentials) (Environment, error)

	// ServePlatform serves the platform's endpoint inside a cell until the
	// listener is closed. It runs in its own goroutine; nil: no endpoint.
	ServePlatform func(l net.Listener, who CellIdentity)

	// ServeSecrets does the same for the interface of the Parameters and Secrets
	// extension, in a cell with these variables of the function's own; nil: none.
	ServeSecrets func(l net.Listener, who CellIdentity, own map[string]string)

	// Network gives a new cell of a function that has a Network its way out, and
	// what is to be called when the cell has ended; nil: there is none.
	Network func(fn *Function) (*egress.Network, func())

	// Logs receives what functions and the platform write; nil: nothing is kept.
	Logs LogSink

	// AccountConcurrency gives how many invocations may run at once in an
	// account over all functions without reserved concurrency. nil: 1,000.
	AccountConcurrency func(account string) int

	// MaxCells bounds the cells on this machine; the longest idle one makes
	// room. Without an idle one the call is throttled. 0: 1,000.
	MaxCells int
	// MaxMemoryBytes is how much memory all cells may really use together. The
	// sum of their MemorySize may be 8 times as much; beyond that it is as with
	// MaxCells. 0: cell.DefaultMemory; negative: no limit.
	MaxMemoryBytes int64
	// IdleTime is how long a cell waits for its next request before it is
	// stopped. 0: 10 min.
	IdleTime time.Duration
	// MaxAge is how long a cell is used. Cells are also given up in time
	// before their credentials expire. 0: 2 h.
	MaxAge time.Duration
	// InitTimeout bounds a cell's own initialisation. 0: 10 s, as on AWS.
	InitTimeout time.Duration
	// FlushInterval is the longest that a log line waits. 0: 200 ms.
	FlushInterval time.Duration

	// Slog takes what goes wrong in the platform; nil: slog.Default.
	Slog *slog.Logger
}

// Environment is the variables of a function, opened for one cell.
type Environment struct {
	Variables map[string]string
	Secrets   [][]byte // those that are kept out of the cell's log
}

// Credentials are a role's temporary credentials as they enter a cell. The
// type has no String and keeps out of logs by never being printed.
type Credentials struct {
	AccessKeyID     string
	SecretAccessKey string
	SessionToken    string
	Expires         time.Time // zero: never
}

// Format hides the credentials from every verb of package fmt.
func (Credentials) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte("credentials(hidden)")) }

// CellIdentity says which cell a connection to the platform came from.
type CellIdentity struct {
	CellID      string
	Account     string
	Region      string
	FunctionARN string // without a qualifier
	Version     string
	RoleARN     string
	AccessKeyID string // of the credentials the cell was given
	Credentials Credentials
	// Secrets are kept out of the cell's log: its credentials, and what
	// ServePlatform adds before an answer leaves.
	Secrets *redact.Secrets
}

func (o Options) withDefaults() Options {
	setDefault(&o.MaxCells, 1000)
	if o.MaxMemoryBytes == 0 {
		o.MaxMemoryBytes = cell.DefaultMemory()
	}
	setDefault(&o.IdleTime, 10*time.Minute)
	setDefault(&o.MaxAge, 2*time.Hour)
	setDefault(&o.InitTimeout, 10*time.Second)
	setDefault(&o.FlushInterval, 200*time.Millisecond)
	if o.AccountConcurrency == nil {
		o.AccountConcurrency = func(string) int { return 1000 }
	}
	if o.Slog == nil {
		o.Slog = slog.Default()
	}
	return o
}

func setDefault[T comparable](p *T, v T) {
	var zero T
	if *p == zero {
		*p = v
	}
}
