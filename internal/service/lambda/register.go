package lambda

import (
	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/lambda"
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
}

func (s *Service) registerFunctions(d *door.Door) {
	door.Act(d, api.OpCreateFunction, door.Permission(s.needsOfCreate), s.createFunction)
	door.Act(d, api.OpUpdateFunctionCode, onFunction("lambda:UpdateFunctionCode", func(in *api.UpdateFunctionCodeRequest) (name, qualifier *string) {
		return in.FunctionName, nil
	}), s.updateFunctionCode)
	door.Act(d, api.OpUpdateFunctionConfiguration, door.Permission(s.needsOfReconfigure), s.updateFunctionConfiguration)
	door.Write(d, api.OpDeleteFunction, onFunction("lambda:DeleteFunction", func(in *api.DeleteFunctionRequest) (name, qualifier *string) {
		return in.FunctionName, in.Qualifier
	}), s.deleteFunction)
	door.Read(d, api.OpGetFunction, onFunction("lambda:GetFunction", func(in *api.GetFunctionRequest) (name, qualifier *string) {
		return in.FunctionName, in.Qualifier
	}), s.getFunction)
	door.Read(d, api.OpGetFunctionConfiguration, onFunction("lambda:GetFunctionConfiguration", func(in *api.GetFunctionConfigurationRequest) (name, qualifier *string) {
		return in.FunctionName, in.Qualifier
	}), s.getFunctionConfiguration)
	door.Read(d, api.OpListFunctions, onAll[api.ListFunctionsRequest]("lambda:ListFunctions"), s.listFunctions)
}

func (s *Service) registerVersions(d *door.Door) {
	door.Write(d, api.OpPublishVersion, onFunction("lambda:PublishVersion", func(in *api.PublishVersionRequest) (name, qualifier *string) {
		return in.FunctionName, nil
	}), s.publishVersion)
	door.Read(d, api.OpListVersionsByFunction, onFunction("lambda:ListVersionsByFunction", func(in *api.ListVersionsByFunctionRequest) (name, qualifier *string) {
		return in.FunctionName, nil
	}), s.listVersions)
	door.Write(d, api.OpCreateAlias, onFunction("lambda:CreateAlias", func(in *api.CreateAliasRequest) (name, qualifier *string) {
		return in.FunctionName, nil
	}), s.createAlias)
	door.Read(d, api.OpGetAlias, onFunction("lambda:GetAlias", func(in *api.GetAliasRequest) (name, qualifier *string) {
		return in.FunctionName, nil
	}), s.getAlias)
	door.Read(d, api.OpListAliases, onFunction("lambda:ListAliases", func(in *api.ListAliasesRequest) (name, qualifier *string) {
		return in.FunctionName, nil
	}), s.listAliases)
	door.Write(d, api.OpUpdateAlias, onFunction("lambda:UpdateAlias", func(in *api.UpdateAliasRequest) (name, qualifier *string) {
		return in.FunctionName, nil
	}), s.updateAlias)
	door.Write(d, api.OpDeleteAlias, onFunction("lambda:DeleteAlias", func(in *api.DeleteAliasRequest) (name, qualifier *string) {
		return in.FunctionName, nil
	}), s.deleteAlias)
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
	door.Write(d, api.OpPutFunctionConcurrency, onFunction("lambda:PutFunctionConcurrency", func(in *api.PutFunctionConcurrencyRequest) (name, qualifier *string) {
		return in.FunctionName, nil
	}), s.putConcurrency)
	door.Read(d, api.OpGetFunctionConcurrency, onFunction("lambda:GetFunctionConcurrency", func(in *api.GetFunctionConcurrencyRequest) (name, qualifier *string) {
		return in.FunctionName, nil
	}), s.getConcurrency)
	door.Write(d, api.OpDeleteFunctionConcurrency, onFunction("lambda:DeleteFunctionConcurrency", func(in *api.DeleteFunctionConcurrencyRequest) (name, qualifier *string) {
		return in.FunctionName, nil
	}), s.deleteConcurrency)
	door.Read(d, api.OpGetAccountSettings, onAll[api.GetAccountSettingsRequest]("lambda:GetAccountSettings"), s.getAccountSettings)
	door.Write(d, api.OpTagResource, door.Permission(s.needsOfTag), s.tagResource)
	door.Write(d, api.OpUntagResource, door.Permission(s.needsOfUntag), s.untagResource)
	door.Read(d, api.OpListTags, onFunction("lambda:ListTags", func(in *api.ListTagsRequest) (name, qualifier *string) {
		return in.Resource, nil
	}), s.listTags)
	s.registerEventConfigs(d)
}

func (s *Service) registerEventConfigs(d *door.Door) {
	door.Write(d, api.OpPutFunctionEventInvokeConfig, onFunction("lambda:PutFunctionEventInvokeConfig", func(in *api.PutFunctionEventInvokeConfigRequest) (name, qualifier *string) {
		return in.FunctionName, nil
	}), s.putEventConfig)
	door.Write(d, api.OpUpdateFunctionEventInvokeConfig, onFunction("lambda:UpdateFunctionEventInvokeConfig", func(in *api.UpdateFunctionEventInvokeConfigRequest) (name, qualifier *string) {
		return in.FunctionName, nil
	}), s.updateEventConfig)
	door.Read(d, api.OpGetFunctionEventInvokeConfig, onFunction("lambda:GetFunctionEventInvokeConfig", func(in *api.GetFunctionEventInvokeConfigRequest) (name, qualifier *string) {
		return in.FunctionName, nil
	}), s.getEventConfig)
	door.Write(d, api.OpDeleteFunctionEventInvokeConfig, onFunction("lambda:DeleteFunctionEventInvokeConfig", func(in *api.DeleteFunctionEventInvokeConfigRequest) (name, qualifier *string) {
		return in.FunctionName, nil
	}), s.deleteEventConfig)
	door.Read(d, api.OpListFunctionEventInvokeConfigs, onFunction("lambda:ListFunctionEventInvokeConfigs", func(in *api.ListFunctionEventInvokeConfigsRequest) (name, qualifier *string) {
		return in.FunctionName, nil
	}), s.listEventConfigs)
}

func (s *Service) registerLayers(d *door.Door) {
	door.Act(d, api.OpPublishLayerVersion, door.On("lambda:PublishLayerVersion", func(c *door.Call, in *api.PublishLayerVersionRequest) string {
		return layerARN(c.Account, c.Region, layerName(val(in.LayerName)))
	}), s.publishLayer)
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
