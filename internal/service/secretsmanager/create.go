package secretsmanager

import (
	"bytes"
	"errors"

	"github.com/google/uuid"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/secretsmanager"
	"cloister/internal/door"
	"cloister/internal/store"
)

// contentOf is the value that a request gives, nil for none.
func contentOf(text *string, binary []byte) (*content, error) {
	switch {
	case text != nil && len(binary) > 0:
		return nil, badParameter("You can't specify both a binary secret value and a string secret value in the same secret.")
	case text != nil:
		return &content{[]byte(*text), false}, nil
	case len(binary) > 0:
		return &content{binary, true}, nil
	}
	return nil, nil
}

func (s *Service) createSecret(c *door.Call, in *api.CreateSecretRequest) (*api.CreateSecretResponse, error) {
	v, err := s.checkCreate(in)
	if err != nil {
		return nil, err
	}
	row := &secret{
		Account: c.Account, Region: c.Region, Name: val(in.Name), Suffix: newSuffix(), Description: val(in.Description),
		KeyID: val(in.KmsKeyId), Created: c.Time, Changed: c.Time, Tags: tagsOf(in.Tags), Replicas: replicasOf(in.AddReplicaRegions),
	}
	token := or(in.ClientRequestToken, uuid.NewString())
	if out, err := s.created(c, row, token, v); out != nil || err != nil {
		return out, err
	}
	var sealed *value
	if v != nil {
		if sealed, err = s.seal(c, row, token, row.KeyID, *v); err != nil {
			return nil, err
		}
		row.Versions = []version{{ID: token, Stages: []string{current}, Created: c.Time, KeyID: row.KeyID, Filled: true}}
	}
	if err := c.Commit(func(tx *store.Tx) error { return s.insert(c, tx, row, sealed) }); err != nil {
		return nil, err
	}
	out := row.createAnswer()
	if v != nil {
		out.VersionId = &token
	}
	return out, nil
}

func (s *Service) checkCreate(in *api.CreateSecretRequest) (*content, error) {
	if !namePattern.MatchString(val(in.Name)) {
		return nil, awsapi.Errorf("ValidationException", "Invalid name. Must be a valid name containing alphanumeric characters, or any of the following: -/_+=.@!")
	}
	if val(in.Type) != "" {
		return nil, badParameter("This node does not manage the secrets of other services: leave out Type, and rotate the secret with a Lambda function.")
	}
	if err := checkTags(tagsOf(in.Tags)); err != nil {
		return nil, err
	}
	return contentOf(in.SecretString, in.SecretBinary)
}

// created is the answer where a secret of that name exists: the same as before
// if the request is, by its token and its value, that one again.
func (s *Service) created(c *door.Call, row *secret, token string, v *content) (*api.CreateSecretResponse, error) {
	f, sealed, err := s.existing(c, row.Name, token)
	switch {
	case err != nil || f.row == nil:
		return nil, err
	case !f.row.Deleted.IsZero():
		return nil, scheduled()
	case sealed == nil || v == nil:
		return nil, exists(row.Name)
	}
	same, err := s.same(c, f.row, token, sealed, v)
	if err != nil {
		return nil, err
	}
	if !same {
		return nil, exists(row.Name)
	}
	out := f.row.createAnswer()
	out.VersionId = &token
	return out, nil
}

// existing is the secret of a name, and its version's value if that is there.
func (s *Service) existing(c *door.Call, name, id string) (f found, v *value, err error) {
	err = c.View(func(r store.Reader) (err error) {
		if f, err = find(c, r, name); err != nil || f.row == nil {
			return err
		}
		v, err = valueOf(r, f.row, id)
		return err
	})
	return f, v, err
}

// valueOf is the value of a version, nil if it has none.
func valueOf(r store.Reader, row *secret, id string) (*value, error) {
	v, err := values.Get(r, row.valueKey(id))
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	return v, err
}

// same tells whether a version's value is v, if the caller may know it.
func (s *Service) same(c *door.Call, row *secret, id string, sealed *value, v *content) (bool, error) {
	have, err := s.open(c, row, id, sealed)
	return err == nil && have.binary == v.binary && bytes.Equal(have.bytes, v.bytes), err
}

func exists(name string) error {
	return awsapi.Errorf("ResourceExistsException", "The operation failed because the secret %s already exists.", name)
}

func scheduled() error {
	return badRequest("You can't create this secret because a secret with this name is already scheduled for deletion.")
}

func (s *Service) insert(c *door.Call, tx *store.Tx, row *secret, sealed *value) error {
	old, err := secrets.Get(tx, row.key())
	switch {
	case errors.Is(err, store.ErrNotFound):
	case err != nil:
		return err
	case old.isGone(c.Time):
		if err := remove(tx, old); err != nil {
			return err
		}
	case !old.Deleted.IsZero():
		return scheduled()
	default:
		return exists(row.Name)
	}
	if sealed != nil {
		if err := values.Insert(tx, row.valueKey(row.Versions[0].ID), sealed); err != nil {
			return err
		}
	}
	return put(tx, row)
}

func (s *secret) createAnswer() *api.CreateSecretResponse {
	return &api.CreateSecretResponse{ARN: ptr(s.arn()), Name: &s.Name, ReplicationStatus: s.replication()}
}
