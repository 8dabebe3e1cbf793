package secretsmanager

import (
	"errors"
	"slices"
	"time"

	"github.com/google/uuid"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/secretsmanager"
	"cloister/internal/door"
	"cloister/internal/store"
	"cloister/policy"
)

func (s *Service) getValue(c *door.Call, in *api.GetSecretValueRequest) (*api.GetSecretValueResponse, error) {
	row, err := theSecret(c)
	if err != nil {
		return nil, err
	}
	v, err := row.choose(in.VersionId, in.VersionStage)
	if err != nil {
		return nil, err
	}
	sealed := row.known.value
	if sealed == nil || !slices.Contains(v.Stages, current) {
		err = c.View(func(r store.Reader) (err error) {
			sealed, err = valueOf(r, row, v.ID)
			return err
		})
	}
	if err != nil {
		return nil, err
	}
	if sealed == nil {
		return nil, v.empty(in.VersionId, in.VersionStage)
	}
	got, err := s.open(c, row, v.ID, sealed)
	if err != nil {
		return nil, err
	}
	s.noteRead(row, c.Time)
	confide(c, got.bytes)
	out := &api.GetSecretValueResponse{
		ARN: ptr(row.arn()), Name: &row.Name, VersionId: &v.ID, VersionStages: v.Stages, CreatedDate: &v.Created,
	}
	if got.binary {
		out.SecretBinary = got.bytes
	} else {
		out.SecretString = ptr(string(got.bytes))
	}
	return out, nil
}

// choose is the version that a request asks for: AWSCURRENT if it does not say.
func (s *secret) choose(id, stage *string) (*version, error) {
	if id != nil {
		v := s.version(*id)
		switch {
		case v == nil:
			return nil, noVersion(*id)
		case stage != nil && !slices.Contains(v.Stages, *stage):
			return nil, badRequest("You provided a VersionStage that is not associated to the provided VersionId.")
		}
		return v, nil
	}
	v := s.at(or(stage, current))
	if v == nil {
		return nil, noStage(or(stage, current))
	}
	return v, nil
}

// empty is the answer for a version that a rotation has not filled yet.
func (v *version) empty(id, stage *string) error {
	if id != nil {
		return noVersion(*id)
	}
	return noStage(or(stage, current))
}

func (s *Service) putValue(c *door.Call, in *api.PutSecretValueRequest) (*api.PutSecretValueResponse, error) {
	row, err := theSecret(c)
	if err != nil {
		return nil, err
	}
	v, err := contentOf(in.SecretString, in.SecretBinary)
	if err == nil && v == nil {
		err = badRequest("You must provide either SecretString or SecretBinary.")
	}
	if err != nil {
		return nil, err
	}
	stages := in.VersionStages
	if len(stages) == 0 {
		stages = []string{current}
	}
	id := or(in.ClientRequestToken, uuid.NewString())
	used, err := s.isUsed(c, row, id, v)
	if err != nil {
		return nil, err
	}
	if !used {
		if row, err = s.putVersion(c, row, id, v, stages); err != nil {
			return nil, err
		}
	}
	out := &api.PutSecretValueResponse{ARN: ptr(row.arn()), Name: &row.Name, VersionId: &id}
	if put := row.version(id); put != nil {
		out.VersionStages = put.Stages
	}
	return out, nil
}

// isUsed tells whether a version has this very value. One that has another is an
// error, and so is one that the caller may not read.
func (s *Service) isUsed(c *door.Call, row *secret, id string, v *content) (bool, error) {
	var old *value
	err := c.View(func(r store.Reader) (err error) {
		old, err = valueOf(r, row, id)
		return err
	})
	if err != nil || old == nil {
		return false, err
	}
	same, err := s.same(c, row, id, old, v)
	if err == nil && !same {
		err = taken(row, id)
	}
	return same, err
}

// putVersion gives a version its value, and stages.
func (s *Service) putVersion(c *door.Call, row *secret, id string, v *content, stages []string) (*secret, error) {
	sealed, err := s.seal(c, row, id, row.KeyID, *v)
	if err != nil {
		return nil, err
	}
	keyID := row.KeyID
	err = c.Commit(func(tx *store.Tx) (err error) {
		if row, err = again(tx, row); err != nil {
			return err
		}
		return fill(c, tx, row, id, keyID, sealed, stages)
	})
	return row, err
}

func taken(row *secret, id string) error {
	return awsapi.Errorf("ResourceExistsException", "You can't use ClientRequestToken %s because that value is already in use for a version of secret %s.", id, row.arn())
}

// fill writes a version's value and its stages.
func fill(c *door.Call, tx *store.Tx, row *secret, id, keyID string, sealed *value, stages []string) error {
	if err := values.Insert(tx, row.valueKey(id), sealed); err != nil {
		if errors.Is(err, store.ErrExists) {
			return taken(row, id)
		}
		return err
	}
	v := row.add(id, c.Time)
	v.KeyID, v.Filled = keyID, true
	for _, stage := range stages {
		row.move(stage, row.version(id))
	}
	row.Changed = c.Time
	return errors.Join(makeRoom(tx, row, c.Time), put(tx, row))
}

// makeRoom forgets the oldest versions where there are many, and refuses a
// secret that has more than it may all the same.
func makeRoom(tx *store.Tx, row *secret, at time.Time) error {
	pruned := row.prune(at)
	if err := row.checkQuotas(); err != nil {
		return err
	}
	for _, gone := range pruned {
		if err := deleteIfThere(tx, values, row.valueKey(gone)); err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) updateStage(c *door.Call, tx *store.Tx, in *api.UpdateSecretVersionStageRequest) (*api.UpdateSecretVersionStageResponse, error) {
	row, err := live(c, tx, in.SecretId)
	if err != nil {
		return nil, err
	}
	stage := val(in.VersionStage)
	if err := row.checkMove(stage, in.RemoveFromVersionId, in.MoveToVersionId); err != nil {
		return nil, err
	}
	var to *version
	if in.MoveToVersionId != nil {
		to = row.version(*in.MoveToVersionId)
	}
	row.move(stage, to)
	row.Changed = c.Time
	if err := row.checkQuotas(); err != nil {
		return nil, err
	}
	return &api.UpdateSecretVersionStageResponse{ARN: ptr(row.arn()), Name: &row.Name}, put(tx, row)
}

// checkMove refuses to move a stage that is not where the caller says it is.
func (s *secret) checkMove(stage string, from, to *string) error {
	holder := s.at(stage)
	switch {
	case from == nil && to == nil:
		return badParameter("You must specify RemoveFromVersionId, MoveToVersionId, or both.")
	case to != nil && s.version(*to) == nil:
		return noVersion(*to)
	case from != nil && s.version(*from) == nil:
		return noVersion(*from)
	case from != nil && (holder == nil || holder.ID != *from):
		return badParameter("The staging label %s isn't currently attached to version %s, which RemoveFromVersionId names.", stage, *from)
	case to == nil && stage == current:
		return badParameter("You can only move staging label AWSCURRENT to a different secret version. It can't be completely removed.")
	case to != nil && stage == current && !s.version(*to).Filled:
		return badRequest("You can't move staging label AWSCURRENT to version %s because it has no value.", *to)
	case to != nil && from == nil && holder != nil && holder.ID != *to:
		return badParameter("The parameter RemoveFromVersionId can't be empty. Staging label %s is currently attached to version %s, so you must explicitly reference that version in RemoveFromVersionId.", stage, holder.ID)
	}
	return nil
}

// needsOfBatch are the operation itself, and the list where it takes filters.
// Each secret is then read as the caller.
func needsOfBatch(_ *door.Call, _ store.Reader, in *api.BatchGetSecretValueRequest) ([]door.Need, error) {
	needs := []door.Need{{Action: "secretsmanager:BatchGetSecretValue", Resource: "*", Context: policy.MapContext{}}}
	if len(in.Filters) > 0 {
		needs = append(needs, door.Need{Action: "secretsmanager:ListSecrets", Resource: "*"})
	}
	return needs, nil
}

func (s *Service) batchGet(c *door.Call, in *api.BatchGetSecretValueRequest) (*api.BatchGetSecretValueResponse, error) {
	ids := in.SecretIdList
	var next *string
	switch {
	case (len(ids) > 0) == (len(in.Filters) > 0):
		return nil, badParameter("Either 'SecretIdList' or 'Filters' must be provided, but not both.")
	case len(in.Filters) == 0 && in.MaxResults != nil:
		return nil, badParameter("'Filters' not specified. 'Filters' must also be specified when 'MaxResults' is provided.")
	case len(in.Filters) > 0:
		err := c.View(func(r store.Reader) error {
			rows, token, err := page(c, r, &api.ListSecretsRequest{Filters: in.Filters, MaxResults: ptr(or(in.MaxResults, 20)), NextToken: in.NextToken})
			for _, row := range rows {
				ids = append(ids, row.arn())
			}
			next = token
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	out := &api.BatchGetSecretValueResponse{NextToken: next, SecretValues: []*api.SecretValueEntry{}, Errors: []*api.APIErrorType{}}
	for _, id := range ids {
		got, err := door.Do(c, s.door, c.Principal, api.OpGetSecretValue, &api.GetSecretValueRequest{SecretId: &id})
		if err != nil {
			failed, err := batchError(id, err)
			if err != nil {
				return nil, err
			}
			out.Errors = append(out.Errors, failed)
			continue
		}
		confide(c, got.SecretBinary)
		confide(c, []byte(val(got.SecretString)))
		out.SecretValues = append(out.SecretValues, (*api.SecretValueEntry)(got))
	}
	return out, nil
}

// batchError is what is said of one secret of a batch; a failure of the node is
// one of the whole call.
func batchError(id string, err error) (*api.APIErrorType, error) {
	var e *awsapi.Error
	if !errors.As(err, &e) || e.Status >= 500 {
		return nil, err
	}
	code := e.Code
	if code == "AccessDenied" {
		code = "AccessDeniedException"
	}
	return &api.APIErrorType{SecretId: &id, ErrorCode: &code, Message: &e.Message}, nil
}
