package apigateway

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/apigateway"
	"cloister/internal/door"
	"cloister/internal/guardrail"
	"cloister/internal/store"
	"cloister/policy"
)

// mostAPIs is how many REST APIs an account has in a region (AWS's quota).
const mostAPIs = 600

func (s *Service) createAPI(c *door.Call, tx *store.Tx, in *api.CreateRestApiRequest) (*api.RestApi, error) {
	if strings.TrimSpace(val(in.Name)) == "" || len(*in.Name) > 1024 {
		return nil, badRequest("Invalid API name specified")
	}
	a := newAPI(c, *in.Name)
	a.API.Description, a.API.Version, a.API.Tags = in.Description, in.Version, in.Tags
	a.API.BinaryMediaTypes, a.API.MinimumCompressionSize = in.BinaryMediaTypes, in.MinimumCompressionSize
	a.API.ApiKeySource, a.API.Policy = ptr(or(in.ApiKeySource, api.ApiKeySourceTypeHeader)), in.Policy
	a.API.DisableExecuteApiEndpoint = ptr(val(in.DisableExecuteApiEndpoint))
	if in.EndpointConfiguration != nil {
		a.API.EndpointConfiguration = in.EndpointConfiguration
	}
	if in.CloneFrom != nil {
		from, err := findAPI(tx, c.Account, c.Region, *in.CloneFrom)
		if err != nil {
			return nil, err
		}
		a.Definition, a.API.RootResourceId = from.Definition, from.API.RootResourceId
	}
	return &a.API, s.insertAPI(c, tx, a)
}

// newAPI is an API with nothing but its root.
func newAPI(c *door.Call, name string) *apiRow {
	id, root := newID(10), newID(10)
	a := (&apiRow{Account: c.Account, Region: c.Region, API: api.RestApi{
		Id: &id, Name: &name, CreatedDate: ptr(c.Time), RootResourceId: &root,
		EndpointConfiguration: &api.EndpointConfiguration{Types: []string{"EDGE"}},
		ApiKeySource:          ptr(api.ApiKeySourceTypeHeader), DisableExecuteApiEndpoint: ptr(false),
	}}).init()
	a.Definition.Resources[root] = &api.Resource{Id: &root, Path: ptr("/"), ResourceMethods: map[string]*api.Method{}}
	for name, schema := range map[string]string{
		"Empty": `{"$schema":"http://json-schema.org/draft-04/schema#","title":"Empty Schema","type":"object"}`,
		"Error": `{"$schema":"http://json-schema.org/draft-04/schema#","title":"Error Schema","type":"object","properties":{"message":{"type":"string"}}}`,
	} {
		a.Definition.Models[name] = &api.Model{Id: ptr(newID(6)), Name: ptr(name), ContentType: ptr("application/json"), Schema: ptr(schema)}
	}
	return a
}

func (s *Service) insertAPI(c *door.Call, tx *store.Tx, a *apiRow) error {
	others, err := all(apis.Scan(tx, store.K(c.Account, c.Region), nil))
	if err != nil {
		return err
	}
	if len(others) >= mostAPIs {
		return awsapi.Errorf("LimitExceededException", "Maximum number of REST APIs for your account has been reached: %d", mostAPIs)
	}
	return s.putAPI(c, tx, a, nil)
}

func (s *Service) getAPIs(c *door.Call, r store.Reader, in *api.GetRestApisRequest) (*api.RestApis, error) {
	rows, err := all(apis.Scan(r, store.K(c.Account, c.Region), nil))
	if err != nil {
		return nil, err
	}
	rows, next, err := page(rows, (*apiRow).id, in.Position, in.Limit)
	if err != nil {
		return nil, err
	}
	out := &api.RestApis{Position: next}
	for _, a := range rows {
		out.Items = append(out.Items, &a.API)
	}
	return out, nil
}

func updateAPI(_ *door.Call, a *apiRow, in *api.UpdateRestApiRequest) (*api.RestApi, error) {
	return &a.API, patch(&a.API, in.PatchOperations, "/name", "/description", "/policy", "/apiKeySource", "/minimumCompressionSize",
		"/disableExecuteApiEndpoint", "/binaryMediaTypes/*", "/endpointConfiguration/types/*", "/version")
}

func (s *Service) deleteAPI(c *door.Call, tx *store.Tx, in *api.DeleteRestApiRequest) (*awsapi.None, error) {
	a, err := findAPI(tx, c.Account, c.Region, val(in.RestApiId))
	if err != nil {
		return nil, err
	}
	made, err := all(deployments.Scan(tx, a.key(), nil))
	if err != nil {
		return nil, err
	}
	for _, d := range made {
		if err := deployments.Delete(tx, a.key(val(d.Deployment.Id))); err != nil {
			return nil, err
		}
	}
	if err := s.unmap(tx, a, ""); err != nil {
		return nil, err
	}
	if err := guardrail.Gone(tx, a.Account, a.arn(""), "", c.Time); err != nil {
		return nil, err
	}
	return &awsapi.None{}, apis.Delete(tx, a.key())
}

// checkAPI refuses what the API itself may not be.
func (a *apiRow) checkAPI() error {
	x := &a.API
	if strings.TrimSpace(val(x.Name)) == "" {
		return badRequest("Invalid API name specified")
	}
	if k := val(x.ApiKeySource); k != api.ApiKeySourceTypeHeader && k != api.ApiKeySourceTypeAuthorizer {
		return badRequest("Invalid API key source: it is HEADER or AUTHORIZER")
	}
	if x.EndpointConfiguration != nil {
		for _, t := range x.EndpointConfiguration.Types {
			if t != "EDGE" && t != "REGIONAL" {
				return badRequest("Endpoint types are EDGE and REGIONAL here, which are served alike")
			}
		}
		if len(x.EndpointConfiguration.VpcEndpointIds) > 0 {
			return badRequest("VPC endpoints do not exist here")
		}
	}
	if n := or(x.MinimumCompressionSize, 0); n < 0 || n > 10<<20 {
		return badRequest("Invalid minimum compression size, must be between 0 and 10485760")
	}
	for _, t := range x.BinaryMediaTypes {
		if !strings.Contains(t, "/") || len(t) > 200 {
			return badRequest("Invalid binary media type: %.200s", t)
		}
	}
	if err := checkTags(x.Tags); err != nil {
		return err
	}
	if val(x.Policy) == "" {
		x.Policy = nil
		return nil
	}
	return a.readPolicy()
}

// readPolicy checks the resource policy and writes its resources out: AWS takes
// execute-api:/stage/method/path for those of the API itself.
func (a *apiRow) readPolicy() error {
	var document map[string]any
	if err := json.Unmarshal([]byte(*a.API.Policy), &document); err != nil {
		return badRequest("Invalid policy document. Please check the policy syntax and ensure that Principals are valid.")
	}
	statements, several := document["Statement"].([]any)
	if !several {
		statements = []any{document["Statement"]}
	}
	for _, st := range statements {
		if st, ok := st.(map[string]any); ok {
			for _, member := range []string{"Resource", "NotResource"} {
				if v, ok := st[member]; ok {
					st[member] = a.written(v)
				}
			}
		}
	}
	text, err := json.Marshal(document)
	if err != nil {
		return err
	}
	if _, err := policy.Parse(policy.KindResource, text); err != nil {
		return badRequest("Invalid policy document. Please check the policy syntax and ensure that Principals are valid.")
	}
	a.API.Policy = ptr(string(text))
	return nil
}

func (a *apiRow) written(resource any) any {
	switch v := resource.(type) {
	case string:
		if rest, ok := strings.CutPrefix(v, "execute-api:/"); ok {
			return a.executeARN("/" + rest)
		}
	case []any:
		out := slices.Clone(v)
		for i := range out {
			out[i] = a.written(out[i])
		}
		return out
	}
	return resource
}

// check refuses an API that is not whole. What a deployment takes stands in the
// definition.
func (a *apiRow) check() error {
	if err := a.checkAPI(); err != nil {
		return err
	}
	d := &a.Definition
	d.Policy, d.BinaryTypes, d.KeySource = val(a.API.Policy), a.API.BinaryMediaTypes, val(a.API.ApiKeySource)
	return errors.Join(a.checkResources(), a.checkMethods())
}
