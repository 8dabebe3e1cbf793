package apigatewayv2

import (
	"errors"
	"maps"
	"regexp"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/apigatewayv2"
	"cloister/internal/door"
	"cloister/internal/gate/accesslog"
	"cloister/internal/store"
)

// mostStages is how many an API has at most.
const mostStages = 10

func (s *Service) createStage(c *door.Call, tx *store.Tx, in *api.CreateStageRequest) (*api.CreateStageResponse, error) {
	a, err := find(c, tx, in.ApiId)
	if err != nil {
		return nil, err
	}
	if in.ClientCertificateId != nil {
		return nil, badRequest("clientCertificateId is not supported for HTTP APIs")
	}
	stage := &api.Stage{
		StageName: in.StageName, AutoDeploy: in.AutoDeploy, DeploymentId: in.DeploymentId, Description: in.Description, StageVariables: in.StageVariables,
		DefaultRouteSettings: in.DefaultRouteSettings, RouteSettings: in.RouteSettings, AccessLogSettings: in.AccessLogSettings, Tags: in.Tags,
	}
	if err := s.putStage(c, tx, a, stage, true); err != nil {
		return nil, err
	}
	if err := s.redeployed(c, tx, a, stage); err != nil {
		return nil, err
	}
	return (*api.CreateStageResponse)(stage), nil
}

var (
	stageName     = regexp.MustCompile(`^[A-Za-z0-9_-]{1,128}$`)
	variableName  = regexp.MustCompile(`^[A-Za-z0-9_]{1,64}$`)
	variableValue = regexp.MustCompile(`^[A-Za-z0-9\-._~:/?#&=,]{0,512}$`)
)

// putStage checks and stores a stage.
func (s *Service) putStage(c *door.Call, tx *store.Tx, a *apiRow, stage *api.Stage, fresh bool) error {
	name := val(stage.StageName)
	if name != "$default" && !stageName.MatchString(name) {
		return badRequest("Stage name only allows a-zA-Z0-9_- and $default")
	}
	if a.isSocket() && (name == "$default" || val(stage.AutoDeploy)) {
		return badRequest("WebSocket APIs have no stage $default and no autoDeploy")
	}
	if err := checkTags(stage.Tags); err != nil {
		return err
	}
	for key, value := range stage.StageVariables {
		if !variableName.MatchString(key) || !variableValue.MatchString(value) {
			return badRequest("Invalid stage variable %.64q: a name has letters, digits and _, a value letters, digits and -._~:/?#&=,", key)
		}
	}
	if err := checkSettings(a, stage); err != nil {
		return err
	}
	if err := s.checkDeployment(c, tx, a, stage); err != nil {
		return err
	}
	stage.LastUpdatedDate = ptr(c.Time)
	if !fresh {
		return stages.Put(tx, a.key(name), stage)
	}
	others, err := all(stages.Scan, tx, a.key())
	if err != nil {
		return err
	}
	if len(others) >= mostStages {
		return awsapi.Errorf("TooManyRequestsException", "Maximum number of Stages for this API has been reached: %d", mostStages)
	}
	stage.CreatedDate, stage.AutoDeploy = ptr(c.Time), ptr(val(stage.AutoDeploy))
	if stage.DefaultRouteSettings == nil {
		stage.DefaultRouteSettings = &api.RouteSettings{DetailedMetricsEnabled: ptr(false)}
	}
	err = stages.Insert(tx, a.key(name), stage)
	if errors.Is(err, store.ErrExists) {
		return conflict("Stage already exists")
	}
	return err
}

func checkSettings(a *apiRow, stage *api.Stage) error {
	settings := []*api.RouteSettings{stage.DefaultRouteSettings}
	for key, set := range stage.RouteSettings {
		if _, err := a.parseKey(key); err != nil {
			return err
		}
		settings = append(settings, set)
	}
	for _, set := range settings {
		if set == nil {
			continue
		}
		if val(set.DataTraceEnabled) || set.LoggingLevel != nil && *set.LoggingLevel != api.LoggingLevelOff {
			return badRequest("Execution logs are not supported on protocolType HTTP")
		}
		if (set.ThrottlingBurstLimit == nil) != (set.ThrottlingRateLimit == nil) {
			return badRequest("ThrottlingBurstLimit and ThrottlingRateLimit are set together")
		}
		if val(set.ThrottlingBurstLimit) < 0 || val(set.ThrottlingRateLimit) < 0 {
			return badRequest("Throttling limits are not negative")
		}
	}
	if log := stage.AccessLogSettings; log != nil {
		return checkAccessLog(a, log)
	}
	return nil
}

var groupARN = regexp.MustCompile(`^arn:aws:logs:([a-z0-9-]+):(\d{12}):log-group:([A-Za-z0-9_\-/.#]{1,512})(?::\*)?$`)

func checkAccessLog(a *apiRow, log *api.AccessLogSettings) error {
	if m := groupARN.FindStringSubmatch(val(log.DestinationArn)); m == nil || m[1] != a.Region || m[2] != a.Account {
		return badRequest("Invalid ARN specified in the request. ARN must be of a log group of the API's account and region")
	}
	if _, err := accesslog.Parse(val(log.Format)); err != nil {
		return badRequest("Invalid access log format: %v", err)
	}
	return nil
}

// checkDeployment says that the stage may have its deployment.
func (s *Service) checkDeployment(c *door.Call, tx *store.Tx, a *apiRow, stage *api.Stage) error {
	if stage.DeploymentId == nil {
		return nil
	}
	d, err := deployments.Get(tx, a.key(*stage.DeploymentId))
	if errors.Is(err, store.ErrNotFound) {
		return badRequest("Deployment id does not exist")
	}
	if err != nil {
		return err
	}
	return s.guardSnapshot(c, tx, a, &d.Snapshot)
}

func findStage(c *door.Call, r store.Reader, apiID, name *string) (*apiRow, *api.Stage, error) {
	a, err := find(c, r, apiID)
	if err != nil {
		return nil, nil, err
	}
	stage, err := stages.Get(r, a.key(val(name)))
	return a, stage, orNotFound(err, "stage", val(name))
}

func (s *Service) getStage(c *door.Call, r store.Reader, in *api.GetStageRequest) (*api.GetStageResponse, error) {
	_, stage, err := findStage(c, r, in.ApiId, in.StageName)
	return (*api.GetStageResponse)(stage), err
}

func (s *Service) getStages(c *door.Call, r store.Reader, in *api.GetStagesRequest) (*api.GetStagesResponse, error) {
	a, err := find(c, r, in.ApiId)
	if err != nil {
		return nil, err
	}
	items, next, err := page(stages.Scan, r, a.key(), in.MaxResults, in.NextToken, func(x *api.Stage) string { return val(x.StageName) })
	return &api.GetStagesResponse{Items: items, NextToken: next}, err
}

func (s *Service) updateStage(c *door.Call, tx *store.Tx, in *api.UpdateStageRequest) (*api.UpdateStageResponse, error) {
	a, stage, err := findStage(c, tx, in.ApiId, in.StageName)
	if err != nil {
		return nil, err
	}
	if in.ClientCertificateId != nil {
		return nil, badRequest("clientCertificateId is not supported for HTTP APIs")
	}
	if in.DeploymentId != nil && or(in.AutoDeploy, val(stage.AutoDeploy)) {
		return nil, badRequest("Deployment id cannot be changed where autoDeploy is true")
	}
	change(&stage.AutoDeploy, in.AutoDeploy)
	change(&stage.DeploymentId, in.DeploymentId)
	change(&stage.Description, in.Description)
	change(&stage.DefaultRouteSettings, in.DefaultRouteSettings)
	change(&stage.AccessLogSettings, in.AccessLogSettings)
	if in.StageVariables != nil {
		if stage.StageVariables == nil {
			stage.StageVariables = map[string]string{}
		}
		for key, value := range in.StageVariables {
			if stage.StageVariables[key] = value; value == "" {
				delete(stage.StageVariables, key)
			}
		}
	}
	if in.RouteSettings != nil {
		if stage.RouteSettings == nil {
			stage.RouteSettings = map[string]*api.RouteSettings{}
		}
		maps.Copy(stage.RouteSettings, in.RouteSettings)
	}
	if err := s.putStage(c, tx, a, stage, false); err != nil {
		return nil, err
	}
	if err := s.redeployed(c, tx, a, stage); err != nil {
		return nil, err
	}
	return (*api.UpdateStageResponse)(stage), nil
}

func (s *Service) deleteRouteSettings(c *door.Call, tx *store.Tx, in *api.DeleteRouteSettingsRequest) (*awsapi.None, error) {
	a, stage, err := findStage(c, tx, in.ApiId, in.StageName)
	if err != nil {
		return nil, err
	}
	if _, ok := stage.RouteSettings[val(in.RouteKey)]; !ok {
		return nil, notFound("Unable to find RouteSettings for RouteKey %s", val(in.RouteKey))
	}
	delete(stage.RouteSettings, val(in.RouteKey))
	return &awsapi.None{}, stages.Put(tx, a.key(val(stage.StageName)), stage)
}

func (s *Service) deleteAccessLog(c *door.Call, tx *store.Tx, in *api.DeleteAccessLogSettingsRequest) (*awsapi.None, error) {
	a, stage, err := findStage(c, tx, in.ApiId, in.StageName)
	if err != nil {
		return nil, err
	}
	stage.AccessLogSettings = nil
	return &awsapi.None{}, stages.Put(tx, a.key(val(stage.StageName)), stage)
}

func (s *Service) deleteStage(c *door.Call, tx *store.Tx, in *api.DeleteStageRequest) (*awsapi.None, error) {
	a, stage, err := findStage(c, tx, in.ApiId, in.StageName)
	if err != nil {
		return nil, err
	}
	mapped, err := all(mappings.Scan, tx, nil)
	if err != nil {
		return nil, err
	}
	for _, m := range mapped {
		if val(m.Mapping.ApiId) == a.id() && val(m.Mapping.Stage) == val(stage.StageName) {
			return nil, badRequest("Deleting stage %s failed. Please remove all API mappings related to this stage before deleting it.", val(stage.StageName))
		}
	}
	if err := stages.Delete(tx, a.key(val(stage.StageName))); err != nil {
		return nil, err
	}
	return &awsapi.None{}, sweepDeployments(tx, a)
}

func (s *Service) resetAuthorizers(c *door.Call, in *api.ResetAuthorizersCacheRequest) (*awsapi.None, error) {
	err := c.View(func(r store.Reader) error {
		a, stage, err := findStage(c, r, in.ApiId, in.StageName)
		if err == nil {
			s.verdicts.forgetStage(a.id(), val(stage.StageName))
		}
		return err
	})
	return &awsapi.None{}, err
}
