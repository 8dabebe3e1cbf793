package apigateway

import (
	"errors"
	"time"

	api "cloister/internal/awsapi/apigateway"
	"cloister/internal/store"
)

// An API is one row with all that it is made of, so that a change of it is whole and
// a deployment is a copy.
var (
	apis = store.Define[apiRow]("apigateway.api", // account, region, id
		store.Index("id", func(a *apiRow) []store.Key { return []store.Key{store.K(a.id())} }, store.Unique()))
	deployments = store.Define[deployment]("apigateway.deployment") // account, region, API's id, id
	keys        = store.Define[keyRow]("apigateway.key",            // account, region, id
		store.Index("value", func(k *keyRow) []store.Key {
			return []store.Key{store.K(k.Account, k.Region, val(k.Key.Value))}
		}, store.Unique()))
	plans = store.Define[planRow]("apigateway.plan", // account, region, id
		store.Index("key", func(p *planRow) (all []store.Key) {
			for _, id := range p.Keys {
				all = append(all, store.K(p.Account, p.Region, id))
			}
			return all
		}))
	usages  = store.Define[usageRow]("apigateway.usage") // account, region, plan's id, key's id
	domains = store.Define[domainRow]("apigateway.domain")
)

type apiRow struct {
	Account, Region string
	API             api.RestApi
	Definition      definition
	Stages          map[string]*api.Stage
}

// definition is what a deployment is a copy of.
type definition struct {
	Resources   map[string]*api.Resource // by id, with their methods
	Models      map[string]*api.Model    // by name
	Validators  map[string]*api.RequestValidator
	Authorizers map[string]*api.Authorizer
	Responses   map[string]*api.GatewayResponse // by type
	Policy      string                          // of the API when it was deployed
	BinaryTypes []string
	KeySource   string
}

func (a *apiRow) id() string { return val(a.API.Id) }

func (a *apiRow) key(parts ...any) store.Key {
	return append(store.K(a.Account, a.Region, a.id()), parts...)
}

// arn is that of the API or, with a path, of what is below it.
func (a *apiRow) arn(path string) string {
	return "arn:aws:apigateway:" + a.Region + "::/restapis/" + a.id() + path
}

// executeARN is what requests to the API are authorised on.
func (a *apiRow) executeARN(rest string) string {
	return "arn:aws:execute-api:" + a.Region + ":" + a.Account + ":" + a.id() + rest
}

type deployment struct {
	Deployment api.Deployment
	Definition definition
}

type keyRow struct {
	Account, Region string
	Key             api.ApiKey
}

func (k *keyRow) key() store.Key { return store.K(k.Account, k.Region, val(k.Key.Id)) }

type planRow struct {
	Account, Region string
	Plan            api.UsagePlan
	Keys            []string // ids
}

func (p *planRow) key() store.Key { return store.K(p.Account, p.Region, val(p.Plan.Id)) }

// usageRow counts the requests of a key in a plan, by day.
type usageRow struct {
	Plan, Key string
	Days      map[string]int64 // by date
	Updated   time.Time
}

type domainRow struct {
	Account, Region string
	Domain          api.DomainName
	Mappings        map[string]*api.BasePathMapping
}

// copyOf copies a definition through its stored form.
func copyOf(d *definition) definition {
	out := definition{
		Resources: map[string]*api.Resource{}, Models: map[string]*api.Model{}, Validators: map[string]*api.RequestValidator{},
		Authorizers: map[string]*api.Authorizer{}, Responses: map[string]*api.GatewayResponse{},
		Policy: d.Policy, BinaryTypes: d.BinaryTypes, KeySource: d.KeySource,
	}
	for k, v := range d.Resources {
		out.Resources[k] = v
	}
	for k, v := range d.Models {
		out.Models[k] = v
	}
	for k, v := range d.Validators {
		out.Validators[k] = v
	}
	for k, v := range d.Authorizers {
		out.Authorizers[k] = v
	}
	for k, v := range d.Responses {
		out.Responses[k] = v
	}
	return out
}

// init makes the maps that a stored row leaves out when they are empty.
func (a *apiRow) init() *apiRow {
	d := &a.Definition
	*d = copyOf(d)
	for _, r := range d.Resources {
		if r.ResourceMethods == nil {
			r.ResourceMethods = map[string]*api.Method{}
		}
	}
	if a.Stages == nil {
		a.Stages = map[string]*api.Stage{}
	}
	return a
}

func findAPI(r store.Reader, account, region, id string) (*apiRow, error) {
	a, err := apis.Get(r, store.K(account, region, id))
	if errors.Is(err, store.ErrNotFound) {
		return nil, notFound("Invalid API identifier specified %s:%s", account, id)
	}
	if err != nil {
		return nil, err
	}
	return a.init(), nil
}
