package apigatewayv2

import (
	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/apigatewayv2"
	"cloister/internal/door"
	"cloister/internal/store"
)

// mostDeployments is how many deployments of their own making people may keep.
const mostDeployments = 100

// take makes a snapshot of an API as it is.
func take(r store.Reader, a *apiRow) (snap snapshot, err error) {
	if snap.Routes, err = all(routes.Scan, r, a.key()); err != nil {
		return snap, err
	}
	if snap.Integrations, err = all(integrations.Scan, r, a.key()); err != nil {
		return snap, err
	}
	snap.Authorizers, err = all(authorizers.Scan, r, a.key())
	snap.CORS = a.API.CorsConfiguration
	return snap, err
}

// deploy stores a new deployment of an API as it is.
func (s *Service) deploy(c *door.Call, tx *store.Tx, a *apiRow, description *string, auto bool) (*deployment, error) {
	snap, err := take(tx, a)
	if err != nil {
		return nil, err
	}
	if err := s.guardSnapshot(c, tx, a, &snap); err != nil {
		return nil, err
	}
	d := &deployment{Snapshot: snap, Deployment: api.Deployment{
		DeploymentId: newID(6), CreatedDate: ptr(c.Time), Description: description, AutoDeployed: &auto, DeploymentStatus: ptr(api.DeploymentStatusDeployed),
	}}
	return d, deployments.Insert(tx, a.key(val(d.Deployment.DeploymentId)), d)
}

// redeploy has the stages that deploy by themselves see a change.
func (s *Service) redeploy(c *door.Call, tx *store.Tx, a *apiRow) error {
	return s.redeployed(c, tx, a, nil)
}

// redeployed is redeploy where the caller has one of the stages in its hands.
func (s *Service) redeployed(c *door.Call, tx *store.Tx, a *apiRow, own *api.Stage) error {
	own2, err := all(stages.Scan, tx, a.key())
	if err != nil {
		return err
	}
	var d *deployment
	for _, stage := range own2 {
		if !val(stage.AutoDeploy) {
			continue
		}
		if d == nil {
			if d, err = s.deploy(c, tx, a, ptr("Automatic deployment triggered by changes to the Api configuration"), true); err != nil {
				return err
			}
		}
		stage.DeploymentId = d.Deployment.DeploymentId
		stage.LastDeploymentStatusMessage = ptr("Successfully deployed stage with deployment ID '" + val(stage.DeploymentId) + "'")
		if own != nil && val(own.StageName) == val(stage.StageName) {
			own.DeploymentId, own.LastDeploymentStatusMessage = stage.DeploymentId, stage.LastDeploymentStatusMessage
		}
		if err := stages.Put(tx, a.key(val(stage.StageName)), stage); err != nil {
			return err
		}
	}
	return sweepDeployments(tx, a)
}

// sweepDeployments removes automatic deployments that no stage has any more.
func sweepDeployments(tx *store.Tx, a *apiRow) error {
	used := map[string]bool{}
	current, err := all(stages.Scan, tx, a.key())
	if err != nil {
		return err
	}
	for _, stage := range current {
		used[val(stage.DeploymentId)] = true
	}
	kept, err := all(deployments.Scan, tx, a.key())
	if err != nil {
		return err
	}
	for _, d := range kept {
		if id := val(d.Deployment.DeploymentId); val(d.Deployment.AutoDeployed) && !used[id] {
			if err := deployments.Delete(tx, a.key(id)); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *Service) createDeployment(c *door.Call, tx *store.Tx, in *api.CreateDeploymentRequest) (*api.CreateDeploymentResponse, error) {
	a, err := find(c, tx, in.ApiId)
	if err != nil {
		return nil, err
	}
	own, err := all(routes.Scan, tx, a.key())
	if err != nil {
		return nil, err
	}
	if len(own) == 0 {
		return nil, badRequest("Unable to deploy API because no routes exist in this API")
	}
	kept, err := all(deployments.Scan, tx, a.key())
	if err != nil {
		return nil, err
	}
	if len(kept) >= mostDeployments {
		return nil, awsapi.Errorf("TooManyRequestsException", "Maximum number of deployments for this API has been reached: %d", mostDeployments)
	}
	var stage *api.Stage
	if in.StageName != nil {
		if _, stage, err = findStage(c, tx, in.ApiId, in.StageName); err != nil {
			return nil, err
		}
		if val(stage.AutoDeploy) {
			return nil, badRequest("Cannot deploy to a stage where autoDeploy is true")
		}
	}
	d, err := s.deploy(c, tx, a, in.Description, false)
	if err != nil {
		return nil, err
	}
	if stage != nil {
		stage.DeploymentId, stage.LastUpdatedDate = d.Deployment.DeploymentId, ptr(c.Time)
		if err := stages.Put(tx, a.key(*in.StageName), stage); err != nil {
			return nil, err
		}
	}
	return (*api.CreateDeploymentResponse)(&d.Deployment), nil
}

func findDeployment(c *door.Call, r store.Reader, apiID, id *string) (*apiRow, *deployment, error) {
	a, err := find(c, r, apiID)
	if err != nil {
		return nil, nil, err
	}
	d, err := deployments.Get(r, a.key(val(id)))
	return a, d, orNotFound(err, "Deployment", val(id))
}

func (s *Service) getDeployment(c *door.Call, r store.Reader, in *api.GetDeploymentRequest) (*api.GetDeploymentResponse, error) {
	_, d, err := findDeployment(c, r, in.ApiId, in.DeploymentId)
	if err != nil {
		return nil, err
	}
	return (*api.GetDeploymentResponse)(&d.Deployment), nil
}

func (s *Service) getDeployments(c *door.Call, r store.Reader, in *api.GetDeploymentsRequest) (*api.GetDeploymentsResponse, error) {
	a, err := find(c, r, in.ApiId)
	if err != nil {
		return nil, err
	}
	items, next, err := page(deployments.Scan, r, a.key(), in.MaxResults, in.NextToken, func(d *deployment) string { return val(d.Deployment.DeploymentId) })
	if err != nil {
		return nil, err
	}
	out := &api.GetDeploymentsResponse{Items: []*api.Deployment{}, NextToken: next}
	for _, d := range items {
		out.Items = append(out.Items, &d.Deployment)
	}
	return out, nil
}

func (s *Service) updateDeployment(c *door.Call, tx *store.Tx, in *api.UpdateDeploymentRequest) (*api.UpdateDeploymentResponse, error) {
	a, d, err := findDeployment(c, tx, in.ApiId, in.DeploymentId)
	if err != nil {
		return nil, err
	}
	change(&d.Deployment.Description, in.Description)
	return (*api.UpdateDeploymentResponse)(&d.Deployment), deployments.Put(tx, a.key(val(in.DeploymentId)), d)
}

func (s *Service) deleteDeployment(c *door.Call, tx *store.Tx, in *api.DeleteDeploymentRequest) (*awsapi.None, error) {
	a, d, err := findDeployment(c, tx, in.ApiId, in.DeploymentId)
	if err != nil {
		return nil, err
	}
	current, err := all(stages.Scan, tx, a.key())
	if err != nil {
		return nil, err
	}
	for _, stage := range current {
		if val(stage.DeploymentId) == val(d.Deployment.DeploymentId) {
			return nil, badRequest("Active stages pointing to this deployment must be moved or deleted")
		}
	}
	return &awsapi.None{}, deployments.Delete(tx, a.key(val(d.Deployment.DeploymentId)))
}
