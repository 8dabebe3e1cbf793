package secretsmanager

import (
	"slices"

	api "cloister/internal/awsapi/secretsmanager"
	"cloister/internal/door"
	"cloister/internal/store"
)

func (s *Service) updateSecret(c *door.Call, in *api.UpdateSecretRequest) (*api.UpdateSecretResponse, error) {
	row, err := theSecret(c)
	if err != nil {
		return nil, err
	}
	if val(in.Type) != "" {
		return nil, badParameter("This node does not manage the secrets of other services: leave out Type.")
	}
	v, err := contentOf(in.SecretString, in.SecretBinary)
	if err != nil {
		return nil, err
	}
	edit := func(row *secret) {
		row.Description, row.KeyID = or(in.Description, row.Description), or(in.KmsKeyId, row.KeyID)
		row.Changed = c.Time
	}
	out := &api.UpdateSecretResponse{ARN: ptr(row.arn()), Name: &row.Name}
	if v != nil {
		_, token, err := s.putVersion(c, row, in.ClientRequestToken, v, []string{current}, edit)
		out.VersionId = &token
		return out, err
	}
	return out, s.edit(c, row, edit)
}

// edit changes a secret. Where that gives it another key, its versions that
// have one of the service's stages go under the new one
// (https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_UpdateSecret.html).
func (s *Service) edit(c *door.Call, row *secret, edit func(*secret)) error {
	changed := *row
	edit(&changed)
	moved := map[string]*value{}
	if changed.KeyID != row.KeyID {
		var err error
		if moved, err = s.rekey(c, row, changed.KeyID); err != nil {
			return err
		}
	}
	return c.Commit(func(tx *store.Tx) error {
		row, err := again(tx, row)
		if err != nil {
			return err
		}
		edit(row)
		for id, v := range moved {
			at := row.version(id)
			if at == nil {
				continue
			}
			at.KeyID = changed.KeyID
			if err := values.Put(tx, row.valueKey(id), v); err != nil {
				return err
			}
		}
		return put(tx, row)
	})
}

// rekey seals values anew under another key.
func (s *Service) rekey(c *door.Call, row *secret, keyID string) (map[string]*value, error) {
	moved := map[string]*value{}
	for i := range row.Versions {
		v := &row.Versions[i]
		if !v.Filled || !slices.ContainsFunc(v.Stages, func(stage string) bool { return stage == current || stage == previous || stage == pending }) {
			continue
		}
		var old *value
		err := c.View(func(r store.Reader) (err error) {
			old, err = values.Get(r, row.valueKey(v.ID))
			return err
		})
		if err != nil {
			return nil, err
		}
		text, err := s.open(c, row, v.ID, old)
		if err != nil {
			return nil, err
		}
		if moved[v.ID], err = s.seal(c, row, v.ID, keyID, text); err != nil {
			return nil, err
		}
		clear(text.bytes)
	}
	return moved, nil
}
