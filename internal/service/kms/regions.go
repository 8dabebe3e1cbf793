package kms

import (
	"errors"
	"slices"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/kms"
	"cloister/internal/door"
	"cloister/internal/store"
	"cloister/policy"
)

func (s *Service) registerRegions(d *door.Door) {
	door.Act(d, api.OpReplicateKey, door.Permission(s.needsOfReplicate), s.replicate)
	door.Write(d, api.OpUpdatePrimaryRegion, door.Permission(s.needsOfUpdatePrimary), s.updatePrimary)
}

// regions are those in which there is a key of the same id and material.
func (k *keyRow) regions() []string {
	if !k.MultiRegion {
		return nil
	}
	all := append([]string{k.Primary}, k.Replicas...)
	return slices.DeleteFunc(all, func(region string) bool { return region == k.Region })
}

// relatives are the keys in those regions.
func (k *keyRow) relatives(tx *store.Tx) (all []*keyRow, err error) {
	for _, region := range k.regions() {
		row, err := keys.Get(tx, keyID{k.Account, region, k.ID}.key())
		if err != nil {
			return nil, err
		}
		all = append(all, row)
	}
	return all, nil
}

func (s *Service) needsOfReplicate(c *door.Call, r store.Reader, in *api.ReplicateKeyRequest) ([]door.Need, error) {
	u := use{action: "ReplicateKey", key: val(in.KeyId), asked: asked("kms:replicaregion", val(in.ReplicaRegion))}
	f, need, err := s.need(c, r, &u)
	if err != nil {
		return nil, err
	}
	making := door.Need{Action: "kms:CreateKey", Resource: "*", Context: u.conditions(c, bypassKey(in.BypassPolicyLockoutSafetyCheck))}
	if f.key != nil {
		for name, values := range f.key.context {
			if name != "kms:resourcealiases" && !isTag(name) {
				making.Context[name] = values
			}
		}
	}
	making.Context["kms:multiregionkeytype"] = []string{"REPLICA"}
	making.Context["aws:requestedregion"] = []string{val(in.ReplicaRegion)}
	needs := []door.Need{need, making}
	if len(in.Tags) > 0 {
		addRequestTags(making.Context, in.Tags)
		tagging := making
		tagging.Action = "kms:TagResource"
		needs = append(needs, tagging)
	}
	return needs, nil
}

// replicate makes a key of the same id and material in another region.
func (s *Service) replicate(c *door.Call, in *api.ReplicateKeyRequest) (*api.ReplicateKeyResponse, error) {
	var primary *keyRow
	err := c.View(func(r store.Reader) (err error) {
		primary, err = replicable(c, r, in)
		return err
	})
	if err != nil {
		return nil, err
	}
	replica, err := s.replicaOf(c, primary, in)
	if err != nil {
		return nil, err
	}
	copies, err := s.copyMaterial(c, primary, replica)
	if err != nil {
		return nil, err
	}
	err = c.Commit(func(tx *store.Tx) error {
		now, err := replicable(c, tx, in)
		if err != nil {
			return err
		}
		if !slices.Equal(now.Versions, primary.Versions) || !slices.Equal(now.Replicas, primary.Replicas) {
			return conflict()
		}
		if err := s.guardPolicy(c, tx, replica); err != nil {
			return err
		}
		return s.addReplica(tx, now, replica, copies)
	})
	if err != nil {
		if refused(err) {
			s.vault.discard(copies...)
		}
		return nil, err
	}
	return &api.ReplicateKeyResponse{ReplicaKeyMetadata: replica.describe(), ReplicaPolicy: &replica.Policy, ReplicaTags: in.Tags}, nil
}

// replicable is the primary key that a request names, if it can have the
// replica that the request asks for.
func replicable(c *door.Call, r store.Reader, in *api.ReplicateKeyRequest) (*keyRow, error) {
	row, err := living(c, r, in.KeyId)
	switch {
	case err != nil:
		return nil, err
	case !row.MultiRegion || row.Primary != row.Region:
		return nil, unsupported("%s is not a multi-Region primary key.", row.arn())
	case row.State == disabled:
		return nil, fail("DisabledException", "%s is disabled.", row.arn())
	case *in.ReplicaRegion == row.Region:
		return nil, invalid("The replica Region must be another than the Region of the primary key.")
	case slices.Contains(row.Replicas, *in.ReplicaRegion):
		return nil, fail("AlreadyExistsException", "%s exists already.", keyID{row.Account, *in.ReplicaRegion, row.ID}.arn())
	}
	return row, nil
}

// replicaOf is the new key without its material. Tags, aliases, grants and the
// policy are each key's own.
func (s *Service) replicaOf(c *door.Call, primary *keyRow, in *api.ReplicateKeyRequest) (*keyRow, error) {
	tags, err := parseTags(in.Tags)
	if err != nil {
		return nil, err
	}
	row := *primary
	row.Region, row.Created, row.Tags, row.Aliases = *in.ReplicaRegion, c.Time, tags, nil
	row.Description, row.Policy = val(in.Description), or(in.Policy, defaultPolicy(c.Account))
	row.State = enabled
	row.Versions = slices.Clone(primary.Versions)
	if row.Origin == external {
		row.Versions, row.State = nil, pendingImport
	}
	row.Replicas = append(slices.Clone(primary.Replicas), row.Region)
	slices.Sort(row.Replicas)
	return &row, s.checkPolicy(c, &row, val(in.BypassPolicyLockoutSafetyCheck))
}

// copyMaterial wraps the material of a key anew for another place.
func (s *Service) copyMaterial(c *door.Call, from, to *keyRow) (copies []*materialRow, err error) {
	for _, v := range to.Versions {
		var row *materialRow
		err := c.View(func(r store.Reader) (err error) {
			row, err = materials.Get(r, from.id().key(v.ID))
			return err
		})
		if err != nil {
			return nil, err
		}
		raw, err := s.vault.unwrap(c, from.id(), v.ID, row)
		if err != nil {
			return nil, err
		}
		made, err := s.vault.wrap(c, to.id(), v.ID, raw)
		clear(raw)
		if err != nil {
			return nil, err
		}
		copies = append(copies, made)
	}
	return copies, nil
}

func (s *Service) addReplica(tx *store.Tx, primary, replica *keyRow, copies []*materialRow) error {
	for i, v := range replica.Versions {
		if err := materials.Insert(tx, replica.id().key(v.ID), copies[i]); err != nil {
			return err
		}
	}
	relatives, err := primary.relatives(tx)
	if err != nil {
		return err
	}
	for _, row := range append(relatives, primary) {
		row.Replicas = replica.Replicas
		if err := row.save(tx); err != nil {
			return err
		}
	}
	err = keys.Insert(tx, replica.id().key(), replica)
	if errors.Is(err, store.ErrExists) {
		return fail("AlreadyExistsException", "%s exists already.", replica.arn())
	}
	return err
}

// needsOfUpdatePrimary are on the primary key and on the one that is to be it.
func (s *Service) needsOfUpdatePrimary(c *door.Call, r store.Reader, in *api.UpdatePrimaryRegionRequest) ([]door.Need, error) {
	u := use{action: "UpdatePrimaryRegion", key: val(in.KeyId), asked: policy.MapContext{"kms:primaryregion": {val(in.PrimaryRegion)}}}
	f, need, err := s.need(c, r, &u)
	if err != nil || f.key == nil {
		return []door.Need{need}, err
	}
	next, err := loadKey(r, keyID{f.key.Account, val(in.PrimaryRegion), f.key.ID})
	if errors.Is(err, store.ErrNotFound) {
		return []door.Need{need}, nil
	}
	if err != nil {
		return nil, err
	}
	return []door.Need{need, next.need(c, &u)}, nil
}

func (s *Service) updatePrimary(c *door.Call, tx *store.Tx, in *api.UpdatePrimaryRegionRequest) (*awsapi.None, error) {
	row, err := living(c, tx, in.KeyId)
	if err != nil {
		return nil, err
	}
	if !row.MultiRegion || row.Primary != row.Region {
		return nil, unsupported("%s is not a multi-Region primary key.", row.arn())
	}
	if row.State == disabled {
		return nil, fail("DisabledException", "%s is disabled.", row.arn())
	}
	next := *in.PrimaryRegion
	if !slices.Contains(row.Replicas, next) {
		return nil, fail("NotFoundException", "Key '%s' does not exist", keyID{row.Account, next, row.ID}.arn())
	}
	relatives, err := row.relatives(tx)
	if err != nil {
		return nil, err
	}
	replicas := slices.DeleteFunc(append(slices.Clone(row.Replicas), row.Region), func(region string) bool { return region == next })
	slices.Sort(replicas)
	for _, other := range append(relatives, row) {
		if other.Region == next && other.State != enabled {
			return nil, invalidState(other, "is %s.", other.State)
		}
		other.Primary, other.Replicas = next, replicas
		if err := other.save(tx); err != nil {
			return nil, err
		}
	}
	return none, nil
}
