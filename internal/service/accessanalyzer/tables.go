package accessanalyzer

import (
	"crypto/sha256"
	"fmt"
	"strings"
	"time"

	"cloister/internal/store"
)

// Names stay clear in keys: lists are in their order.
var (
	analyzers    = store.Define[analyzer]("analyzer.analyzer", store.Clear(0, 1, 2)) // account, region, name
	archiveRules = store.Define[archiveRule]("analyzer.rule", store.Clear(0, 1, 2, 3))
	findings     = store.Define[finding]("analyzer.finding", // account, region, analyzer, id
		store.Index("resource", func(f *finding) []store.Key {
			return []store.Key{store.K(f.Account, f.Region, f.Analyzer, f.Resource)}
		}))
	uses      = store.Define[use]("analyzer.use")       // account, ARN of a role or user
	positions = store.Define[position]("analyzer.read") // account
)

// The types of analyzers that there are.
const (
	externalAccess = "ACCOUNT"
	unusedAccess   = "ACCOUNT_UNUSED_ACCESS"
)

// analyzer looks for findings of its type in its account.
type analyzer struct {
	Account, Region, Name string
	Type                  string
	Created               time.Time
	Tags                  map[string]string
	Age                   int64               // of unused access, in days
	Excluded              []map[string]string // tags of roles and users that are left out
	LastResource          string
	LastAnalyzed          time.Time
}

func (a *analyzer) key() store.Key { return store.K(a.Account, a.Region, a.Name) }

func (a *analyzer) arn() string { return analyzerARN(a.Account, a.Region, a.Name) }

func analyzerARN(account, region, name string) string {
	return "arn:aws:access-analyzer:" + region + ":" + account + ":analyzer/" + name
}

// criterion is what an archive rule wants of an attribute.
type criterion struct {
	Eq, Neq, Contains []string
	Exists            *bool
}

type archiveRule struct {
	Name             string
	Filter           map[string]criterion
	Created, Updated time.Time
}

// The types of findings.
const (
	typeExternal   = "ExternalAccess"
	typeRole       = "UnusedIAMRole"
	typeKey        = "UnusedIAMUserAccessKey"
	typePassword   = "UnusedIAMUserPassword"
	typePermission = "UnusedPermission"
)

// The statuses of findings.
const (
	active   = "ACTIVE"
	archived = "ARCHIVED"
	resolved = "RESOLVED"
)

// finding is what an analyzer found on a resource.
type finding struct {
	ID                        string
	Account, Region, Analyzer string
	Type                      string
	Resource, ResourceType    string
	Status                    string
	Created, Updated          time.Time
	Analyzed                  time.Time

	// Of external access.
	Principal map[string]string
	Action    []string
	Condition map[string]string
	Public    bool

	// Of unused access.
	AccessKeyID string
	LastUsed    time.Time // zero: never
	Services    []unusedService
}

// unusedService is a service whose permissions are not used, all or some.
type unusedService struct {
	Namespace string
	LastUsed  time.Time
	Actions   []unusedAction // none: all of the service
}

type unusedAction struct {
	Name     string
	LastUsed time.Time
}

func (f *finding) key() store.Key { return store.K(f.Account, f.Region, f.Analyzer, f.ID) }

// findingID is the same for what is found again.
func findingID(a *analyzer, parts ...string) string {
	sum := sha256.Sum256([]byte(a.arn() + "\x00" + a.Created.Format(time.RFC3339Nano) + "\x00" + strings.Join(parts, "\x00")))
	return fmt.Sprintf("%x-%x-%x-%x-%x", sum[:4], sum[4:6], sum[6:8], sum[8:10], sum[10:16])
}

// use is when a role or user last did each action, by service and name.
type use struct {
	Last    time.Time
	Actions map[string]time.Time
}

// position is how far the audit log was read for uses.
type position struct{ Next int64 }
