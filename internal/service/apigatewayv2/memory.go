package apigatewayv2

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"

	api "cloister/internal/awsapi/apigatewayv2"
	"cloister/internal/gate/accesslog"
	"cloister/internal/gate/bucket"
	"cloister/internal/gate/cors"
	"cloister/internal/store"
	"cloister/policy"
)

// served is an API as requests need it. It is immutable but for what is said.
type served struct {
	row    *apiRow
	stages map[string]*stage
}

// stage is what one stage serves.
type stage struct {
	name      string
	variables map[string]string
	routes    []*route // in the order of match
	cors      *cors.Config
	log       *accesslog.Format
	logGroup  string
	limits    map[string]bucket.Limit // by route key
	usual     bucket.Limit
}

// route is a deployed route.
type route struct {
	key         *routeKey
	text        string // the key
	kind        string // the authorizationType
	scopes      []string
	authorizer  *api.Authorizer
	integration *api.Integration
	policy      *policy.Named // whom it lets in; nil where identities' own policies decide, or a function
	source      string        // the ARN by which functions know it
}

// usualLimit is AWS's for an account: 10,000 a second, 5,000 at once.
var usualLimit = bucket.Limit{Rate: 10_000, Burst: 5_000}

// memory keeps APIs, so that the path of a request touches no disk. A change to
// an API is acknowledged only after it has been dropped here.
type memory struct {
	db         *store.DB
	generation atomic.Uint64 // counts changes, so that no load outlives one

	mu   sync.RWMutex
	byID map[string]*served

	domains atomic.Pointer[map[string][]*mapping] // all of them, by name; nil when they are to be read anew
}

// mostServed bounds the memory; at the bound everything is read anew.
const mostServed = 5_000

func newMemory(db *store.DB, v *verdicts) *memory {
	m := &memory{db: db, byID: map[string]*served{}}
	for _, table := range []string{apis.Table(), stages.Table(), deployments.Table()} {
		db.Subscribe(table, func(change store.Change) {
			id, _ := change.Key[2].(string)
			m.generation.Add(1)
			m.mu.Lock()
			delete(m.byID, id)
			m.mu.Unlock()
			v.forgetAPI(id)
		})
	}
	for _, table := range []string{domains.Table(), mappings.Table()} {
		db.Subscribe(table, func(store.Change) {
			m.generation.Add(1)
			m.domains.Store(nil)
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

// load reads an API with all that its stages serve; nil for none.
func load(r store.Reader, id string) (*served, error) {
	for item, err := range apis.ScanIndex(r, "id", store.K(id), nil) {
		if err != nil {
			return nil, err
		}
		a := &served{row: item.Value, stages: map[string]*stage{}}
		own, err := all(stages.Scan, r, a.row.key())
		if err != nil {
			return nil, err
		}
		for _, row := range own {
			if a.stages[val(row.StageName)], err = loadStage(r, a.row, row); err != nil {
				return nil, err
			}
		}
		return a, nil
	}
	return nil, nil
}

func loadStage(r store.Reader, a *apiRow, row *api.Stage) (*stage, error) {
	s := &stage{name: val(row.StageName), variables: row.StageVariables, limits: map[string]bucket.Limit{}, usual: limitOf(row.DefaultRouteSettings, usualLimit)}
	for key, set := range row.RouteSettings {
		s.limits[key] = limitOf(set, s.usual)
	}
	if log := row.AccessLogSettings; log != nil {
		f, err := accesslog.Parse(val(log.Format))
		if err != nil {
			return nil, err
		}
		s.log, s.logGroup = f, val(log.DestinationArn)
	}
	if row.DeploymentId == nil {
		return s, nil
	}
	d, err := deployments.Get(r, a.key(*row.DeploymentId))
	if err != nil {
		return nil, err
	}
	if c := d.Snapshot.CORS; c != nil {
		s.cors = &cors.Config{
			AllowOrigins: c.AllowOrigins, AllowMethods: c.AllowMethods, AllowHeaders: c.AllowHeaders, ExposeHeaders: c.ExposeHeaders,
			AllowCredentials: val(c.AllowCredentials), MaxAge: c.MaxAge,
		}
	}
	for _, row := range d.Snapshot.Routes {
		compiled, err := compile(a, s.name, row, &d.Snapshot)
		if err != nil {
			return nil, err
		}
		s.routes = append(s.routes, compiled)
	}
	if !a.isSocket() {
		order(s.routes)
	}
	return s, nil
}

func limitOf(set *api.RouteSettings, usual bucket.Limit) bucket.Limit {
	if set == nil || set.ThrottlingRateLimit == nil || set.ThrottlingBurstLimit == nil {
		return usual
	}
	return bucket.Limit{Rate: *set.ThrottlingRateLimit, Burst: int(min(*set.ThrottlingBurstLimit, 1_000_000))}
}

func compile(a *apiRow, stage string, row *api.Route, snap *snapshot) (*route, error) {
	key, err := a.parseKey(val(row.RouteKey))
	if err != nil {
		return nil, err
	}
	r := &route{key: key, text: val(row.RouteKey), kind: or(row.AuthorizationType, api.AuthorizationTypeNone), scopes: row.AuthorizationScopes}
	r.source = a.executeARN(stage) + "/" + sourceOf(key, r.text)
	if id, ok := strings.CutPrefix(val(row.Target), "integrations/"); ok {
		for _, i := range snap.Integrations {
			if val(i.IntegrationId) == id {
				r.integration = i
			}
		}
	}
	if row.AuthorizerId != nil {
		for _, x := range snap.Authorizers {
			if val(x.AuthorizerId) == *row.AuthorizerId {
				r.authorizer = x
			}
		}
		if r.authorizer == nil {
			return nil, errors.New("a deployed route has no authorizer")
		}
	}
	r.policy, err = admission(a, stage, r)
	return r, err
}

// executeARN is what requests to a stage are for.
func (a *apiRow) executeARN(stage string) string {
	return "arn:aws:execute-api:" + a.Region + ":" + a.Account + ":" + a.id() + "/" + stage
}

// sourceOf is a route as functions' policies write it: METHOD/path, with * for any
// method.
func sourceOf(k *routeKey, text string) string {
	if k.method == "" {
		return text
	}
	method, path, _ := strings.Cut(text, " ")
	if method == "ANY" {
		method = "*"
	}
	return method + path
}
