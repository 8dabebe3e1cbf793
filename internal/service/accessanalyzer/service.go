package accessanalyzer

import (
	"encoding/json"
	"iter"
	"time"

	"cloister/internal/audit"
	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/accessanalyzer"
	"cloister/internal/door"
	"cloister/internal/store"
	"cloister/policy"
)

// Resources lists the resources of an account that have a policy of their own, as
// needs without action: their ARN, account and policy. It reads what is part of
// every call's authorisation, and is no way around the door: what is found in it
// is told only to who may see findings.
type Resources func(r store.Reader, account string) iter.Seq2[door.Need, error]

// Identities lists the users and roles of an account.
type Identities func(r store.Reader, account string) iter.Seq2[Identity, error]

// Identity is a user or role, and what of it may lie unused.
type Identity struct {
	ARN      string
	Role     bool
	Created  time.Time
	Tags     map[string]string
	Policies []policy.Named // identity policies
	Keys     []Key          // active access keys
	Password time.Time      // when the password was set; zero: there is none
}

// Key is an access key. A key that was never used has no LastUsed.
type Key struct {
	ID                string
	Created, LastUsed time.Time
}

// Config is what the service needs.
type Config struct {
	DB         *store.DB
	Audit      *audit.Log
	Resources  []Resources
	Identities Identities
	// Watched are the tables whose changes may change what is found.
	Watched []string
	// Services are the prefixes of the actions of this node's services.
	Services []string
}

// Service is Access Analyzer. It is safe for concurrent use.
type Service struct {
	Config
	wake   chan struct{}
	memory memory
}

// New makes the service. Run keeps its findings up to date.
func New(c Config) *Service {
	s := &Service{Config: c, wake: make(chan struct{}, 1)}
	for _, table := range c.Watched {
		c.DB.Subscribe(table, func(store.Change) { s.changed() })
	}
	return s
}

// Register puts the service's operations behind d.
func (s *Service) Register(d *door.Door) {
	door.Read(d, api.OpValidatePolicy, onAll[api.ValidatePolicyRequest]("ValidatePolicy"), validatePolicy)
	door.Read(d, api.OpCheckNoNewAccess, onAll[api.CheckNoNewAccessRequest]("CheckNoNewAccess"), checkNoNewAccess)
	door.Read(d, api.OpCheckAccessNotGranted, onAll[api.CheckAccessNotGrantedRequest]("CheckAccessNotGranted"), checkAccessNotGranted)
	door.Read(d, api.OpCheckNoPublicAccess, onAll[api.CheckNoPublicAccessRequest]("CheckNoPublicAccess"), checkNoPublicAccess)
	s.registerAnalyzers(d)
	s.registerRules(d)
	s.registerFindings(d)
}

func (s *Service) registerAnalyzers(d *door.Door) {
	door.Write(d, api.OpCreateAnalyzer, door.Permission(needsOfCreate), s.createAnalyzer)
	door.Read(d, api.OpGetAnalyzer, onName("GetAnalyzer", func(in *api.GetAnalyzerRequest) *string { return in.AnalyzerName }), getAnalyzer)
	door.Read(d, api.OpListAnalyzers, onAll[api.ListAnalyzersRequest]("ListAnalyzers"), listAnalyzers)
	door.Write(d, api.OpUpdateAnalyzer, onName("UpdateAnalyzer", func(in *api.UpdateAnalyzerRequest) *string { return in.AnalyzerName }), s.updateAnalyzer)
	door.Write(d, api.OpDeleteAnalyzer, onName("DeleteAnalyzer", func(in *api.DeleteAnalyzerRequest) *string { return in.AnalyzerName }), deleteAnalyzer)
	door.Write(d, api.OpTagResource, door.Permission(needsOfTag), tagResource)
	door.Write(d, api.OpUntagResource, door.Permission(needsOfUntag), untagResource)
	door.Read(d, api.OpListTagsForResource, onARN("ListTagsForResource", func(in *api.ListTagsForResourceRequest) *string { return in.ResourceArn }), listTags)
}

func (s *Service) registerRules(d *door.Door) {
	door.Write(d, api.OpCreateArchiveRule, onRule("CreateArchiveRule", func(in *api.CreateArchiveRuleRequest) (a, r *string) { return in.AnalyzerName, in.RuleName }), createRule)
	door.Read(d, api.OpGetArchiveRule, onRule("GetArchiveRule", func(in *api.GetArchiveRuleRequest) (a, r *string) { return in.AnalyzerName, in.RuleName }), getRule)
	door.Read(d, api.OpListArchiveRules, onName("ListArchiveRules", func(in *api.ListArchiveRulesRequest) *string { return in.AnalyzerName }), listRules)
	door.Write(d, api.OpUpdateArchiveRule, onRule("UpdateArchiveRule", func(in *api.UpdateArchiveRuleRequest) (a, r *string) { return in.AnalyzerName, in.RuleName }), updateRule)
	door.Write(d, api.OpDeleteArchiveRule, onRule("DeleteArchiveRule", func(in *api.DeleteArchiveRuleRequest) (a, r *string) { return in.AnalyzerName, in.RuleName }), deleteRule)
	door.Write(d, api.OpApplyArchiveRule, onARN("ApplyArchiveRule", func(in *api.ApplyArchiveRuleRequest) *string { return in.AnalyzerArn }), applyRule)
}

func (s *Service) registerFindings(d *door.Door) {
	door.Read(d, api.OpListFindings, onARN("ListFindings", func(in *api.ListFindingsRequest) *string { return in.AnalyzerArn }), listFindings)
	door.Read(d, api.OpListFindingsV2, onARN("ListFindings", func(in *api.ListFindingsV2Request) *string { return in.AnalyzerArn }), listFindingsV2)
	door.Read(d, api.OpGetFinding, onARN("GetFinding", func(in *api.GetFindingRequest) *string { return in.AnalyzerArn }), getFinding)
	door.Read(d, api.OpGetFindingV2, onARN("GetFinding", func(in *api.GetFindingV2Request) *string { return in.AnalyzerArn }), getFindingV2)
	door.Write(d, api.OpUpdateFindings, onARN("UpdateFindings", func(in *api.UpdateFindingsRequest) *string { return in.AnalyzerArn }), updateFindings)
	door.Read(d, api.OpGetFindingsStatistics, onARN("GetFindingsStatistics", func(in *api.GetFindingsStatisticsRequest) *string { return in.AnalyzerArn }), statistics)
	door.Act(d, api.OpStartResourceScan, onARN("StartResourceScan", func(in *api.StartResourceScanRequest) *string { return in.AnalyzerArn }), s.startScan)
	door.Read(d, api.OpGetAnalyzedResource, onARN("GetAnalyzedResource", func(in *api.GetAnalyzedResourceRequest) *string { return in.AnalyzerArn }), s.getAnalyzed)
	door.Read(d, api.OpListAnalyzedResources, onARN("ListAnalyzedResources", func(in *api.ListAnalyzedResourcesRequest) *string { return in.AnalyzerArn }), s.listAnalyzed)
}

// mustJSON encodes what always can be.
func mustJSON(v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return text
}

func val[T any](p *T) T { return awsapi.Val(p) }

func ptr[T any](v T) *T { return awsapi.Ptr(v) }
