// Package generation is Access Analyzer's policy generation: it writes the
// policy that covers what a user or a role was seen to do. A job is a row, and
// reads the audit log through the door, page by page, on behalf of whoever
// started it. What cannot end any more, because the node stopped, is failed.
package generation

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/accessanalyzer"
	"cloister/internal/awsapi/platform"
	"cloister/internal/door"
	"cloister/internal/store"
	"cloister/policy"
	"cloister/policy/generate"
)

// Bounds of jobs.
const (
	jobLimit  = 5 * time.Minute // what takes longer is failed
	mostJobs  = 20              // in progress in an account, in all Regions
	mostUses  = 100_000         // different permissions of one principal
	keepFor   = 7 * 24 * time.Hour
	mostShown = 100
)

// Service generates policies. It is safe for concurrent use.
type Service struct {
	db   *store.DB
	door *door.Door
	turn chan struct{} // jobs run one at a time

	mu      sync.Mutex
	closing bool
	running map[string]context.CancelFunc // by job
	ended   sync.WaitGroup
}

// New makes the service.
func New(db *store.DB) *Service {
	return &Service{db: db, turn: make(chan struct{}, 1), running: map[string]context.CancelFunc{}}
}

// Register registers the operations.
func (s *Service) Register(d *door.Door) {
	s.door = d
	door.Act(d, api.OpStartPolicyGeneration, door.Permission(s.needsOfStart), s.start)
	door.Read(d, api.OpGetGeneratedPolicy, onAll[api.GetGeneratedPolicyRequest]("GetGeneratedPolicy"), s.get)
	door.Read(d, api.OpListPolicyGenerations, onAll[api.ListPolicyGenerationsRequest]("ListPolicyGenerations"), s.list)
	door.Act(d, api.OpCancelPolicyGeneration, onAll[api.CancelPolicyGenerationRequest]("CancelPolicyGeneration"), s.cancel)
}

func onAll[In any](action string) door.Auth[In] {
	return door.On("access-analyzer:"+action, func(*door.Call, *In) string { return "*" })
}

// needsOfStart are AWS's, and that of reading what the principal did.
func (s *Service) needsOfStart(c *door.Call, _ store.Reader, in *api.StartPolicyGenerationRequest) ([]door.Need, error) {
	reading, err := s.door.About(c, "cloister:ListPrincipalActivity", *in.PolicyGenerationDetails.PrincipalArn)
	if err != nil {
		return nil, err
	}
	needs := []door.Need{{Action: "access-analyzer:StartPolicyGeneration", Resource: "*"}, reading}
	if t := in.CloudTrailDetails; t != nil {
		needs = append(needs, door.Need{
			Action: "iam:PassRole", Resource: *t.AccessRole, Account: strings.SplitN(*t.AccessRole, ":", 6)[4],
			Context: policy.MapContext{"iam:passedtoservice": {"access-analyzer.amazonaws.com"}},
		})
	}
	return needs, nil
}

// Start fails the jobs that an earlier run of the node left. On an engine that
// other nodes share, theirs may be running: there, what has had its time fails.
func (s *Service) Start(ctx context.Context) error {
	if s.db.Shared() {
		return nil
	}
	return s.db.Update(ctx, func(tx *store.Tx) error {
		var left []*job
		for item, err := range jobs.Scan(tx, nil, nil) {
			if err != nil {
				return err
			}
			if item.Value.Status == api.JobStatusInProgress {
				left = append(left, item.Value)
			}
		}
		for _, j := range left {
			j.fail(api.JobErrorCodeServiceError, stopped, time.Now())
			if err := jobs.Put(tx, j.key(), j); err != nil {
				return err
			}
		}
		return nil
	})
}

const stopped = "The node stopped before the policy was generated. Start the generation again."

// Close ends the jobs that run. What they had to do is failed at the next start.
func (s *Service) Close() error {
	s.mu.Lock()
	s.closing = true
	for _, cancel := range s.running {
		cancel()
	}
	s.mu.Unlock()
	s.ended.Wait()
	return nil
}

func (s *Service) start(c *door.Call, in *api.StartPolicyGenerationRequest) (*api.StartPolicyGenerationResponse, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return nil, err
	}
	j := &job{
		ID: id.String(), Account: c.Account, Region: c.Region, Principal: *in.PolicyGenerationDetails.PrincipalArn,
		Token: awsapi.Val(in.ClientToken), Status: api.JobStatusInProgress, Started: c.Time.UTC(),
	}
	if t := in.CloudTrailDetails; t != nil {
		j.Since, j.Until = t.StartTime.UTC(), c.Time.UTC()
		if t.EndTime != nil {
			j.Until = t.EndTime.UTC()
		}
		if !j.Since.Before(j.Until) {
			return nil, invalid("The start time must be before the end time.")
		}
	}
	known := ""
	err = c.Commit(func(tx *store.Tx) error {
		var err error
		if known, err = j.insert(tx); err != nil || known != "" {
			return err
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if known != "" {
		return &api.StartPolicyGenerationResponse{JobId: &known}, nil
	}
	s.begin(c, j)
	return &api.StartPolicyGenerationResponse{JobId: &j.ID}, nil
}

func invalid(format string, args ...any) error {
	return awsapi.Errorf("ValidationException", format, args...).With("reason", "other")
}

// begin runs a job in the background, on behalf of the caller.
func (s *Service) begin(c *door.Call, j *job) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c), jobLimit)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing {
		cancel()
		return
	}
	s.running[j.ID] = cancel
	s.ended.Add(1)
	go func() {
		defer s.ended.Done()
		defer func() {
			s.mu.Lock()
			delete(s.running, j.ID)
			s.mu.Unlock()
			cancel()
		}()
		s.run(ctx, c.Principal, j)
	}()
}

// run does a job and keeps how it ended, unless it was canceled meanwhile.
func (s *Service) run(ctx context.Context, as *door.Principal, j *job) {
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
	case <-ctx.Done():
	}
	done := *j
	uses, err := s.observe(ctx, as, j)
	switch {
	case s.isClosing():
		return // the next start fails it
	case err != nil:
		code, message := jobError(err)
		done.fail(code, message, time.Now())
	default:
		r := generate.From(uses, generate.Managed)
		done.Status, done.Completed, done.Policies = api.JobStatusSucceeded, time.Now().UTC(), r.Policies
		done.Complete = len(r.Left) == 0
	}
	err = s.db.Update(context.WithoutCancel(ctx), func(tx *store.Tx) error {
		now, err := jobs.Get(tx, j.key())
		if err != nil || now.Status != api.JobStatusInProgress {
			return err
		}
		return jobs.Put(tx, j.key(), &done)
	})
	if err != nil {
		slog.Warn("how a policy generation ended could not be kept", "job", j.ID, "error", err)
	}
}

func (s *Service) isClosing() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closing
}

var errTooMany = errors.New("the principal used more different permissions than a policy can name")

func jobError(err error) (code, message string) {
	var wire *awsapi.Error
	switch {
	case errors.Is(err, errTooMany):
		return api.JobErrorCodeServiceQuotaExceededError, "The principal used more than 100,000 different permissions in that time."
	case errors.Is(err, context.DeadlineExceeded):
		return api.JobErrorCodeServiceError, "The audit log could not be read within 5 minutes. Give a shorter time."
	case errors.As(err, &wire) && wire.Status == 403:
		return api.JobErrorCodeAuthorizationError, wire.Message
	}
	return api.JobErrorCodeServiceError, "The policy could not be generated."
}

// observe reads what the principal did, through the door. What resources' own
// policies allowed is not for its policy.
func (s *Service) observe(ctx context.Context, as *door.Principal, j *job) ([]generate.Use, error) {
	in := &platform.ListPrincipalActivityRequest{Principal: &j.Principal, Since: at(j.Since), Until: at(j.Until)}
	seen := map[generate.Use]bool{}
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		page, err := door.Do(ctx, s.door, as, platform.OpListPrincipalActivity, in)
		if err != nil {
			return nil, errors.Join(err, ctx.Err())
		}
		for i := range page.Activity {
			if a := &page.Activity[i]; a.Allowed && a.Reason != policy.AllowedByResource.String() {
				seen[generate.Use{Action: a.Action, Resource: a.Resource}] = true
			}
		}
		if len(seen) > mostUses {
			return nil, errTooMany
		}
		if in.NextToken = page.NextToken; in.NextToken == nil {
			break
		}
	}
	uses := make([]generate.Use, 0, len(seen))
	for u := range seen {
		uses = append(uses, u)
	}
	return uses, nil
}

func at(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
