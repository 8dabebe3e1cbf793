package kms

import (
	"errors"
	"strconv"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/kms"
	"cloister/internal/door"
	"cloister/internal/guardrail"
	"cloister/internal/store"
	"cloister/policy"
)

func needsOfCreate(c *door.Call, _ store.Reader, in *api.CreateKeyRequest) ([]door.Need, error) {
	u := use{}
	need := door.Need{Action: "kms:CreateKey", Resource: "*", Context: u.conditions(c, bypassKey(in.BypassPolicyLockoutSafetyCheck))}
	multi := val(in.MultiRegion)
	spec := or(in.KeySpec, or(in.CustomerMasterKeySpec, symmetric))
	usage := or(in.KeyUsage, forEncryption)
	for key, value := range map[string]string{
		"kms:keyspec": spec, "kms:customermasterkeyspec": spec, "kms:keyusage": usage, "kms:customermasterkeyusage": usage,
		"kms:keyorigin": or(in.Origin, fromKMS), "kms:multiregion": strconv.FormatBool(multi),
	} {
		need.Context[key] = []string{value}
	}
	if multi {
		need.Context["kms:multiregionkeytype"] = []string{"PRIMARY"}
	}
	if len(in.Tags) == 0 {
		return []door.Need{need}, nil
	}
	addRequestTags(need.Context, in.Tags)
	tagging := need
	tagging.Action = "kms:TagResource"
	return []door.Need{need, tagging}, nil
}

func (s *Service) createKey(c *door.Call, in *api.CreateKeyRequest) (*api.CreateKeyResponse, error) {
	row, err := s.newRow(c, in)
	if err != nil {
		return nil, err
	}
	if err := s.make(c, row, func(tx *store.Tx) error { return nil }); err != nil {
		return nil, err
	}
	return &api.CreateKeyResponse{KeyMetadata: row.describe()}, nil
}

// newRow is the key that a request asks for, without its material.
func (s *Service) newRow(c *door.Call, in *api.CreateKeyRequest) (*keyRow, error) {
	if in.CustomKeyStoreId != nil || in.XksKeyId != nil || val(in.Origin) == "AWS_CLOUDHSM" || val(in.Origin) == "EXTERNAL_KEY_STORE" {
		return nil, unsupported("This node has no custom key stores: leave out CustomKeyStoreId and XksKeyId, and choose the origin AWS_KMS or EXTERNAL.")
	}
	if in.KeySpec != nil && in.CustomerMasterKeySpec != nil {
		return nil, invalid("You cannot specify KeySpec and CustomerMasterKeySpec in the same request. CustomerMasterKeySpec is deprecated.")
	}
	spec, usage, err := chooseSpec(or(in.KeySpec, or(in.CustomerMasterKeySpec, symmetric)), val(in.KeyUsage))
	if err != nil {
		return nil, err
	}
	tags, err := parseTags(in.Tags)
	if err != nil {
		return nil, err
	}
	row := &keyRow{
		Account: c.Account, Region: c.Region, ID: newKeyID(val(in.MultiRegion)), Created: c.Time,
		Description: val(in.Description), Usage: usage, Spec: spec, Origin: or(in.Origin, fromKMS),
		Manager: managedByHolder, State: enabled, Tags: tags, MultiRegion: val(in.MultiRegion),
		Policy: or(in.Policy, defaultPolicy(c.Account)),
	}
	if row.MultiRegion {
		row.Primary = row.Region
	}
	if row.Origin == external {
		row.State = pendingImport
	}
	return row, s.checkPolicy(c, row, val(in.BypassPolicyLockoutSafetyCheck))
}

// make gives a new key its material and commits it, with what also does in the
// same transaction. When it fails nothing of the key is left.
func (s *Service) make(c *door.Call, row *keyRow, also func(tx *store.Tx) error) error {
	var made *materialRow
	if row.Origin == fromKMS {
		raw, err := generate(row.Spec)
		if err != nil {
			return err
		}
		defer clear(raw)
		first := version{ID: newID(), Date: row.Created}
		row.Versions = []version{first}
		if made, err = s.vault.wrap(c, row.id(), first.ID, raw); err != nil {
			return err
		}
	}
	err := c.Commit(func(tx *store.Tx) error {
		if err := s.guardPolicy(c, tx, row); err != nil {
			return err
		}
		if err := also(tx); err != nil {
			return err
		}
		if made != nil {
			if err := materials.Insert(tx, row.id().key(row.current()), made); err != nil {
				return err
			}
		}
		return keys.Insert(tx, row.id().key(), row)
	})
	if err != nil && made != nil && refused(err) {
		s.vault.discard(made)
	}
	return err
}

// refused tells an error after which nothing was committed for certain. After
// any other the key may be there, and its wrapping key must stay.
func refused(err error) bool {
	var wire *awsapi.Error
	return errors.As(err, &wire) && wire.Status < 500 || errors.Is(err, store.ErrExists)
}

// guardPolicy asks the guardrails.
func (s *Service) guardPolicy(c *door.Call, tx *store.Tx, row *keyRow) error {
	compiled, err := policy.Parse(policy.KindResource, []byte(row.Policy))
	if err != nil {
		return malformed(err.Error())
	}
	if row.Manager == managedByAWS {
		return nil
	}
	return s.guard.KeyPolicy(tx, &guardrail.Subject{Account: row.Account, Resource: row.arn(), Time: c.Time}, compiled, row.context())
}
