package apigateway

import (
	"net/http"
	"reflect"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/apigateway"
	"cloister/internal/awsapi/platform"
	"cloister/internal/dial"
	"cloister/internal/door"
	"cloister/internal/gate/bucket"
	"cloister/internal/gate/jwt"
	"cloister/internal/guardrail"
	"cloister/internal/store"
)

// Config is what the service needs. Dial is for HTTP integrations; Taken says of a
// host that it is the node's own, and no user's domain.
type Config struct {
	DB         *store.DB
	Guardrails *guardrail.Guardrails
	Tokens     *jwt.Verifier
	Dial       *dial.Dialer
	Taken      func(host string) bool
	// HeldElsewhere is HeldByOthers of the other kind of APIs.
	HeldElsewhere func(r store.Reader, name, account string) (bool, error)
}

// Service is API Gateway's REST APIs. It is safe for concurrent use.
type Service struct {
	Config
	door     *door.Door
	memory   *memory
	throttle *bucket.Set[bucketKey]
	verdicts *verdicts
	backends http.RoundTripper
}

// mostBuckets bounds the memory of throttling.
const mostBuckets = 50_000

// New makes the service.
func New(c Config) *Service {
	s := &Service{Config: c, throttle: bucket.NewSet[bucketKey](mostBuckets), verdicts: newVerdicts(), backends: c.Dial.Proxy()}
	s.memory = newMemory(c.DB, s.verdicts)
	return s
}

// write registers an operation that changes an API, which it is given and which is
// checked and stored afterwards.
func write[In, Out any](s *Service, d *door.Door, op awsapi.Op[In, Out], change func(c *door.Call, a *apiRow, in *In) (*Out, error)) {
	door.Write(d, op, permission[In](op.Operation), func(c *door.Call, tx *store.Tx, in *In) (*Out, error) {
		a, err := s.apiOf(c, tx, in)
		if err != nil {
			return nil, err
		}
		before := a.openness(c)
		out, err := change(c, a, in)
		if err != nil {
			return nil, err
		}
		return out, s.putAPI(c, tx, a, before)
	})
}

// read registers an operation that tells of an API.
func read[In, Out any](s *Service, d *door.Door, op awsapi.Op[In, Out], tell func(a *apiRow, in *In) (*Out, error)) {
	door.Read(d, op, permission[In](op.Operation), func(c *door.Call, r store.Reader, in *In) (*Out, error) {
		a, err := s.apiOf(c, r, in)
		if err != nil {
			return nil, err
		}
		return tell(a, in)
	})
}

func (s *Service) apiOf(c *door.Call, r store.Reader, in any) (*apiRow, error) {
	id, _ := field(reflect.ValueOf(in).Elem(), "RestApiId").(*string)
	return findAPI(r, c.Account, c.Region, val(id))
}

// putAPI checks an API and stores it.
func (s *Service) putAPI(c *door.Call, tx *store.Tx, a *apiRow, before openness) error {
	if err := a.check(); err != nil {
		return err
	}
	if err := s.guardMethods(c, tx, a, before); err != nil {
		return err
	}
	return apis.Put(tx, a.key(), a)
}

// Register puts the service's operations behind d.
func (s *Service) Register(d *door.Door) {
	s.door = d
	s.registerAPIs(d)
	s.registerMethods(d)
	s.registerParts(d)
	s.registerStages(d)
	s.registerKeys(d)
	s.registerDomains(d)
	door.Act(d, platform.OpInvokeRESTAPI, door.AtFront(s.identify, s.resolve), s.handle)
}

func (s *Service) registerAPIs(d *door.Door) {
	door.Write(d, api.OpCreateRestApi, permission[api.CreateRestApiRequest](api.OpCreateRestApi.Operation), s.createAPI)
	read(s, d, api.OpGetRestApi, func(a *apiRow, _ *api.GetRestApiRequest) (*api.RestApi, error) { return &a.API, nil })
	door.Read(d, api.OpGetRestApis, permission[api.GetRestApisRequest](api.OpGetRestApis.Operation), s.getAPIs)
	write(s, d, api.OpUpdateRestApi, updateAPI)
	door.Write(d, api.OpDeleteRestApi, permission[api.DeleteRestApiRequest](api.OpDeleteRestApi.Operation), s.deleteAPI)
	door.Write(d, api.OpImportRestApi, permission[api.ImportRestApiRequest](api.OpImportRestApi.Operation), s.importAPI)
	write(s, d, api.OpPutRestApi, s.overwriteAPI)
	write(s, d, api.OpCreateResource, createResource)
	read(s, d, api.OpGetResource, getResource)
	read(s, d, api.OpGetResources, getResources)
	write(s, d, api.OpUpdateResource, updateResource)
	write(s, d, api.OpDeleteResource, deleteResource)
	door.Write(d, api.OpTagResource, door.Permission(needsOfTag), s.tagResource)
	door.Write(d, api.OpUntagResource, door.Permission(needsOfUntag), s.untagResource)
	door.Read(d, api.OpGetTags, door.Permission(needsOfGetTags), s.getTags)
}

func (s *Service) registerMethods(d *door.Door) {
	write(s, d, api.OpPutMethod, putMethod)
	read(s, d, api.OpGetMethod, getMethod)
	write(s, d, api.OpUpdateMethod, updateMethod)
	write(s, d, api.OpDeleteMethod, deleteMethod)
	write(s, d, api.OpPutMethodResponse, putMethodResponse)
	read(s, d, api.OpGetMethodResponse, getMethodResponse)
	write(s, d, api.OpUpdateMethodResponse, updateMethodResponse)
	write(s, d, api.OpDeleteMethodResponse, deleteMethodResponse)
	write(s, d, api.OpPutIntegration, putIntegration)
	read(s, d, api.OpGetIntegration, getIntegration)
	write(s, d, api.OpUpdateIntegration, updateIntegration)
	write(s, d, api.OpDeleteIntegration, deleteIntegration)
	write(s, d, api.OpPutIntegrationResponse, putIntegrationResponse)
	read(s, d, api.OpGetIntegrationResponse, getIntegrationResponse)
	write(s, d, api.OpUpdateIntegrationResponse, updateIntegrationResponse)
	write(s, d, api.OpDeleteIntegrationResponse, deleteIntegrationResponse)
}

func (s *Service) registerParts(d *door.Door) {
	write(s, d, api.OpCreateModel, createModel)
	read(s, d, api.OpGetModel, getModel)
	read(s, d, api.OpGetModels, getModels)
	write(s, d, api.OpUpdateModel, updateModel)
	write(s, d, api.OpDeleteModel, deleteModel)
	write(s, d, api.OpCreateRequestValidator, createValidator)
	read(s, d, api.OpGetRequestValidator, getValidator)
	read(s, d, api.OpGetRequestValidators, getValidators)
	write(s, d, api.OpUpdateRequestValidator, updateValidator)
	write(s, d, api.OpDeleteRequestValidator, deleteValidator)
	write(s, d, api.OpCreateAuthorizer, createAuthorizer)
	read(s, d, api.OpGetAuthorizer, getAuthorizer)
	read(s, d, api.OpGetAuthorizers, getAuthorizers)
	write(s, d, api.OpUpdateAuthorizer, updateAuthorizer)
	write(s, d, api.OpDeleteAuthorizer, deleteAuthorizer)
	write(s, d, api.OpPutGatewayResponse, putResponse)
	read(s, d, api.OpGetGatewayResponse, getResponse)
	read(s, d, api.OpGetGatewayResponses, getResponses)
	write(s, d, api.OpUpdateGatewayResponse, updateResponse)
	write(s, d, api.OpDeleteGatewayResponse, deleteResponse)
}

func (s *Service) registerStages(d *door.Door) {
	writeStage(s, d, api.OpCreateDeployment, s.createDeployment)
	door.Read(d, api.OpGetDeployment, permission[api.GetDeploymentRequest](api.OpGetDeployment.Operation), s.getDeployment)
	door.Read(d, api.OpGetDeployments, permission[api.GetDeploymentsRequest](api.OpGetDeployments.Operation), s.getDeployments)
	writeStage(s, d, api.OpUpdateDeployment, s.updateDeployment)
	writeStage(s, d, api.OpDeleteDeployment, s.deleteDeployment)
	writeStage(s, d, api.OpCreateStage, s.createStage)
	read(s, d, api.OpGetStage, getStage)
	read(s, d, api.OpGetStages, getStages)
	writeStage(s, d, api.OpUpdateStage, s.updateStage)
	writeStage(s, d, api.OpDeleteStage, s.deleteStage)
	door.Act(d, api.OpFlushStageAuthorizersCache, permission[api.FlushStageAuthorizersCacheRequest](api.OpFlushStageAuthorizersCache.Operation), s.flushAuthorizers)
}

func (s *Service) registerKeys(d *door.Door) {
	door.Write(d, api.OpCreateApiKey, permission[api.CreateApiKeyRequest](api.OpCreateApiKey.Operation), s.createKey)
	door.Read(d, api.OpGetApiKey, permission[api.GetApiKeyRequest](api.OpGetApiKey.Operation), s.getKey)
	door.Read(d, api.OpGetApiKeys, permission[api.GetApiKeysRequest](api.OpGetApiKeys.Operation), s.getKeys)
	door.Write(d, api.OpUpdateApiKey, permission[api.UpdateApiKeyRequest](api.OpUpdateApiKey.Operation), s.updateKey)
	door.Write(d, api.OpDeleteApiKey, permission[api.DeleteApiKeyRequest](api.OpDeleteApiKey.Operation), s.deleteKey)
	door.Write(d, api.OpCreateUsagePlan, permission[api.CreateUsagePlanRequest](api.OpCreateUsagePlan.Operation), s.createPlan)
	door.Read(d, api.OpGetUsagePlan, permission[api.GetUsagePlanRequest](api.OpGetUsagePlan.Operation), s.getPlan)
	door.Read(d, api.OpGetUsagePlans, permission[api.GetUsagePlansRequest](api.OpGetUsagePlans.Operation), s.getPlans)
	door.Write(d, api.OpUpdateUsagePlan, permission[api.UpdateUsagePlanRequest](api.OpUpdateUsagePlan.Operation), s.updatePlan)
	door.Write(d, api.OpDeleteUsagePlan, permission[api.DeleteUsagePlanRequest](api.OpDeleteUsagePlan.Operation), s.deletePlan)
	door.Write(d, api.OpCreateUsagePlanKey, permission[api.CreateUsagePlanKeyRequest](api.OpCreateUsagePlanKey.Operation), s.createPlanKey)
	door.Read(d, api.OpGetUsagePlanKey, permission[api.GetUsagePlanKeyRequest](api.OpGetUsagePlanKey.Operation), s.getPlanKey)
	door.Read(d, api.OpGetUsagePlanKeys, permission[api.GetUsagePlanKeysRequest](api.OpGetUsagePlanKeys.Operation), s.getPlanKeys)
	door.Write(d, api.OpDeleteUsagePlanKey, permission[api.DeleteUsagePlanKeyRequest](api.OpDeleteUsagePlanKey.Operation), s.deletePlanKey)
	door.Read(d, api.OpGetUsage, permission[api.GetUsageRequest](api.OpGetUsage.Operation), s.getUsage)
}

func (s *Service) registerDomains(d *door.Door) {
	door.Write(d, api.OpCreateDomainName, permission[api.CreateDomainNameRequest](api.OpCreateDomainName.Operation), s.createDomain)
	door.Read(d, api.OpGetDomainName, permission[api.GetDomainNameRequest](api.OpGetDomainName.Operation), s.getDomain)
	door.Read(d, api.OpGetDomainNames, permission[api.GetDomainNamesRequest](api.OpGetDomainNames.Operation), s.getDomains)
	door.Write(d, api.OpDeleteDomainName, permission[api.DeleteDomainNameRequest](api.OpDeleteDomainName.Operation), s.deleteDomain)
	door.Write(d, api.OpCreateBasePathMapping, permission[api.CreateBasePathMappingRequest](api.OpCreateBasePathMapping.Operation), s.createMapping)
	door.Read(d, api.OpGetBasePathMapping, permission[api.GetBasePathMappingRequest](api.OpGetBasePathMapping.Operation), s.getMapping)
	door.Read(d, api.OpGetBasePathMappings, permission[api.GetBasePathMappingsRequest](api.OpGetBasePathMappings.Operation), s.getMappings)
	door.Write(d, api.OpUpdateBasePathMapping, permission[api.UpdateBasePathMappingRequest](api.OpUpdateBasePathMapping.Operation), s.updateMapping)
	door.Write(d, api.OpDeleteBasePathMapping, permission[api.DeleteBasePathMappingRequest](api.OpDeleteBasePathMapping.Operation), s.deleteMapping)
}
