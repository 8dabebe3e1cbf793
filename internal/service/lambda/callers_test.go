package lambda

import (
	"context"
	"encoding/json"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/lambda"
	"cloister/internal/door"
)

// caller calls one operation with JSON and gives its answer as JSON.
type caller struct {
	op   *awsapi.Operation
	call func(h *harness, who *door.Principal, in string) (string, error)
}

func calls[In, Out any](op awsapi.Op[In, Out]) caller {
	return caller{op.Operation, func(h *harness, who *door.Principal, text string) (string, error) {
		in := new(In)
		if err := json.Unmarshal([]byte(text), in); err != nil {
			return "", err
		}
		out, err := door.Do(context.Background(), h.Door, who, op, in)
		if err != nil {
			return "", err
		}
		answer, err := json.Marshal(out)
		return string(answer), err
	}}
}

var callers = map[string]caller{
	"AddLayerVersionPermission":       calls(api.OpAddLayerVersionPermission),
	"AddPermission":                   calls(api.OpAddPermission),
	"CreateAlias":                     calls(api.OpCreateAlias),
	"CreateFunction":                  calls(api.OpCreateFunction),
	"DeleteAlias":                     calls(api.OpDeleteAlias),
	"DeleteFunction":                  calls(api.OpDeleteFunction),
	"DeleteFunctionConcurrency":       calls(api.OpDeleteFunctionConcurrency),
	"DeleteFunctionEventInvokeConfig": calls(api.OpDeleteFunctionEventInvokeConfig),
	"DeleteLayerVersion":              calls(api.OpDeleteLayerVersion),
	"GetAccountSettings":              calls(api.OpGetAccountSettings),
	"GetAlias":                        calls(api.OpGetAlias),
	"GetFunction":                     calls(api.OpGetFunction),
	"GetFunctionConcurrency":          calls(api.OpGetFunctionConcurrency),
	"GetFunctionConfiguration":        calls(api.OpGetFunctionConfiguration),
	"GetFunctionEventInvokeConfig":    calls(api.OpGetFunctionEventInvokeConfig),
	"CreateFunctionUrlConfig":         calls(api.OpCreateFunctionUrlConfig),
	"GetFunctionUrlConfig":            calls(api.OpGetFunctionUrlConfig),
	"UpdateFunctionUrlConfig":         calls(api.OpUpdateFunctionUrlConfig),
	"DeleteFunctionUrlConfig":         calls(api.OpDeleteFunctionUrlConfig),
	"ListFunctionUrlConfigs":          calls(api.OpListFunctionUrlConfigs),
	"GetLayerVersion":                 calls(api.OpGetLayerVersion),
	"GetLayerVersionByArn":            calls(api.OpGetLayerVersionByArn),
	"GetLayerVersionPolicy":           calls(api.OpGetLayerVersionPolicy),
	"GetPolicy":                       calls(api.OpGetPolicy),
	"Invoke":                          calls(api.OpInvoke),
	"InvokeAsync":                     calls(api.OpInvokeAsync),
	"ListAliases":                     calls(api.OpListAliases),
	"ListFunctionEventInvokeConfigs":  calls(api.OpListFunctionEventInvokeConfigs),
	"ListFunctions":                   calls(api.OpListFunctions),
	"ListLayerVersions":               calls(api.OpListLayerVersions),
	"ListLayers":                      calls(api.OpListLayers),
	"ListTags":                        calls(api.OpListTags),
	"ListVersionsByFunction":          calls(api.OpListVersionsByFunction),
	"PublishLayerVersion":             calls(api.OpPublishLayerVersion),
	"PublishVersion":                  calls(api.OpPublishVersion),
	"PutFunctionConcurrency":          calls(api.OpPutFunctionConcurrency),
	"PutFunctionEventInvokeConfig":    calls(api.OpPutFunctionEventInvokeConfig),
	"RemoveLayerVersionPermission":    calls(api.OpRemoveLayerVersionPermission),
	"RemovePermission":                calls(api.OpRemovePermission),
	"TagResource":                     calls(api.OpTagResource),
	"UntagResource":                   calls(api.OpUntagResource),
	"UpdateAlias":                     calls(api.OpUpdateAlias),
	"UpdateFunctionCode":              calls(api.OpUpdateFunctionCode),
	"UpdateFunctionConfiguration":     calls(api.OpUpdateFunctionConfiguration),
	"UpdateFunctionEventInvokeConfig": calls(api.OpUpdateFunctionEventInvokeConfig),
}
