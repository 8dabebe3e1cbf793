package apigateway

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/apigateway"
	"cloister/internal/door"
)

var modelName = regexp.MustCompile(`^[A-Za-z0-9]{1,128}$`)

// maxSchema is how long a model's schema is (AWS's quota).
const maxSchema = 400 << 10

func createModel(_ *door.Call, a *apiRow, in *api.CreateModelRequest) (*api.Model, error) {
	if !modelName.MatchString(val(in.Name)) {
		return nil, badRequest("Model name must be alphanumeric: %.200s", val(in.Name))
	}
	if a.Definition.Models[*in.Name] != nil {
		return nil, conflict("Model name already exists for this REST API")
	}
	m := &api.Model{Id: ptr(newID(6)), Name: in.Name, Description: in.Description, Schema: in.Schema, ContentType: in.ContentType}
	a.Definition.Models[*in.Name] = m
	return m, a.checkModel(m)
}

func (a *apiRow) checkModel(m *api.Model) error {
	if len(a.Definition.Models) > 200 {
		return awsapi.Errorf("LimitExceededException", "Maximum number of models for this API has been reached: 200")
	}
	if val(m.Schema) == "" {
		m.Schema = ptr("{}")
	}
	if _, err := compileSchema(&a.Definition, *m.Name); err != nil {
		return badRequest("Invalid model schema specified")
	}
	return nil
}

func (a *apiRow) model(name *string) (*api.Model, error) {
	m := a.Definition.Models[val(name)]
	if m == nil {
		return nil, notFound("Invalid Model Name specified: %.200s", val(name))
	}
	return m, nil
}

func getModel(a *apiRow, in *api.GetModelRequest) (*api.Model, error) {
	if val(in.Flatten) {
		return nil, badRequest("Models cannot be flattened here")
	}
	return a.model(in.ModelName)
}

func getModels(a *apiRow, in *api.GetModelsRequest) (*api.Models, error) {
	items, next, err := page(values(a.Definition.Models), func(m *api.Model) string { return val(m.Name) }, in.Position, in.Limit)
	return &api.Models{Items: items, Position: next}, err
}

func updateModel(_ *door.Call, a *apiRow, in *api.UpdateModelRequest) (*api.Model, error) {
	m, err := a.model(in.ModelName)
	if err != nil {
		return nil, err
	}
	if err := patch(m, in.PatchOperations, "/description", "/schema"); err != nil {
		return nil, err
	}
	return m, a.checkModel(m)
}

func deleteModel(_ *door.Call, a *apiRow, in *api.DeleteModelRequest) (*awsapi.None, error) {
	if _, err := a.model(in.ModelName); err != nil {
		return nil, err
	}
	for _, r := range a.Definition.Resources {
		for _, m := range r.ResourceMethods {
			for _, used := range m.RequestModels {
				if used == *in.ModelName {
					return nil, conflict("Cannot delete model '%s', is referenced in method request: %s/%s", used, val(r.Path), val(m.HttpMethod))
				}
			}
		}
	}
	delete(a.Definition.Models, *in.ModelName)
	return &awsapi.None{}, nil
}

// schemaBase is where models refer to each other: .../restapis/ID/models/NAME.
const schemaBase = "https://apigateway.amazonaws.com/restapis/api/models/"

var modelReference = regexp.MustCompile(`"\$ref"\s*:\s*"https?://[^"]*/restapis/[^"/]+/models/([A-Za-z0-9]+)`)

// localOnly finds no schema but those that an API has.
type localOnly struct{ d *definition }

// Load implements jsonschema.URLLoader.
func (l localOnly) Load(url string) (any, error) {
	m := l.d.Models[strings.TrimPrefix(url, schemaBase)]
	if m == nil {
		return nil, errors.New("there is no such model")
	}
	return schemaDocument(val(m.Schema))
}

func schemaDocument(text string) (any, error) {
	if len(text) > maxSchema {
		return nil, errors.New("the schema is too long")
	}
	text = modelReference.ReplaceAllString(text, `"$$ref":"`+schemaBase+`$1`)
	return jsonschema.UnmarshalJSON(strings.NewReader(text))
}

// compileSchema makes the schema of a model: JSON Schema, draft 4, with RE2's
// regular expressions. What it refers to is a model of the same API.
func compileSchema(d *definition, name string) (*jsonschema.Schema, error) {
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft4)
	c.UseLoader(localOnly{d})
	return c.Compile(schemaBase + name)
}

// validBody says whether a document is what a model says.
func validBody(schema *jsonschema.Schema, body []byte) bool {
	if !json.Valid(body) {
		return false
	}
	v, err := jsonschema.UnmarshalJSON(strings.NewReader(string(body)))
	if err != nil {
		return false
	}
	return schema.Validate(v) == nil
}

func createValidator(_ *door.Call, a *apiRow, in *api.CreateRequestValidatorRequest) (*api.RequestValidator, error) {
	v := &api.RequestValidator{
		Id: ptr(newID(6)), Name: in.Name, ValidateRequestBody: ptr(val(in.ValidateRequestBody)), ValidateRequestParameters: ptr(val(in.ValidateRequestParameters)),
	}
	if len(a.Definition.Validators) >= 100 {
		return nil, awsapi.Errorf("LimitExceededException", "Maximum number of request validators for this API has been reached: 100")
	}
	a.Definition.Validators[*v.Id] = v
	return v, nil
}

func (a *apiRow) validator(id *string) (*api.RequestValidator, error) {
	v := a.Definition.Validators[val(id)]
	if v == nil {
		return nil, notFound("Invalid Request Validator identifier specified")
	}
	return v, nil
}

func getValidator(a *apiRow, in *api.GetRequestValidatorRequest) (*api.RequestValidator, error) {
	return a.validator(in.RequestValidatorId)
}

func getValidators(a *apiRow, in *api.GetRequestValidatorsRequest) (*api.RequestValidators, error) {
	items, next, err := page(values(a.Definition.Validators), func(v *api.RequestValidator) string { return val(v.Id) }, in.Position, in.Limit)
	return &api.RequestValidators{Items: items, Position: next}, err
}

func updateValidator(_ *door.Call, a *apiRow, in *api.UpdateRequestValidatorRequest) (*api.RequestValidator, error) {
	v, err := a.validator(in.RequestValidatorId)
	if err != nil {
		return nil, err
	}
	return v, patch(v, in.PatchOperations, "/name", "/validateRequestBody", "/validateRequestParameters")
}

func deleteValidator(_ *door.Call, a *apiRow, in *api.DeleteRequestValidatorRequest) (*awsapi.None, error) {
	if _, err := a.validator(in.RequestValidatorId); err != nil {
		return nil, err
	}
	for _, r := range a.Definition.Resources {
		for _, m := range r.ResourceMethods {
			if val(m.RequestValidatorId) == *in.RequestValidatorId {
				return nil, conflict("Cannot delete request validator '%s', is referenced in method: %s %s", *in.RequestValidatorId, val(m.HttpMethod), val(r.Path))
			}
		}
	}
	delete(a.Definition.Validators, *in.RequestValidatorId)
	return &awsapi.None{}, nil
}

var errSchema = fmt.Errorf("the model's schema cannot be used")
