package apigateway

import (
	"context"
	"errors"
	"regexp"
	"sync"
	"sync/atomic"

	"github.com/santhosh-tekuri/jsonschema/v6"

	api "cloister/internal/awsapi/apigateway"
	"cloister/internal/gate/bucket"
	"cloister/internal/gate/vtl"
	"cloister/internal/store"
	"cloister/policy"
)

// served is an API as requests need it. It is immutable.
type served struct {
	row    *apiRow
	stages map[string]*stage
}

// stage is what one stage serves.
type stage struct {
	name       string
	deployment string
	variables  map[string]string
	definition *definition
	policy     *policy.Named // the API's own; nil for none
	resources  []*resource   // in the order of match
	limits     map[string]bucket.Limit
}

// resource is a deployed resource.
type resource struct {
	id, path string
	segments []segment
	methods  map[string]*method
}

// method is a deployed method.
type method struct {
	name       string // as it was put: ANY is one
	method     *api.Method
	authorizer *api.Authorizer
	policy     *policy.Named // whom it lets in; nil where identities' own policies decide, or a function
	validator  *api.RequestValidator
	schemas    map[string]*jsonschema.Schema // by content type
	requests   map[string]*vtl.Template
	answers    []*answer
}

// answer is an integration response.
type answer struct {
	response  *api.IntegrationResponse
	pattern   *regexp.Regexp // nil for the one that is for what no other is
	templates map[string]*vtl.Template
}

// usualLimit is AWS's for an account: 10,000 a second, 5,000 at once.
var usualLimit = bucket.Limit{Rate: 10_000, Burst: 5_000}

// memory keeps APIs, so that the path of a request touches no disk. A change of an
// API is acknowledged only after it has been dropped here.
type memory struct {
	db         *store.DB
	generation atomic.Uint64 // counts changes, so that no load outlives one

	mu   sync.RWMutex
	byID map[string]*served
}

// mostServed bounds the memory; at the bound everything is read anew.
const mostServed = 1_000

func newMemory(db *store.DB, v *verdicts) *memory {
	m := &memory{db: db, byID: map[string]*served{}}
	for _, table := range []string{apis.Table(), deployments.Table()} {
		db.Subscribe(table, func(change store.Change) {
			id, _ := change.Key[2].(string)
			m.generation.Add(1)
			m.mu.Lock()
			delete(m.byID, id)
			m.mu.Unlock()
			v.forgetAPI(id)
		})
	}
	return m
}

// get gives an API by its id, nil for none.
func (m *memory) get(ctx context.Context, id string) (*served, error) {
	m.mu.RLock()
	known := m.byID[id]
	m.mu.RUnlock()
	if known != nil || len(id) > 64 {
		return known, nil
	}
	before := m.generation.Load()
	var loaded *served
	err := m.db.View(ctx, func(r store.Reader) (err error) {
		loaded, err = load(r, id)
		return err
	})
	if err != nil || loaded == nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.generation.Load() == before {
		if len(m.byID) >= mostServed {
			clear(m.byID)
		}
		m.byID[id] = loaded
	}
	return loaded, nil
}

// domain is a user's domain, nil for none.
func (m *memory) domain(ctx context.Context, name string) (d *domainRow, err error) {
	err = m.db.View(ctx, func(r store.Reader) error {
		d, err = domains.Get(r, store.K(name))
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	return d, err
}

// load reads an API with all that its stages serve; nil for none.
func load(r store.Reader, id string) (*served, error) {
	item, err := apis.Lookup(r, "id", store.K(id))
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	a := item.Value.init()
	out := &served{row: a, stages: map[string]*stage{}}
	for name, st := range a.Stages {
		d, err := findDeployment(r, a, st.DeploymentId)
		if err != nil {
			return nil, err
		}
		if out.stages[name], err = compile(a, st, d); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func compile(a *apiRow, st *api.Stage, d *deployment) (*stage, error) {
	out := &stage{
		name: val(st.StageName), deployment: val(d.Deployment.Id), variables: st.Variables, definition: &d.Definition, limits: limitsOf(st),
	}
	if d.Definition.Policy != "" {
		p, err := policy.Parse(policy.KindResource, []byte(d.Definition.Policy))
		if err != nil {
			return nil, err
		}
		out.policy = &policy.Named{Name: "the API's resource policy", Policy: p}
	}
	for _, r := range d.Definition.Resources {
		if len(r.ResourceMethods) == 0 {
			continue
		}
		res := &resource{id: val(r.Id), path: val(r.Path), segments: segmentsOf(val(r.Path)), methods: map[string]*method{}}
		for name, m := range r.ResourceMethods {
			compiled, err := compileMethod(a, out, name, m)
			if err != nil {
				return nil, err
			}
			res.methods[name] = compiled
		}
		out.resources = append(out.resources, res)
	}
	order(out.resources)
	return out, nil
}

func compileMethod(a *apiRow, st *stage, name string, m *api.Method) (*method, error) {
	d := st.definition
	out := &method{name: name, method: m, authorizer: d.Authorizers[val(m.AuthorizerId)], validator: d.Validators[val(m.RequestValidatorId)], schemas: map[string]*jsonschema.Schema{}}
	var err error
	if out.policy, err = admission(a, st, out); err != nil {
		return nil, err
	}
	if out.validator != nil && val(out.validator.ValidateRequestBody) {
		for kind, model := range m.RequestModels {
			if out.schemas[kind], err = compileSchema(d, model); err != nil {
				out.schemas[kind] = nil // a model that it refers to is gone: nothing is valid
			}
		}
	}
	i := m.MethodIntegration
	if i == nil {
		return out, nil
	}
	if out.requests, err = templates(i.RequestTemplates); err != nil {
		return nil, err
	}
	for _, code := range keysOf(i.IntegrationResponses) {
		r := i.IntegrationResponses[code]
		x := &answer{response: r}
		if x.templates, err = templates(r.ResponseTemplates); err != nil {
			return nil, err
		}
		if val(r.SelectionPattern) != "" {
			if x.pattern, err = selection(*r.SelectionPattern); err != nil {
				return nil, err
			}
		}
		out.answers = append(out.answers, x)
	}
	return out, nil
}

// selection reads a selection pattern, which has to match the whole. It is RE2.
func selection(pattern string) (*regexp.Regexp, error) {
	if len(pattern) > 1000 {
		return nil, errors.New("the pattern is too long")
	}
	return regexp.Compile(`^(?s:` + pattern + `)$`)
}

func templates(texts map[string]string) (map[string]*vtl.Template, error) {
	out := map[string]*vtl.Template{}
	for kind, text := range texts {
		t, err := vtl.Parse(text)
		if err != nil {
			return nil, err
		}
		out[kind] = t
	}
	return out, nil
}

// limitsOf are the limits of a stage's methods, by path and method; "*/*" is for all
// others.
func limitsOf(st *api.Stage) map[string]bucket.Limit {
	out := map[string]bucket.Limit{}
	for key, m := range st.MethodSettings {
		limit := usualLimit
		if n := or(m.ThrottlingRateLimit, -1); n >= 0 {
			limit.Rate = n
		}
		if n := or(m.ThrottlingBurstLimit, -1); n >= 0 {
			limit.Burst = int(n)
		}
		out[unpoint(key)] = limit
	}
	return out
}
