package secretsmanager

import (
	"errors"
	"slices"
	"time"

	"github.com/google/uuid"

	"cloister/internal/awsapi"
	lambda "cloister/internal/awsapi/lambda"
	api "cloister/internal/awsapi/secretsmanager"
	"cloister/internal/door"
	"cloister/internal/store"
)

// job is when a secret is rotated next, or how far its rotation is. A secret
// that is neither has none.
type job struct {
	Account, Region, Name, Suffix string
	Due                           time.Time // while somebody holds it, the end of the lease
	Holder                        string    // names the claim under which it is done; "" for nobody's
	Token                         string    // of the version that is being made; "" before it begins
	Step                          int       // of steps, the next to do
	Failed                        int       // attempts
}

func (j *job) key() store.Key { return store.K(j.Account, j.Region, j.Name) }

// principal is Secrets Manager acting for a secret.
func (s *secret) principal() *door.Principal {
	return door.ServicePrincipal("secretsmanager.amazonaws.com", s.arn(), s.Account)
}

func (s *Service) rotateSecret(c *door.Call, in *api.RotateSecretRequest) (*api.RotateSecretResponse, error) {
	row, err := theSecret(c)
	if err != nil {
		return nil, err
	}
	function := or(in.RotationLambdaARN, row.Rotation.Function)
	plan := row.Rotation.Rules
	if in.RotationRules != nil {
		if plan, err = rulesOf(in.RotationRules); err != nil {
			return nil, err
		}
	}
	switch {
	case in.ExternalSecretRotationRoleArn != nil:
		return nil, badParameter("This node does not rotate the secrets of other services: leave out ExternalSecretRotationRoleArn, and name a Lambda function.")
	case function == "":
		return nil, badRequest("No Lambda rotation function ARN is associated with this secret.")
	case row.at(current) == nil:
		return nil, badRequest("You can't rotate a secret that has no value.")
	}
	if err := s.mayInvoke(c, row, function); err != nil {
		return nil, err
	}
	token := or(in.ClientRequestToken, newToken())
	out := &api.RotateSecretResponse{ARN: ptr(row.arn()), Name: &row.Name}
	err = c.Commit(func(tx *store.Tx) error {
		row, err := again(tx, row)
		if err != nil {
			return err
		}
		row.Rotation.Enabled, row.Rotation.Function, row.Rotation.Rules = true, function, plan
		if or(in.RotateImmediately, true) {
			out.VersionId = &token
			return s.begin(tx, row, token, c.Time)
		}
		if err := s.reschedule(tx, row, c.Time); err != nil {
			return err
		}
		return put(tx, row)
	})
	return out, err
}

// mayInvoke refuses a function that Secrets Manager may not invoke for the
// secret.
func (s *Service) mayInvoke(c *door.Call, row *secret, function string) error {
	_, err := door.Do(c, s.door, row.principal(), lambda.OpInvoke, &lambda.InvocationRequest{FunctionName: &function, InvocationType: ptr("DryRun")})
	var e *awsapi.Error
	if errors.As(err, &e) && e.Status < 500 {
		return awsapi.Errorf("AccessDenied", "Secrets Manager cannot invoke the specified Lambda function. Ensure that the function policy grants access to the principal secretsmanager.amazonaws.com.")
	}
	return err
}

// begin makes the version of a rotation and puts its job in the queue. A
// rotation whose AWSPENDING version never became AWSCURRENT is taken up again.
func (s *Service) begin(tx *store.Tx, row *secret, token string, at time.Time) error {
	underWay, err := isUnderWay(tx, row)
	if err != nil {
		return err
	}
	if underWay {
		return badRequest("A previous rotation isn't complete. That rotation will be reattempted.")
	}
	if left := row.at(pending); left != nil && !slices.Contains(left.Stages, current) {
		token = left.ID
	}
	if v := row.version(token); v != nil && slices.Contains(v.Stages, current) {
		return badParameter("The version %s is AWSCURRENT already: use another ClientRequestToken.", token)
	}
	row.add(token, at)
	row.move(pending, row.version(token))
	if err := makeRoom(tx, row, at); err != nil {
		return err
	}
	_, row.Rotation.Next = row.Rotation.Rules.next(at)
	tx.Defer(func() { s.awaken(row.Account) })
	return errors.Join(put(tx, row), jobs.Put(tx, row.key(), row.job(at, token)))
}

func (s *secret) job(due time.Time, token string) *job {
	return &job{Account: s.Account, Region: s.Region, Name: s.Name, Suffix: s.Suffix, Due: due, Token: token}
}

// isUnderWay tells whether a rotation of a secret has begun and not ended.
func isUnderWay(r store.Reader, row *secret) (bool, error) {
	j, err := jobs.Get(r, row.key())
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	return err == nil && j.Token != "", err
}

// reschedule plans the next rotation by rules that may be new. One that is under
// way goes on, and plans the next when it ends. It changes row, which the caller
// puts.
func (s *Service) reschedule(tx *store.Tx, row *secret, at time.Time) error {
	underWay, err := isUnderWay(tx, row)
	if err != nil {
		return err
	}
	if underWay {
		_, row.Rotation.Next = row.Rotation.Rules.next(at)
		return nil
	}
	return s.plan(tx, row, at)
}

// plan puts the next rotation of a secret in the queue, in place of what is
// there. It changes row, which the caller puts.
func (s *Service) plan(tx *store.Tx, row *secret, at time.Time) error {
	if !row.Rotation.Enabled {
		row.Rotation.Next = time.Time{}
		return deleteIfThere(tx, jobs, row.key())
	}
	start, end := row.Rotation.Rules.next(at)
	row.Rotation.Next = end
	if start.IsZero() {
		return deleteIfThere(tx, jobs, row.key())
	}
	return jobs.Put(tx, row.key(), row.job(start, ""))
}

// newToken names the version of a rotation that nobody asked for.
func newToken() string { return uuid.NewString() }

func (s *Service) cancelRotation(c *door.Call, tx *store.Tx, in *api.CancelRotateSecretRequest) (*api.CancelRotateSecretResponse, error) {
	row, err := live(c, tx, in.SecretId)
	if err != nil {
		return nil, err
	}
	out := &api.CancelRotateSecretResponse{ARN: ptr(row.arn()), Name: &row.Name}
	if j, err := jobs.Get(tx, row.key()); err == nil {
		out.VersionId = some(j.Token)
	}
	row.Rotation.Enabled, row.Rotation.Next = false, time.Time{}
	return out, errors.Join(put(tx, row), deleteIfThere(tx, jobs, row.key()))
}
