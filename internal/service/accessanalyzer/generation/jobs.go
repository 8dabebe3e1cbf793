package generation

import (
	"errors"
	"time"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/accessanalyzer"
	"cloister/internal/door"
	"cloister/internal/store"
)

// job is one generation.
type job struct {
	ID        string    `cbor:"id"` // a UUID of version 7: newer ones sort behind
	Account   string    `cbor:"account"`
	Region    string    `cbor:"region"`
	Principal string    `cbor:"principal"`
	Token     string    `cbor:"token"`
	Since     time.Time `cbor:"since"` // zero for all that is known
	Until     time.Time `cbor:"until"`
	Status    string    `cbor:"status"`
	Started   time.Time `cbor:"started"`
	Completed time.Time `cbor:"completed"`
	Policies  []string  `cbor:"policies"`
	Complete  bool      `cbor:"complete"`
	ErrorCode string    `cbor:"errorCode"`
	Error     string    `cbor:"error"`
}

var jobs = store.Define[job]("accessanalyzer.generation", // account, region, id
	store.Clear(2),
	store.Expiry(func(j *job) time.Time { return j.Started.Add(keepFor) }),
	store.Index("token", func(j *job) []store.Key {
		if j.Token == "" {
			return nil
		}
		return []store.Key{store.K(j.Account, j.Region, j.Token)}
	}))

func (j *job) key() store.Key { return store.K(j.Account, j.Region, j.ID) }

func (j *job) fail(code, message string, at time.Time) {
	j.Status, j.ErrorCode, j.Error, j.Completed = api.JobStatusFailed, code, message, at.UTC()
}

// late says that a job can have no end any more: it had its time and a minute.
func (j *job) late(now time.Time) bool {
	return j.Status == api.JobStatusInProgress && now.After(j.Started.Add(jobLimit+time.Minute))
}

// seen is the job as it is to be shown.
func (j *job) seen(now time.Time) *job {
	if j.late(now) {
		j.fail(api.JobErrorCodeServiceError, stopped, j.Started.Add(jobLimit))
	}
	return j
}

// insert adds a job, or says which one its client token stands for already.
func (j *job) insert(tx *store.Tx) (known string, err error) {
	if j.Token != "" {
		for item, err := range jobs.ScanIndex(tx, "token", store.K(j.Account, j.Region, j.Token), nil) {
			if err != nil {
				return "", err
			}
			if item.Value.Principal != j.Principal {
				return "", awsapi.Errorf("ConflictException", "The client token was used for another policy generation.").
					With("resourceId", item.Value.ID).With("resourceType", "PolicyGeneration")
			}
			return item.Value.ID, nil
		}
	}
	busy := 0
	for item, err := range jobs.Scan(tx, store.K(j.Account), nil) {
		if err != nil {
			return "", err
		}
		if item.Value.Status == api.JobStatusInProgress && !item.Value.late(j.Started) {
			busy++
		}
	}
	if busy >= mostJobs {
		return "", awsapi.Errorf("ServiceQuotaExceededException", "%d policy generations are in progress. Wait for one of them to end.", busy).
			With("resourceId", j.Principal).With("resourceType", "PolicyGeneration")
	}
	return "", jobs.Insert(tx, j.key(), j)
}

func find(c *door.Call, r store.Reader, id string) (*job, error) {
	j, err := jobs.Get(r, store.K(c.Account, c.Region, id))
	if errors.Is(err, store.ErrNotFound) {
		return nil, invalid("There is no policy generation with the job id %s.", id)
	}
	if err != nil {
		return nil, err
	}
	return j.seen(c.Time), nil
}

func (s *Service) cancel(c *door.Call, in *api.CancelPolicyGenerationRequest) (*api.CancelPolicyGenerationResponse, error) {
	err := c.Commit(func(tx *store.Tx) error {
		j, err := find(c, tx, *in.JobId)
		if err != nil {
			return err
		}
		if j.Status != api.JobStatusInProgress {
			return invalid("The policy generation is not in progress: it is %s.", j.Status)
		}
		j.Status, j.Completed = api.JobStatusCanceled, c.Time.UTC()
		return jobs.Put(tx, j.key(), j)
	})
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	if cancel := s.running[*in.JobId]; cancel != nil {
		cancel()
	}
	s.mu.Unlock()
	return &api.CancelPolicyGenerationResponse{}, nil
}

// get tells of a job. The policies name the resources that were seen, so that
// placeholders for them are never needed, and actions of every service, so that
// a template of services adds nothing.
func (s *Service) get(c *door.Call, r store.Reader, in *api.GetGeneratedPolicyRequest) (*api.GetGeneratedPolicyResponse, error) {
	j, err := find(c, r, *in.JobId)
	if err != nil {
		return nil, err
	}
	details := &api.JobDetails{JobId: &j.ID, Status: &j.Status, StartedOn: &j.Started, CompletedOn: at(j.Completed)}
	if j.ErrorCode != "" {
		details.JobError = &api.JobError{Code: &j.ErrorCode, Message: &j.Error}
	}
	result := &api.GeneratedPolicyResult{Properties: &api.GeneratedPolicyProperties{PrincipalArn: &j.Principal}, GeneratedPolicies: []*api.GeneratedPolicy{}}
	if j.Status == api.JobStatusSucceeded {
		result.Properties.IsComplete = &j.Complete
		for i := range j.Policies {
			result.GeneratedPolicies = append(result.GeneratedPolicies, &api.GeneratedPolicy{Policy: &j.Policies[i]})
		}
	}
	if !j.Since.IsZero() {
		result.Properties.CloudTrailProperties = &api.CloudTrailProperties{TrailProperties: []*api.TrailProperties{}, StartTime: &j.Since, EndTime: &j.Until}
	}
	return &api.GetGeneratedPolicyResponse{JobDetails: details, GeneratedPolicyResult: result}, nil
}

// list lists jobs, the newest first.
func (s *Service) list(c *door.Call, r store.Reader, in *api.ListPolicyGenerationsRequest) (*api.ListPolicyGenerationsResponse, error) {
	most := mostShown
	if in.MaxResults != nil {
		most = min(most, int(*in.MaxResults))
	}
	var before store.Key
	if in.NextToken != nil {
		before = store.K(c.Account, c.Region, *in.NextToken)
	}
	out := &api.ListPolicyGenerationsResponse{PolicyGenerations: []*api.PolicyGeneration{}}
	for item, err := range jobs.ScanBack(r, store.K(c.Account, c.Region), before) {
		if err != nil {
			return nil, err
		}
		j := item.Value.seen(c.Time)
		if in.PrincipalArn != nil && j.Principal != *in.PrincipalArn {
			continue
		}
		if len(out.PolicyGenerations) == most {
			out.NextToken = out.PolicyGenerations[most-1].JobId
			break
		}
		out.PolicyGenerations = append(out.PolicyGenerations, &api.PolicyGeneration{
			JobId: &j.ID, PrincipalArn: &j.Principal, Status: &j.Status, StartedOn: &j.Started, CompletedOn: at(j.Completed),
		})
	}
	return out, nil
}
