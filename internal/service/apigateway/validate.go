package apigateway

import (
	"errors"
	"slices"
	"strings"

	api "cloister/internal/awsapi/apigateway"
	"cloister/internal/door"
	"cloister/internal/gate/bucket"
	"cloister/internal/store"
)

// validate refuses a request that is not of the method's form.
func (x *exchange) validate() error {
	v := x.method.validator
	if v == nil {
		return nil
	}
	if val(v.ValidateRequestParameters) {
		if missing := x.missing(); len(missing) > 0 {
			x.problem = &refused{kind: "BAD_REQUEST_PARAMETERS", message: "Missing required request parameters: [" + strings.Join(missing, ", ") + "]"}
			return x.problem.wire()
		}
	}
	if !val(v.ValidateRequestBody) || len(x.method.schemas) == 0 {
		return nil
	}
	kind, _, _ := strings.Cut(x.header.Get("Content-Type"), ";")
	if kind = strings.ToLower(strings.TrimSpace(kind)); kind == "" {
		kind = "application/json"
	}
	schema, ok := x.method.schemas[kind]
	if !ok {
		if schema, ok = x.method.schemas["$default"]; !ok {
			return nil
		}
	}
	if schema == nil {
		return x.refuse("API_CONFIGURATION_ERROR", errSchema)
	}
	if !validBody(schema, x.body) {
		return x.refuse("BAD_REQUEST_BODY", nil)
	}
	return nil
}

// missing are the required parameters that a request does not have.
func (x *exchange) missing() (names []string) {
	for _, key := range keysOf(x.method.method.RequestParameters) {
		if !x.method.method.RequestParameters[key] {
			continue
		}
		m := requestParameter.FindStringSubmatch(key)
		if value, ok := x.parameter(key, nil, ""); !ok || value == "" {
			names = append(names, m[2])
		}
	}
	return names
}

// errKey is for a request whose key is none, or none of a plan of the stage.
var errKey = errors.New("the request has no key of a plan for the stage")

// admitKey looks for the request's key and takes from what its plan lets it have.
func (s *Service) admitKey(c *door.Call, x *exchange) error {
	required := val(x.method.method.ApiKeyRequired)
	value := x.header.Get("X-Api-Key")
	if x.stage.definition.KeySource == api.ApiKeySourceTypeAuthorizer {
		value = x.admitted.usage
	}
	if !required {
		return nil
	}
	if value == "" || len(value) > 128 {
		return x.refuse("INVALID_API_KEY", errKey)
	}
	k, p, err := s.planOf(c, x, value)
	if err != nil {
		return err
	}
	if k == nil {
		return x.refuse("INVALID_API_KEY", errKey)
	}
	x.apiKey = k
	if !s.withinPlan(x, p) {
		return x.refuse("THROTTLED", nil)
	}
	if p.Plan.Quota == nil {
		return nil
	}
	allowed, err := s.spend(c, p, val(k.Key.Id), c.Time)
	if err != nil {
		return err
	}
	if !allowed {
		return x.refuse("QUOTA_EXCEEDED", nil)
	}
	return nil
}

// planOf finds a key by its value, and its plan for the stage; nil for none.
func (s *Service) planOf(c *door.Call, x *exchange, value string) (k *keyRow, p *planRow, err error) {
	a := x.api.row
	err = c.View(func(r store.Reader) error {
		item, err := keys.Lookup(r, "value", store.K(a.Account, a.Region, value))
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		if !val(item.Value.Key.Enabled) {
			return nil
		}
		with, err := all(plans.ScanIndex(r, "key", store.K(a.Account, a.Region, val(item.Value.Key.Id)), nil))
		if err != nil {
			return err
		}
		for _, plan := range with {
			if planStage(plan, x) != nil {
				k, p = item.Value, plan
			}
		}
		return nil
	})
	return k, p, err
}

func planStage(p *planRow, x *exchange) *api.ApiStage {
	i := slices.IndexFunc(p.Plan.ApiStages, func(st *api.ApiStage) bool {
		return val(st.ApiId) == x.api.row.id() && val(st.Stage) == x.stage.name
	})
	if i < 0 {
		return nil
	}
	return p.Plan.ApiStages[i]
}

// withinPlan takes from the buckets of the key: that of its plan, and that of the
// method in the plan.
func (s *Service) withinPlan(x *exchange, p *planRow) bool {
	id := val(p.Plan.Id) + " " + val(x.apiKey.Key.Id)
	for key, t := range planStage(p, x).Throttle {
		if key = unpoint(key); strings.TrimPrefix(key, "/") == strings.TrimPrefix(x.resource.path+"/"+x.method.name, "/") {
			if !s.throttle.Take(bucketKey{x.api.row.id(), x.stage.name, id + " " + key}, limitOf(t), x.began) {
				return false
			}
		}
	}
	if p.Plan.Throttle == nil {
		return true
	}
	return s.throttle.Take(bucketKey{what: id}, limitOf(p.Plan.Throttle), x.began)
}

func limitOf(t *api.ThrottleSettings) bucket.Limit {
	return bucket.Limit{Rate: or(t.RateLimit, usualLimit.Rate), Burst: int(or(t.BurstLimit, int64(usualLimit.Burst)))}
}
