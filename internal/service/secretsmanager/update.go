package secretsmanager

import (
	"bytes"
	"errors"
	"slices"

	"github.com/google/uuid"

	"cloister/internal/awsapi"
	kms "cloister/internal/awsapi/kms"
	api "cloister/internal/awsapi/secretsmanager"
	"cloister/internal/door"
	"cloister/internal/store"
)

// updateSecret changes what is said of a secret, its key, and its value: all or
// nothing. A token of a version that has that value already makes no other; what
// else the request asks for is done.
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
	out := &api.UpdateSecretResponse{ARN: ptr(row.arn()), Name: &row.Name}
	keyID := or(in.KmsKeyId, row.KeyID)
	var sealed *value
	if v != nil {
		out.VersionId = ptr(or(in.ClientRequestToken, uuid.NewString()))
		used, err := s.isUsed(c, row, *out.VersionId, v)
		switch {
		case err != nil:
			return nil, err
		case used && in.Description == nil && in.KmsKeyId == nil:
			return out, nil
		case !used:
			if sealed, err = s.seal(c, row, *out.VersionId, keyID, *v); err != nil {
				return nil, err
			}
		}
	}
	moves, err := s.rekey(c, row, keyID)
	if err != nil {
		return nil, err
	}
	return out, c.Commit(func(tx *store.Tx) error {
		row, err := again(tx, row)
		if err != nil {
			return err
		}
		row.Description, row.KeyID, row.Changed = or(in.Description, row.Description), keyID, c.Time
		for _, m := range moves {
			if err := m.apply(tx, row); err != nil {
				return err
			}
		}
		if sealed == nil {
			return put(tx, row)
		}
		return fill(c, tx, row, *out.VersionId, keyID, sealed, []string{current})
	})
}

// move is a version's data key on its way under another KMS key.
type move struct {
	version, keyID string
	from, to       []byte
}

// rekey puts the data keys of the versions that have one of the service's
// stages under another KMS key. Where the caller may not encrypt with that, they
// stay under the one they have
// (https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_UpdateSecret.html).
func (s *Service) rekey(c *door.Call, row *secret, keyID string) (moves []move, err error) {
	if keyID == row.KeyID {
		return nil, nil
	}
	for i := range row.Versions {
		v := &row.Versions[i]
		if !v.Filled || !slices.ContainsFunc(v.Stages, isOurs) {
			continue
		}
		var old *value
		err := c.View(func(r store.Reader) (err error) {
			old, err = values.Get(r, row.valueKey(v.ID))
			return err
		})
		if err != nil {
			return nil, or404(err)
		}
		key, err := s.rewrap(c, row, v.ID, keyID, old.Key)
		if err != nil {
			return nil, err
		}
		if key != nil {
			moves = append(moves, move{v.ID, keyID, old.Key, key})
		}
	}
	return moves, nil
}

func isOurs(stage string) bool { return stage == current || stage == previous || stage == pending }

// rewrap gives a data key under another KMS key, nil if the caller may not
// encrypt with that.
func (s *Service) rewrap(c *door.Call, row *secret, version, keyID string, wrapped []byte) ([]byte, error) {
	key, err := s.unwrap(c, row, version, wrapped)
	if err != nil {
		return nil, err
	}
	defer clear(key)
	out, err := door.Do(c, s.door, c.Principal, kms.OpEncrypt, &kms.EncryptRequest{
		KeyId: ptr(keyOf(keyID)), Plaintext: key, EncryptionContext: row.encryptionContext(version),
	})
	var refused *awsapi.Error
	if err = encryptionFailure(err); errors.As(err, &refused) && refused.Code == "AccessDenied" {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return out.CiphertextBlob, nil
}

// apply moves the version, unless it was moved or removed meanwhile.
func (m *move) apply(tx *store.Tx, row *secret) error {
	at := row.version(m.version)
	if at == nil || !at.Filled {
		return nil
	}
	v, err := values.Get(tx, row.valueKey(m.version))
	if err != nil || !bytes.Equal(v.Key, m.from) {
		return err
	}
	at.KeyID, v.Key = m.keyID, m.to
	return values.Put(tx, row.valueKey(m.version), v)
}
