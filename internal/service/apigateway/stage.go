package apigateway

import (
	"errors"
	"regexp"
	"strings"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/apigateway"
	"cloister/internal/door"
	"cloister/internal/guardrail"
	"cloister/internal/store"
)

// writeStage registers an operation that changes what stages serve: the guardrails
// are asked about all that they serve afterwards.
func writeStage[In, Out any](s *Service, d *door.Door, op awsapi.Op[In, Out], change func(c *door.Call, tx *store.Tx, a *apiRow, in *In) (*Out, error)) {
	door.Write(d, op, permission[In](op.Operation), func(c *door.Call, tx *store.Tx, in *In) (*Out, error) {
		a, err := s.apiOf(c, tx, in)
		if err != nil {
			return nil, err
		}
		out, err := change(c, tx, a, in)
		if err != nil {
			return nil, err
		}
		if err := s.guardStages(c, tx, a); err != nil {
			return nil, err
		}
		return out, apis.Put(tx, a.key(), a)
	})
}

func (s *Service) createDeployment(c *door.Call, tx *store.Tx, a *apiRow, in *api.CreateDeploymentRequest) (*api.Deployment, error) {
	if in.CanarySettings != nil {
		return nil, badRequest("Canaries do not exist here")
	}
	if err := a.deployable(); err != nil {
		return nil, err
	}
	d := &deployment{Deployment: api.Deployment{Id: ptr(newID(6)), Description: in.Description, CreatedDate: ptr(c.Time)}, Definition: copyOf(&a.Definition)}
	made, err := all(deployments.Scan(tx, a.key(), nil))
	if err != nil {
		return nil, err
	}
	if len(made) >= 1000 {
		return nil, awsapi.Errorf("LimitExceededException", "Maximum number of deployments for this API has been reached: 1000")
	}
	if err := deployments.Put(tx, a.key(*d.Deployment.Id), d); err != nil {
		return nil, err
	}
	if val(in.StageName) == "" {
		return &d.Deployment, nil
	}
	stage := a.Stages[*in.StageName]
	if stage == nil {
		stage = newStage(c, *in.StageName)
		stage.Description, stage.Variables, stage.TracingEnabled = in.StageDescription, in.Variables, ptr(val(in.TracingEnabled))
		a.Stages[*in.StageName] = stage
	}
	stage.DeploymentId, stage.LastUpdatedDate = d.Deployment.Id, ptr(c.Time)
	if in.Variables != nil {
		stage.Variables = in.Variables
	}
	return &d.Deployment, a.checkStage(tx, stage)
}

// deployable refuses an API of which a request could get nothing.
func (a *apiRow) deployable() error {
	any := false
	for _, r := range a.Definition.Resources {
		for _, m := range r.ResourceMethods {
			if any = true; m.MethodIntegration == nil {
				return badRequest("No integration defined for method")
			}
		}
	}
	if !any {
		return badRequest("The REST API doesn't contain any methods")
	}
	return nil
}

func findDeployment(r store.Reader, a *apiRow, id *string) (*deployment, error) {
	d, err := deployments.Get(r, a.key(val(id)))
	if errors.Is(err, store.ErrNotFound) {
		return nil, notFound("Invalid Deployment identifier specified")
	}
	return d, err
}

func (s *Service) getDeployment(c *door.Call, r store.Reader, in *api.GetDeploymentRequest) (*api.Deployment, error) {
	a, err := findAPI(r, c.Account, c.Region, val(in.RestApiId))
	if err != nil {
		return nil, err
	}
	d, err := findDeployment(r, a, in.DeploymentId)
	if err != nil {
		return nil, err
	}
	if strings.Contains(strings.Join(in.Embed, ","), "apisummary") {
		d.Deployment.ApiSummary = summary(&d.Definition)
	}
	return &d.Deployment, nil
}

func summary(d *definition) map[string]map[string]*api.MethodSnapshot {
	out := map[string]map[string]*api.MethodSnapshot{}
	for _, r := range d.Resources {
		for name, m := range r.ResourceMethods {
			if out[val(r.Path)] == nil {
				out[val(r.Path)] = map[string]*api.MethodSnapshot{}
			}
			out[val(r.Path)][name] = &api.MethodSnapshot{AuthorizationType: m.AuthorizationType, ApiKeyRequired: m.ApiKeyRequired}
		}
	}
	return out
}

func (s *Service) getDeployments(c *door.Call, r store.Reader, in *api.GetDeploymentsRequest) (*api.Deployments, error) {
	a, err := findAPI(r, c.Account, c.Region, val(in.RestApiId))
	if err != nil {
		return nil, err
	}
	made, err := all(deployments.Scan(r, a.key(), nil))
	if err != nil {
		return nil, err
	}
	made, next, err := page(made, func(d *deployment) string { return val(d.Deployment.Id) }, in.Position, in.Limit)
	out := &api.Deployments{Position: next}
	for _, d := range made {
		out.Items = append(out.Items, &d.Deployment)
	}
	return out, err
}

func (s *Service) updateDeployment(_ *door.Call, tx *store.Tx, a *apiRow, in *api.UpdateDeploymentRequest) (*api.Deployment, error) {
	d, err := findDeployment(tx, a, in.DeploymentId)
	if err != nil {
		return nil, err
	}
	if err := patch(&d.Deployment, in.PatchOperations, "/description"); err != nil {
		return nil, err
	}
	return &d.Deployment, deployments.Put(tx, a.key(*d.Deployment.Id), d)
}

func (s *Service) deleteDeployment(_ *door.Call, tx *store.Tx, a *apiRow, in *api.DeleteDeploymentRequest) (*awsapi.None, error) {
	d, err := findDeployment(tx, a, in.DeploymentId)
	if err != nil {
		return nil, err
	}
	for _, stage := range a.Stages {
		if val(stage.DeploymentId) == *d.Deployment.Id {
			return nil, badRequest("Active stages pointing to this deployment must be moved or deleted")
		}
	}
	return &awsapi.None{}, deployments.Delete(tx, a.key(*d.Deployment.Id))
}

var (
	stageName     = regexp.MustCompile(`^[a-zA-Z0-9_-]{1,128}$`)
	variableName  = regexp.MustCompile(`^[A-Za-z0-9_]{1,64}$`)
	variableValue = regexp.MustCompile(`^[A-Za-z0-9._~:/?#&=,-]*$`)
)

func newStage(c *door.Call, name string) *api.Stage {
	return &api.Stage{
		StageName: &name, CreatedDate: ptr(c.Time), LastUpdatedDate: ptr(c.Time), CacheClusterEnabled: ptr(false), CacheClusterStatus: ptr("NOT_AVAILABLE"),
		TracingEnabled: ptr(false), MethodSettings: map[string]*api.MethodSetting{},
	}
}

func (a *apiRow) checkStage(r store.Reader, stage *api.Stage) error {
	if !stageName.MatchString(val(stage.StageName)) {
		return badRequest("Stage name only allows a-zA-Z0-9_-")
	}
	if _, err := findDeployment(r, a, stage.DeploymentId); err != nil {
		return badRequest("Invalid deployment identifier specified")
	}
	if val(stage.CacheClusterEnabled) || stage.CacheClusterSize != nil {
		return badRequest("Cache clusters do not exist here")
	}
	if val(stage.TracingEnabled) {
		return badRequest("Tracing does not exist here")
	}
	if stage.CanarySettings != nil || stage.ClientCertificateId != nil || stage.WebAclArn != nil {
		return badRequest("Canaries, client certificates and web ACLs do not exist here")
	}
	for name, value := range stage.Variables {
		if !variableName.MatchString(name) || !variableValue.MatchString(value) || len(value) > 512 {
			return badRequest("Stage variable %.64s is invalid: names have letters, digits and _, values [A-Za-z0-9-._~:/?#&=,]", name)
		}
	}
	for _, m := range stage.MethodSettings {
		if val(m.CachingEnabled) {
			return badRequest("Cache clusters do not exist here")
		}
		if or(m.ThrottlingRateLimit, 0) < -1 || or(m.ThrottlingBurstLimit, 0) < -1 {
			return badRequest("Throttling limits are not negative")
		}
	}
	return checkTags(stage.Tags)
}

func (s *Service) createStage(c *door.Call, tx *store.Tx, a *apiRow, in *api.CreateStageRequest) (*api.Stage, error) {
	if a.Stages[val(in.StageName)] != nil {
		return nil, conflict("Stage already exists")
	}
	if len(a.Stages) >= 10 {
		return nil, awsapi.Errorf("LimitExceededException", "Maximum number of stages for this API has been reached: 10")
	}
	stage := newStage(c, val(in.StageName))
	stage.DeploymentId, stage.Description, stage.Variables, stage.Tags = in.DeploymentId, in.Description, in.Variables, in.Tags
	stage.CacheClusterEnabled, stage.CacheClusterSize, stage.TracingEnabled = ptr(val(in.CacheClusterEnabled)), in.CacheClusterSize, ptr(val(in.TracingEnabled))
	stage.CanarySettings, stage.DocumentationVersion = in.CanarySettings, in.DocumentationVersion
	a.Stages[val(in.StageName)] = stage
	return stage, a.checkStage(tx, stage)
}

func (a *apiRow) stage(name *string) (*api.Stage, error) {
	stage := a.Stages[val(name)]
	if stage == nil {
		return nil, notFound("Invalid stage identifier specified")
	}
	return stage, nil
}

func getStage(a *apiRow, in *api.GetStageRequest) (*api.Stage, error) { return a.stage(in.StageName) }

func getStages(a *apiRow, in *api.GetStagesRequest) (*api.Stages, error) {
	out := &api.Stages{}
	for _, stage := range values(a.Stages) {
		if in.DeploymentId == nil || val(stage.DeploymentId) == *in.DeploymentId {
			out.Item = append(out.Item, stage)
		}
	}
	return out, nil
}

// settings are the words of paths for a stage's method settings.
var settings = map[string]string{
	"throttling/rateLimit": "throttlingRateLimit", "throttling/burstLimit": "throttlingBurstLimit", "logging/loglevel": "loggingLevel",
	"logging/dataTrace": "dataTraceEnabled", "metrics/enabled": "metricsEnabled", "caching/enabled": "cachingEnabled", "caching/ttlInSeconds": "cacheTtlInSeconds",
	"caching/dataEncrypted": "cacheDataEncrypted", "caching/requireAuthorizationForCacheControl": "requireAuthorizationForCacheControl",
	"caching/unauthorizedCacheControlHeaderStrategy": "unauthorizedCacheControlHeaderStrategy",
}

// settingPath turns /~1pets/GET/throttling/rateLimit into the place of it.
func settingPath(op *api.PatchOperation) *api.PatchOperation {
	parts := strings.Split(strings.TrimPrefix(val(op.Path), "/"), "/")
	if len(parts) < 2 || len(parts) == 3 || len(parts) > 4 || parts[0] == "variables" || parts[0] == "accessLogSettings" || parts[0] == "methodSettings" {
		return op
	}
	out := *op
	key := strings.ReplaceAll(strings.ReplaceAll(parts[0], "~", "~0")+"~1"+parts[1], "/", "~1")
	if len(parts) == 2 {
		out.Path = ptr("/methodSettings/" + key)
	} else if name := settings[parts[2]+"/"+parts[3]]; name != "" {
		out.Path = ptr("/methodSettings/" + key + "/" + name)
	}
	return &out
}

func (s *Service) updateStage(c *door.Call, tx *store.Tx, a *apiRow, in *api.UpdateStageRequest) (*api.Stage, error) {
	stage, err := a.stage(in.StageName)
	if err != nil {
		return nil, err
	}
	for _, op := range in.PatchOperations {
		if err := patch(stage, []*api.PatchOperation{settingPath(op)}, "/deploymentId", "/description", "/variables/*", "/tracingEnabled", "/cacheClusterEnabled",
			"/cacheClusterSize", "/documentationVersion", "/methodSettings/*", "/methodSettings/*/*"); err != nil {
			return nil, err
		}
	}
	stage.LastUpdatedDate = ptr(c.Time)
	return stage, a.checkStage(tx, stage)
}

func (s *Service) deleteStage(c *door.Call, tx *store.Tx, a *apiRow, in *api.DeleteStageRequest) (*awsapi.None, error) {
	stage, err := a.stage(in.StageName)
	if err != nil {
		return nil, err
	}
	d, err := findDeployment(tx, a, stage.DeploymentId)
	if err != nil {
		return nil, err
	}
	for part := range opennessOf(c, a, &d.Definition) {
		if err := guardrail.Gone(tx, a.Account, a.arn(""), stagePart(*stage.StageName, part), c.Time); err != nil {
			return nil, err
		}
	}
	delete(a.Stages, *stage.StageName)
	return &awsapi.None{}, s.unmap(tx, a, *stage.StageName)
}

func (s *Service) flushAuthorizers(c *door.Call, in *api.FlushStageAuthorizersCacheRequest) (*awsapi.None, error) {
	err := c.View(func(r store.Reader) error {
		a, err := findAPI(r, c.Account, c.Region, val(in.RestApiId))
		if err == nil {
			_, err = a.stage(in.StageName)
		}
		return err
	})
	if err == nil {
		s.verdicts.forgetStage(val(in.RestApiId), val(in.StageName))
	}
	return &awsapi.None{}, err
}
