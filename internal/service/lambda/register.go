package lambda

import (
	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/lambda"
	"cloister/internal/awsapi/platform"
	"cloister/internal/door"
)

// Register puts the service's operations behind d.
func (s *Service) Register(d *door.Door) {
	s.door = d
	s.registerFunctions(d)
	s.registerVersions(d)
	s.registerInvocations(d)
	s.registerPermissions(d)
	s.registerSettings(d)
	s.registerLayers(d)
	s.registerURLs(d)
}

func (s *Service) registerURLs(d *door.Door) {
	door.Write(d, api.OpCreateFunctionUrlConfig, onURL("lambda:CreateFunctionUrlConfig", func(in *api.CreateFunctionUrlConfigRequest) (name, qualifier, authType *string) {
		return in.FunctionName, in.Qualifier, in.AuthType
	}), s.createURL)
	door.Read(d, api.OpGetFunctionUrlConfig, onFunction("lambda:GetFunctionUrlConfig", func(in *api.GetFunctionUrlConfigRequest) (name, qualifier *string) {
		return in.FunctionName, in.Qualifier
	}), s.getURL)
	door.Write(d, api.OpUpdateFunctionUrlConfig, onURL("lambda:UpdateFunctionUrlConfig", func(in *api.UpdateFunctionUrlConfigRequest) (name, qualifier, authType *string) {
		return in.FunctionName, in.Qualifier, in.AuthType
	}), s.updateURL)
	door.Write(d, api.OpDeleteFunctionUrlConfig, onURL("lambda:DeleteFunctionUrlConfig", func(in *api.DeleteFunctionUrlConfigRequest) (name, qualifier, authType *string) {
		return in.FunctionName, in.Qualifier, nil
	}), s.deleteURL)
	door.Read(d, api.OpListFunctionUrlConfigs, onWhole("lambda:ListFunctionUrlConfigs", func(in *api.ListFunctionUrlConfigsRequest) *string { return in.FunctionName }), s.listURLs)
	door.Act(d, platform.OpInvokeFunctionURL, door.AtFront(s.identifyURL, s.needsOfURL), s.invokeURL)
}

func (s *Service) registerFunctions(d *door.Door) {
	door.Act(d, api.OpCreateFunction, door.Permission(s.needsOfCreate), s.createFunction)
	door.Act(d, api.OpUpdateFunctionCode, onWhole("lambda:UpdateFunctionCode", func(in *api.UpdateFunctionCodeRequest) *string { return in.FunctionName }), s.updateFunctionCode)
	door.Act(d, api.OpUpdateFunctionConfiguration, door.Permission(s.needsOfReconfigure), s.updateFunctionConfiguration)
	door.Write(d, api.OpDeleteFunction, onFunction("lambda:DeleteFunction", func(in *api.DeleteFunctionRequest) (name, qualifier *string) {
		return in.FunctionName, in.Qualifier
	}), s.deleteFunction)
	door.Act(d, api.OpGetFunction, onTarget(s, "lambda:GetFunction", func(in *api.GetFunctionRequest) (name, qualifier *string) {
		return in.FunctionName, in.Qualifier
	}), s.getFunction)
	door.Act(d, api.OpGetFunctionConfiguration, onTarget(s, "lambda:GetFunctionConfiguration", func(in *api.GetFunctionConfigurationRequest) (name, qualifier *string) {
		return in.FunctionName, in.Qualifier
	}), s.getFunctionConfiguration)
	door.Act(d, api.OpListFunctions, onAll[api.ListFunctionsRequest]("lambda:ListFunctions"), s.listFunctions)
}

func (s *Service) registerVersions(d *door.Door) {
	door.Act(d, api.OpPublishVersion, onWhole("lambda:PublishVersion", func(in *api.PublishVersionRequest) *string { return in.FunctionName }), s.publishVersion)
	door.Act(d, api.OpListVersionsByFunction, onWhole("lambda:ListVersionsByFunction", func(in *api.ListVersionsByFunctionRequest) *string { return in.FunctionName }), s.listVersions)
	door.Write(d, api.OpCreateAlias, onWhole("lambda:CreateAlias", func(in *api.CreateAliasRequest) *string { return in.FunctionName }), s.createAlias)
	door.Read(d, api.OpGetAlias, onWhole("lambda:GetAlias", func(in *api.GetAliasRequest) *string { return in.FunctionName }), s.getAlias)
	door.Read(d, api.OpListAliases, onWhole("lambda:ListAliases", func(in *api.ListAliasesRequest) *string { return in.FunctionName }), s.listAliases)
	door.Write(d, api.OpUpdateAlias, onWhole("lambda:UpdateAlias", func(in *api.UpdateAliasRequest) *string { return in.FunctionName }), s.updateAlias)
	door.Write(d, api.OpDeleteAlias, onWhole("lambda:DeleteAlias", func(in *api.DeleteAliasRequest) *string { return in.FunctionName }), s.deleteAlias)
}

func (s *Service) registerInvocations(d *door.Door) {
	door.Act(d, api.OpInvoke, door.Permission(s.needsOfInvoke), s.invoke)
	door.Act(d, api.OpInvokeAsync, door.Permission(s.needsOfInvokeAsync), s.invokeAsync)
	door.Act(d, api.OpInvokeWithResponseStream, door.Permission(s.needsOfInvokeStream), s.invokeStream)
}

func (s *Service) registerPermissions(d *door.Door) {
	door.Write(d, api.OpAddPermission, door.Permission(s.needsOfAddPermission), s.addPermission)
	door.Write(d, api.OpRemovePermission, onFunction("lambda:RemovePermission", func(in *api.RemovePermissionRequest) (name, qualifier *string) {
		return in.FunctionName, in.Qualifier
	}), s.removePermission)
	door.Read(d, api.OpGetPolicy, onFunction("lambda:GetPolicy", func(in *api.GetPolicyRequest) (name, qualifier *string) {
		return in.FunctionName, in.Qualifier
	}), s.getPolicy)
}

func (s *Service) registerSettings(d *door.Door) {
	door.Write(d, api.OpPutFunctionConcurrency, onWhole("lambda:PutFunctionConcurrency", func(in *api.PutFunctionConcurrencyRequest) *string { return in.FunctionName }), s.putConcurrency)
	door.Read(d, api.OpGetFunctionConcurrency, onWhole("lambda:GetFunctionConcurrency", func(in *api.GetFunctionConcurrencyRequest) *string { return in.FunctionName }), s.getConcurrency)
	door.Write(d, api.OpDeleteFunctionConcurrency, onWhole("lambda:DeleteFunctionConcurrency", func(in *api.DeleteFunctionConcurrencyRequest) *string { return in.FunctionName }), s.deleteConcurrency)
	door.Read(d, api.OpGetAccountSettings, onAll[api.GetAccountSettingsRequest]("lambda:GetAccountSettings"), s.getAccountSettings)
	door.Write(d, api.OpTagResource, door.Permission(s.needsOfTag), s.tagResource)
	door.Write(d, api.OpUntagResource, door.Permission(s.needsOfUntag), s.untagResource)
	door.Read(d, api.OpListTags, door.Permission(s.needsOfListTags), s.listTags)
	s.registerEventConfigs(d)
}

func (s *Service) registerEventConfigs(d *door.Door) {
	door.Write(d, api.OpPutFunctionEventInvokeConfig, onWhole("lambda:PutFunctionEventInvokeConfig", func(in *api.PutFunctionEventInvokeConfigRequest) *string { return in.FunctionName }), s.putEventConfig)
	door.Write(d, api.OpUpdateFunctionEventInvokeConfig, onWhole("lambda:UpdateFunctionEventInvokeConfig", func(in *api.UpdateFunctionEventInvokeConfigRequest) *string { return in.FunctionName }), s.updateEventConfig)
	door.Read(d, api.OpGetFunctionEventInvokeConfig, onWhole("lambda:GetFunctionEventInvokeConfig", func(in *api.GetFunctionEventInvokeConfigRequest) *string { return in.FunctionName }), s.getEventConfig)
	door.Write(d, api.OpDeleteFunctionEventInvokeConfig, onWhole("lambda:DeleteFunctionEventInvokeConfig", func(in *api.DeleteFunctionEventInvokeConfigRequest) *string { return in.FunctionName }), s.deleteEventConfig)
	door.Read(d, api.OpListFunctionEventInvokeConfigs, onWhole("lambda:ListFunctionEventInvokeConfigs", func(in *api.ListFunctionEventInvokeConfigsRequest) *string { return in.FunctionName }), s.listEventConfigs)
}

func (s *Service) registerLayers(d *door.Door) {
	door.Act(d, api.OpPublishLayerVersion, door.Permission(needsOfPublishLayer), s.publishLayer)
	door.Read(d, api.OpGetLayerVersion, onLayer("lambda:GetLayerVersion", func(in *api.GetLayerVersionRequest) (*string, *int64) {
		return in.LayerName, in.VersionNumber
	}), s.getLayer)
	door.Read(d, api.OpGetLayerVersionByArn, door.Permission(needsOfLayerByARN), s.getLayerByARN)
	door.Read(d, api.OpListLayerVersions, onAll[api.ListLayerVersionsRequest]("lambda:ListLayerVersions"), s.listLayerVersions)
	door.Read(d, api.OpListLayers, onAll[api.ListLayersRequest]("lambda:ListLayers"), s.listLayers)
	door.Write(d, api.OpDeleteLayerVersion, onLayer("lambda:DeleteLayerVersion", func(in *api.DeleteLayerVersionRequest) (*string, *int64) {
		return in.LayerName, in.VersionNumber
	}), s.deleteLayer)
	door.Write(d, api.OpAddLayerVersionPermission, onLayer("lambda:AddLayerVersionPermission", func(in *api.AddLayerVersionPermissionRequest) (*string, *int64) {
		return in.LayerName, in.VersionNumber
	}), s.addLayerPermission)
	door.Write(d, api.OpRemoveLayerVersionPermission, onLayer("lambda:RemoveLayerVersionPermission", func(in *api.RemoveLayerVersionPermissionRequest) (*string, *int64) {
		return in.LayerName, in.VersionNumber
	}), s.removeLayerPermission)
	door.Read(d, api.OpGetLayerVersionPolicy, onLayer("lambda:GetLayerVersionPolicy", func(in *api.GetLayerVersionPolicyRequest) (*string, *int64) {
		return in.LayerName, in.VersionNumber
	}), s.getLayerPolicy)
}

// none is the answer of operations that answer nothing.
var none = &awsapi.None{}
