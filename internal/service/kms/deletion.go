package kms

import (
	"slices"
	"strconv"
	"time"

	api "cloister/internal/awsapi/kms"
	"cloister/internal/door"
	"cloister/internal/guardrail"
	"cloister/internal/store"
	"cloister/policy"
)

// The waiting period, in days.
const (
	leastDays = 7
	mostDays  = 30
)

func (s *Service) registerDeletion(d *door.Door) {
	door.Write(d, api.OpScheduleKeyDeletion, onKey(s, "ScheduleKeyDeletion", func(in *api.ScheduleKeyDeletionRequest) *string { return in.KeyId },
		func(in *api.ScheduleKeyDeletionRequest) policy.MapContext {
			return asked("kms:schedulekeydeletionpendingwindowindays", strconv.FormatInt(or(in.PendingWindowInDays, mostDays), 10))
		}), s.scheduleDeletion)
	door.Write(d, api.OpCancelKeyDeletion, onKey(s, "CancelKeyDeletion", func(in *api.CancelKeyDeletionRequest) *string { return in.KeyId }), s.cancelDeletion)
}

// scheduleDeletion begins the waiting period; of a primary key with replicas it
// begins when the last of them is gone.
func (s *Service) scheduleDeletion(c *door.Call, tx *store.Tx, in *api.ScheduleKeyDeletionRequest) (*api.ScheduleKeyDeletionResponse, error) {
	row, err := living(c, tx, in.KeyId)
	if err != nil {
		return nil, err
	}
	row.PendingDays = or(in.PendingWindowInDays, mostDays)
	if row.PendingDays < leastDays || row.PendingDays > mostDays {
		return nil, invalid("PendingWindowInDays must be between %d and %d (inclusive).", leastDays, mostDays)
	}
	out := &api.ScheduleKeyDeletionResponse{KeyId: ptr(row.arn()), PendingWindowInDays: &row.PendingDays}
	if row.Region == row.Primary && len(row.Replicas) > 0 {
		row.State = pendingReplicaDeletion
	} else {
		row.beginWaiting(c.Time)
		out.DeletionDate = &row.DeletionDate
	}
	out.KeyState = &row.State
	return out, row.save(tx)
}

func (k *keyRow) beginWaiting(now time.Time) {
	k.State, k.DeletionDate = pendingDeletion, now.AddDate(0, 0, int(k.PendingDays))
}

// cancelDeletion leaves the key disabled, so that it is used again only when
// somebody wants that.
func (s *Service) cancelDeletion(c *door.Call, tx *store.Tx, in *api.CancelKeyDeletionRequest) (*api.CancelKeyDeletionResponse, error) {
	row, err := ownRow(c, tx, in.KeyId)
	if err != nil {
		return nil, err
	}
	if !row.dying() {
		return nil, invalidState(row, "is not pending deletion.")
	}
	row.State, row.DeletionDate, row.PendingDays = disabled, time.Time{}, 0
	if len(row.Versions) == 0 {
		row.State = pendingImport
	}
	return &api.CancelKeyDeletionResponse{KeyId: ptr(row.arn())}, row.save(tx)
}

// destroy removes the key and all that belongs to it, for good.
func (k *keyRow) destroy(tx *store.Tx, now time.Time) error {
	if err := k.eraseMaterial(tx); err != nil {
		return err
	}
	if err := k.removeGrants(tx); err != nil {
		return err
	}
	for _, name := range k.Aliases {
		if err := aliases.Delete(tx, aliasID{k.Account, k.Region, name}.key()); err != nil {
			return err
		}
	}
	if err := k.leaveRegions(tx, now); err != nil {
		return err
	}
	if err := guardrail.Gone(tx, k.Account, k.arn(), "", now); err != nil {
		return err
	}
	return keys.Delete(tx, k.id().key())
}

// eraseMaterial gives up all material.
func (k *keyRow) eraseMaterial(tx *store.Tx) error {
	for _, v := range k.Versions {
		row, err := materials.Get(tx, k.id().key(v.ID))
		if err != nil {
			return err
		}
		if err := erasures.Put(tx, store.K(row.Wrap), &erasure{row.Wrap}); err != nil {
			return err
		}
		if err := materials.Delete(tx, k.id().key(v.ID)); err != nil {
			return err
		}
	}
	k.Versions = nil
	return nil
}

func (k *keyRow) removeGrants(tx *store.Tx) error {
	var ids []store.Key
	for item, err := range grants.Scan(tx, k.id().key(), nil) {
		if err != nil {
			return err
		}
		ids = append(ids, item.Key)
	}
	for _, id := range ids {
		if err := grants.Delete(tx, id); err != nil {
			return err
		}
	}
	return nil
}

// leaveRegions takes a key that is destroyed out of what its relatives know. The
// waiting period of a primary key begins when its last replica is gone.
func (k *keyRow) leaveRegions(tx *store.Tx, now time.Time) error {
	relatives, err := k.relatives(tx)
	if err != nil {
		return err
	}
	for _, other := range relatives {
		other.Replicas = slices.DeleteFunc(other.Replicas, func(region string) bool { return region == k.Region })
		if other.State == pendingReplicaDeletion && len(other.Replicas) == 0 {
			other.beginWaiting(now)
		}
		if err := other.save(tx); err != nil {
			return err
		}
	}
	return nil
}
