package apigatewayv2

import (
	"net/http"
	"sync/atomic"

	api "cloister/internal/awsapi/apigatewayv2"
	"cloister/internal/awsapi/platform"
	"cloister/internal/dial"
	"cloister/internal/door"
	"cloister/internal/gate/bucket"
	"cloister/internal/gate/jwt"
	"cloister/internal/guardrail"
	"cloister/internal/store"
)

// Config is what the service needs. Endpoint gives the address of an API on this
// node; Dial is for HTTP integrations. Taken says which names the node itself is
// reached by, which no API is given; nil for none.
type Config struct {
	DB         *store.DB
	Guardrails *guardrail.Guardrails
	Tokens     *jwt.Verifier
	Dial       *dial.Dialer
	Endpoint   func(apiID string) string
	Taken      func(host string) bool
	// HeldElsewhere is HeldByOthers of the other kind of APIs.
	HeldElsewhere func(r store.Reader, name, account string) (bool, error)
}

// Service is API Gateway's HTTP APIs. It is safe for concurrent use.
type Service struct {
	Config
	door     *door.Door
	memory   *memory
	throttle *bucket.Set[bucketKey]
	verdicts *verdicts
	sockets  *sockets
	backends http.RoundTripper
	lines    chan accessLine
	lost     atomic.Int64 // lines
	answers  atomic.Int64 // bytes of backends' answers in memory
}

// mostBuckets bounds the memory of throttling: stages times routes.
const mostBuckets = 50_000

// New makes the service. Run writes its access logs.
func New(c Config) *Service {
	s := &Service{Config: c, throttle: bucket.NewSet[bucketKey](mostBuckets), verdicts: newVerdicts(), sockets: newSockets(), backends: c.Dial.Proxy(), lines: make(chan accessLine, mostWaiting)}
	s.memory = newMemory(c.DB, s.verdicts)
	return s
}

// Register puts the service's operations behind d.
func (s *Service) Register(d *door.Door) {
	s.door = d
	s.registerAPIs(d)
	s.registerRoutes(d)
	s.registerStages(d)
	s.registerDomains(d)
	door.Act(d, platform.OpInvokeAPI, door.AtFront(s.identify, s.resolve), s.handle)
}

func (s *Service) registerAPIs(d *door.Door) {
	all := func(*api.GetApisRequest) string { return "/apis" }
	door.Write(d, api.OpCreateApi, permission(api.OpCreateApi.Operation, func(*api.CreateApiRequest) string { return "/apis" },
		func(in *api.CreateApiRequest, k keys) {
			requestTags(k, in.Tags)
			set(k, "ApiName", in.Name)
			setBool(k, "DisableExecuteApiEndpoint", in.DisableExecuteApiEndpoint)
		}), s.createAPI)
	door.Read(d, api.OpGetApi, permission(api.OpGetApi.Operation, func(in *api.GetApiRequest) string { return at(wordAPIs, in.ApiId) }), s.getAPI)
	door.Read(d, api.OpGetApis, permission(api.OpGetApis.Operation, all), s.getAPIs)
	door.Write(d, api.OpUpdateApi, permission(api.OpUpdateApi.Operation, func(in *api.UpdateApiRequest) string { return at(wordAPIs, in.ApiId) },
		func(in *api.UpdateApiRequest, k keys) {
			set(k, "ApiName", in.Name)
			setBool(k, "DisableExecuteApiEndpoint", in.DisableExecuteApiEndpoint)
		}), s.updateAPI)
	door.Write(d, api.OpDeleteApi, permission(api.OpDeleteApi.Operation, func(in *api.DeleteApiRequest) string { return at(wordAPIs, in.ApiId) }), s.deleteAPI)
	door.Write(d, api.OpDeleteCorsConfiguration, permission(api.OpDeleteCorsConfiguration.Operation,
		func(in *api.DeleteCorsConfigurationRequest) string { return at(wordAPIs, in.ApiId, ptr("cors")) }), s.deleteCORS)
	door.Write(d, api.OpImportApi, door.Permission(needsOfImport), s.importAPI)
	door.Write(d, api.OpReimportApi, permission(api.OpReimportApi.Operation, func(in *api.ReimportApiRequest) string { return at(wordAPIs, in.ApiId) }), s.reimportAPI)
	door.Read(d, api.OpExportApi, permission(api.OpExportApi.Operation, func(in *api.ExportApiRequest) string {
		return at(wordAPIs, in.ApiId, ptr("exports"), in.Specification)
	}), s.exportAPI)
	door.Write(d, api.OpTagResource, door.Permission(needsOfTag), s.tagResource)
	door.Write(d, api.OpUntagResource, door.Permission(needsOfUntag), s.untagResource)
	door.Read(d, api.OpGetTags, door.Permission(needsOfGetTags), s.getTags)
}

func setBool(k keys, name string, value *bool) {
	if value != nil {
		set(k, name, ptr(map[bool]string{true: "true", false: "false"}[*value]))
	}
}

func (s *Service) registerRoutes(d *door.Door) {
	routeKeys := func(auth *string, k keys) { set(k, "RouteAuthorizationType", auth) }
	door.Write(d, api.OpCreateRoute, permission(api.OpCreateRoute.Operation, func(in *api.CreateRouteRequest) string { return at(wordAPIs, in.ApiId, wordRoutes) },
		func(in *api.CreateRouteRequest, k keys) { routeKeys(ptr(or(in.AuthorizationType, "NONE")), k) }), s.createRoute)
	door.Read(d, api.OpGetRoute, permission(api.OpGetRoute.Operation, func(in *api.GetRouteRequest) string { return at(wordAPIs, in.ApiId, wordRoutes, in.RouteId) }), s.getRoute)
	door.Read(d, api.OpGetRoutes, permission(api.OpGetRoutes.Operation, func(in *api.GetRoutesRequest) string { return at(wordAPIs, in.ApiId, wordRoutes) }), s.getRoutes)
	door.Write(d, api.OpUpdateRoute, permission(api.OpUpdateRoute.Operation, func(in *api.UpdateRouteRequest) string { return at(wordAPIs, in.ApiId, wordRoutes, in.RouteId) },
		func(in *api.UpdateRouteRequest, k keys) { routeKeys(in.AuthorizationType, k) }), s.updateRoute)
	door.Write(d, api.OpDeleteRoute, permission(api.OpDeleteRoute.Operation, func(in *api.DeleteRouteRequest) string { return at(wordAPIs, in.ApiId, wordRoutes, in.RouteId) }), s.deleteRoute)

	door.Write(d, api.OpCreateIntegration, permission(api.OpCreateIntegration.Operation, func(in *api.CreateIntegrationRequest) string { return at(wordAPIs, in.ApiId, wordIntegrations) }), s.createIntegration)
	door.Read(d, api.OpGetIntegration, permission(api.OpGetIntegration.Operation, func(in *api.GetIntegrationRequest) string {
		return at(wordAPIs, in.ApiId, wordIntegrations, in.IntegrationId)
	}), s.getIntegration)
	door.Read(d, api.OpGetIntegrations, permission(api.OpGetIntegrations.Operation, func(in *api.GetIntegrationsRequest) string { return at(wordAPIs, in.ApiId, wordIntegrations) }), s.getIntegrations)
	door.Write(d, api.OpUpdateIntegration, permission(api.OpUpdateIntegration.Operation, func(in *api.UpdateIntegrationRequest) string {
		return at(wordAPIs, in.ApiId, wordIntegrations, in.IntegrationId)
	}), s.updateIntegration)
	door.Write(d, api.OpDeleteIntegration, permission(api.OpDeleteIntegration.Operation, func(in *api.DeleteIntegrationRequest) string {
		return at(wordAPIs, in.ApiId, wordIntegrations, in.IntegrationId)
	}), s.deleteIntegration)

	authorizerKeys := func(kind, uri *string, k keys) { set(k, "AuthorizerType", kind); set(k, "AuthorizerUri", uri) }
	door.Write(d, api.OpCreateAuthorizer, permission(api.OpCreateAuthorizer.Operation, func(in *api.CreateAuthorizerRequest) string { return at(wordAPIs, in.ApiId, wordAuthorizers) },
		func(in *api.CreateAuthorizerRequest, k keys) { authorizerKeys(in.AuthorizerType, in.AuthorizerUri, k) }), s.createAuthorizer)
	door.Read(d, api.OpGetAuthorizer, permission(api.OpGetAuthorizer.Operation, func(in *api.GetAuthorizerRequest) string {
		return at(wordAPIs, in.ApiId, wordAuthorizers, in.AuthorizerId)
	}), s.getAuthorizer)
	door.Read(d, api.OpGetAuthorizers, permission(api.OpGetAuthorizers.Operation, func(in *api.GetAuthorizersRequest) string { return at(wordAPIs, in.ApiId, wordAuthorizers) }), s.getAuthorizers)
	door.Write(d, api.OpUpdateAuthorizer, permission(api.OpUpdateAuthorizer.Operation, func(in *api.UpdateAuthorizerRequest) string {
		return at(wordAPIs, in.ApiId, wordAuthorizers, in.AuthorizerId)
	}, func(in *api.UpdateAuthorizerRequest, k keys) { authorizerKeys(in.AuthorizerType, in.AuthorizerUri, k) }), s.updateAuthorizer)
	door.Write(d, api.OpDeleteAuthorizer, permission(api.OpDeleteAuthorizer.Operation, func(in *api.DeleteAuthorizerRequest) string {
		return at(wordAPIs, in.ApiId, wordAuthorizers, in.AuthorizerId)
	}), s.deleteAuthorizer)
}

func (s *Service) registerStages(d *door.Door) {
	logKeys := func(l *api.AccessLogSettings, k keys) {
		if l != nil {
			set(k, "AccessLoggingDestination", l.DestinationArn)
			set(k, "AccessLoggingFormat", l.Format)
		}
	}
	door.Write(d, api.OpCreateStage, permission(api.OpCreateStage.Operation, func(in *api.CreateStageRequest) string { return at(wordAPIs, in.ApiId, wordStages) },
		func(in *api.CreateStageRequest, k keys) { requestTags(k, in.Tags); logKeys(in.AccessLogSettings, k) }), s.createStage)
	door.Read(d, api.OpGetStage, permission(api.OpGetStage.Operation, func(in *api.GetStageRequest) string { return at(wordAPIs, in.ApiId, wordStages, in.StageName) }), s.getStage)
	door.Read(d, api.OpGetStages, permission(api.OpGetStages.Operation, func(in *api.GetStagesRequest) string { return at(wordAPIs, in.ApiId, wordStages) }), s.getStages)
	door.Write(d, api.OpUpdateStage, permission(api.OpUpdateStage.Operation, func(in *api.UpdateStageRequest) string { return at(wordAPIs, in.ApiId, wordStages, in.StageName) },
		func(in *api.UpdateStageRequest, k keys) { logKeys(in.AccessLogSettings, k) }), s.updateStage)
	door.Write(d, api.OpDeleteStage, permission(api.OpDeleteStage.Operation, func(in *api.DeleteStageRequest) string { return at(wordAPIs, in.ApiId, wordStages, in.StageName) }), s.deleteStage)
	door.Write(d, api.OpDeleteRouteSettings, permission(api.OpDeleteRouteSettings.Operation, func(in *api.DeleteRouteSettingsRequest) string {
		return at(wordAPIs, in.ApiId, wordStages, in.StageName, ptr("routesettings"), in.RouteKey)
	}), s.deleteRouteSettings)
	door.Write(d, api.OpDeleteAccessLogSettings, permission(api.OpDeleteAccessLogSettings.Operation, func(in *api.DeleteAccessLogSettingsRequest) string {
		return at(wordAPIs, in.ApiId, wordStages, in.StageName, ptr("accesslogsettings"))
	}), s.deleteAccessLog)
	door.Act(d, api.OpResetAuthorizersCache, permission(api.OpResetAuthorizersCache.Operation, func(in *api.ResetAuthorizersCacheRequest) string {
		return at(wordAPIs, in.ApiId, wordStages, in.StageName, ptr("cache"), wordAuthorizers)
	}), s.resetAuthorizers)

	door.Write(d, api.OpCreateDeployment, permission(api.OpCreateDeployment.Operation, func(in *api.CreateDeploymentRequest) string { return at(wordAPIs, in.ApiId, wordDeployments) }), s.createDeployment)
	door.Read(d, api.OpGetDeployment, permission(api.OpGetDeployment.Operation, func(in *api.GetDeploymentRequest) string {
		return at(wordAPIs, in.ApiId, wordDeployments, in.DeploymentId)
	}), s.getDeployment)
	door.Read(d, api.OpGetDeployments, permission(api.OpGetDeployments.Operation, func(in *api.GetDeploymentsRequest) string { return at(wordAPIs, in.ApiId, wordDeployments) }), s.getDeployments)
	door.Write(d, api.OpUpdateDeployment, permission(api.OpUpdateDeployment.Operation, func(in *api.UpdateDeploymentRequest) string {
		return at(wordAPIs, in.ApiId, wordDeployments, in.DeploymentId)
	}), s.updateDeployment)
	door.Write(d, api.OpDeleteDeployment, permission(api.OpDeleteDeployment.Operation, func(in *api.DeleteDeploymentRequest) string {
		return at(wordAPIs, in.ApiId, wordDeployments, in.DeploymentId)
	}), s.deleteDeployment)
}

func (s *Service) registerDomains(d *door.Door) {
	tlsKeys := func(configurations []*api.DomainNameConfiguration, mutual *api.MutualTlsAuthenticationInput, k keys) {
		for _, c := range configurations {
			set(k, "EndpointType", c.EndpointType)
			set(k, "SecurityPolicy", c.SecurityPolicy)
		}
		if mutual != nil {
			set(k, "MtlsTrustStoreUri", mutual.TruststoreUri)
			set(k, "MtlsTrustStoreVersion", mutual.TruststoreVersion)
		}
	}
	door.Write(d, api.OpCreateDomainName, permission(api.OpCreateDomainName.Operation, func(*api.CreateDomainNameRequest) string { return "/domainnames" },
		func(in *api.CreateDomainNameRequest, k keys) {
			requestTags(k, in.Tags)
			tlsKeys(in.DomainNameConfigurations, in.MutualTlsAuthentication, k)
		}), s.createDomain)
	door.Read(d, api.OpGetDomainName, permission(api.OpGetDomainName.Operation, func(in *api.GetDomainNameRequest) string { return at(wordDomains, in.DomainName) }), s.getDomain)
	door.Read(d, api.OpGetDomainNames, permission(api.OpGetDomainNames.Operation, func(*api.GetDomainNamesRequest) string { return "/domainnames" }), s.getDomains)
	door.Write(d, api.OpUpdateDomainName, permission(api.OpUpdateDomainName.Operation, func(in *api.UpdateDomainNameRequest) string { return at(wordDomains, in.DomainName) },
		func(in *api.UpdateDomainNameRequest, k keys) {
			tlsKeys(in.DomainNameConfigurations, in.MutualTlsAuthentication, k)
		}), s.updateDomain)
	door.Write(d, api.OpDeleteDomainName, permission(api.OpDeleteDomainName.Operation, func(in *api.DeleteDomainNameRequest) string { return at(wordDomains, in.DomainName) }), s.deleteDomain)
	door.Write(d, api.OpCreateApiMapping, permission(api.OpCreateApiMapping.Operation, func(in *api.CreateApiMappingRequest) string { return at(wordDomains, in.DomainName, wordMappings) }), s.createMapping)
	door.Read(d, api.OpGetApiMapping, permission(api.OpGetApiMapping.Operation, func(in *api.GetApiMappingRequest) string {
		return at(wordDomains, in.DomainName, wordMappings, in.ApiMappingId)
	}), s.getMapping)
	door.Read(d, api.OpGetApiMappings, permission(api.OpGetApiMappings.Operation, func(in *api.GetApiMappingsRequest) string { return at(wordDomains, in.DomainName, wordMappings) }), s.getMappings)
	door.Write(d, api.OpUpdateApiMapping, permission(api.OpUpdateApiMapping.Operation, func(in *api.UpdateApiMappingRequest) string {
		return at(wordDomains, in.DomainName, wordMappings, in.ApiMappingId)
	}), s.updateMapping)
	door.Write(d, api.OpDeleteApiMapping, permission(api.OpDeleteApiMapping.Operation, func(in *api.DeleteApiMappingRequest) string {
		return at(wordDomains, in.DomainName, wordMappings, in.ApiMappingId)
	}), s.deleteMapping)
}
