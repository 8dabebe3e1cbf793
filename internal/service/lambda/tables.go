package lambda

import (
	"strconv"
	"time"

	"cloister/internal/door/customerkey"
	"cloister/internal/store"
)

// Names stay clear in keys: lists are in their order.
var (
	functions = store.Define[function]("lambda.function", store.Clear(0, 1, 2))
	versions  = store.Define[version]("lambda.version", store.Clear(0, 1, 2, 3))
	aliases   = store.Define[alias]("lambda.alias", store.Clear(0, 1, 2, 3))
	// permissions holds the resource policies of functions, by qualifier.
	permissions = store.Define[resourcePolicy]("lambda.permission", store.Clear(0, 1, 2, 3))
	urls        = store.Define[functionURL]("lambda.url", store.Clear(0, 1, 2, 3), // account, region, function, qualifier
		store.Index("id", func(u *functionURL) []store.Key { return []store.Key{store.K(u.ID)} }))
	eventConfigs  = store.Define[eventConfig]("lambda.eventconfig", store.Clear(0, 1, 2, 3))
	layers        = store.Define[layer]("lambda.layer", store.Clear(0, 1, 2))
	layerVersions = store.Define[layerVersion]("lambda.layerversion", store.Clear(0, 1, 2, 3))
	layerPolicies = store.Define[resourcePolicy]("lambda.layerpermission", store.Clear(0, 1, 2, 3))
	events        = store.Define[event]("lambda.event")
	// numbers outlives the functions whose versions it counts.
	numbers = store.Define[numbering]("lambda.number", store.Clear(0, 1, 2))
)

// latest is the number under which a function's unpublished version is kept.
const latest = 0

// function is what all versions of a function share.
type function struct {
	Name        string
	LastVersion int64 // the highest number ever published
	Tags        map[string]string
	Reserved    *int64 // reserved concurrency; nil: none
}

// numbering remembers the highest version of a function that was deleted.
type numbering struct{ LastVersion int64 }

// version is one version of a function: its code and its configuration. The
// published ones never change.
type version struct {
	Number       int64
	Description  string
	Runtime      string
	Role         string
	Handler      string
	Timeout      int64 // seconds
	MemoryMB     int64
	TmpMB        int64
	Environment  map[string]string // nil when it is Sealed
	KMSKey       string            // the customer's, that Sealed is under; "": none
	Sealed       *customerkey.Sealed
	Grant        string // by which Role decrypts Sealed
	Layers       []layerRef
	Code         codeRef
	Architecture string
	Tracing      string
	Logging      logging
	VPC          *vpcConfig // nil: in none
	Modified     time.Time
	RevisionID   string
	// PublishedAs is, for the latest version, the number under which exactly
	// this code and configuration was published; 0 when it was not.
	PublishedAs int64
}

// name is the version as AWS writes it.
func (v *version) name() string {
	if v.Number == latest {
		return "$LATEST"
	}
	return strconv.FormatInt(v.Number, 10)
}

// codeRef refers to a package in the blob store.
type codeRef struct {
	ID     string
	SHA256 string // base64, as the API gives it
	Size   int64  // of the archive, in bytes
	// Unpacked is what its files take together, in bytes.
	Unpacked int64
	Under    *customerkey.Wrapped // the customer's key that the blob is under; nil: none
}

// layerRef is a layer as a function uses it: it goes on working when the layer
// version is deleted.
type layerRef struct {
	ARN  string
	Code codeRef
}

type logging struct {
	Format, ApplicationLevel, SystemLevel, Group string
}

type alias struct {
	Name        string
	Version     string // "$LATEST" or a number
	Description string
	Weights     map[string]float64 // of additional versions, the rest is Version's
	RevisionID  string
}

// resourcePolicy is a policy as AddPermission builds it.
type resourcePolicy struct {
	Statements []statement
	RevisionID string
}

type eventConfig struct {
	Qualifier string
	Retries   *int64
	MaxAge    *int64 // seconds
	Modified  time.Time
}

type layer struct {
	Name        string
	LastVersion int64
}

type layerVersion struct {
	Layer         string
	Number        int64
	Description   string
	License       *string
	Runtimes      []string
	Architectures []string
	Code          codeRef
	Created       time.Time
}

// event is an accepted asynchronous invocation.
type event struct {
	ID            string
	Target        ref
	Payload       []byte
	ClientContext string
	TraceID       string
	Accepted      time.Time
	Due           time.Time
	Attempt       int // attempts whose function failed
	Throttled     int // attempts that found no room
}
