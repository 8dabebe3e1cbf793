package kms

import (
	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/kms"
	"cloister/internal/door"
	"cloister/internal/store"
)

func (s *Service) updateDescription(c *door.Call, tx *store.Tx, in *api.UpdateKeyDescriptionRequest) (*awsapi.None, error) {
	row, err := living(c, tx, in.KeyId)
	if err != nil {
		return nil, err
	}
	row.Description = *in.Description
	return none, row.save(tx)
}

func (s *Service) enableKey(c *door.Call, tx *store.Tx, in *api.EnableKeyRequest) (*awsapi.None, error) {
	return none, setState(c, tx, in.KeyId, enabled)
}

func (s *Service) disableKey(c *door.Call, tx *store.Tx, in *api.DisableKeyRequest) (*awsapi.None, error) {
	return none, setState(c, tx, in.KeyId, disabled)
}

func setState(c *door.Call, tx *store.Tx, id *string, state string) error {
	row, err := living(c, tx, id)
	if err != nil {
		return err
	}
	if row.State == pendingImport {
		return invalidState(row, "is pending import.")
	}
	row.State = state
	return row.save(tx)
}
