package kms

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"time"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/kms"
	"cloister/internal/door"
	"cloister/internal/store"
	"cloister/policy"
)

// Limits of AWS
// (https://docs.aws.amazon.com/kms/latest/developerguide/rotate-keys.html).
const (
	usualRotationDays = 365
	leastRotationDays = 90
	mostRotationDays  = 2560
	mostOnDemand      = 25
)

func (s *Service) registerRotation(d *door.Door) {
	door.Write(d, api.OpEnableKeyRotation, onKey(s, "EnableKeyRotation", func(in *api.EnableKeyRotationRequest) *string { return in.KeyId },
		func(in *api.EnableKeyRotationRequest) policy.MapContext {
			return asked("kms:rotationperiodindays", strconv.FormatInt(or(in.RotationPeriodInDays, usualRotationDays), 10))
		}), s.enableRotation)
	door.Write(d, api.OpDisableKeyRotation, onKey(s, "DisableKeyRotation", func(in *api.DisableKeyRotationRequest) *string { return in.KeyId }), s.disableRotation)
	door.Read(d, api.OpGetKeyRotationStatus, onForeignKey(s, "GetKeyRotationStatus", func(in *api.GetKeyRotationStatusRequest) *string { return in.KeyId }), s.rotationStatus)
	door.Act(d, api.OpRotateKeyOnDemand, onKey(s, "RotateKeyOnDemand", func(in *api.RotateKeyOnDemandRequest) *string { return in.KeyId }), s.rotateOnDemand)
	door.Read(d, api.OpListKeyRotations, onKey(s, "ListKeyRotations", func(in *api.ListKeyRotationsRequest) *string { return in.KeyId }), s.listRotations)
}

// rotatable is the key that a request names, if its rotation can be changed.
func rotatable(c *door.Call, r store.Reader, given *string) (*keyRow, error) {
	row, err := living(c, r, given)
	switch {
	case err != nil:
		return nil, err
	case row.Spec != symmetric || row.Origin != fromKMS:
		return nil, unsupported("%s cannot be rotated: only symmetric encryption keys with the origin AWS_KMS can.", row.arn())
	case row.MultiRegion && row.Region != row.Primary:
		return nil, unsupported("%s is a replica: it is rotated together with its primary key.", row.arn())
	case row.State == disabled:
		return nil, fail("DisabledException", "%s is disabled.", row.arn())
	}
	return row, nil
}

func (s *Service) enableRotation(c *door.Call, tx *store.Tx, in *api.EnableKeyRotationRequest) (*awsapi.None, error) {
	days := or(in.RotationPeriodInDays, usualRotationDays)
	if days < leastRotationDays || days > mostRotationDays {
		return nil, invalid("RotationPeriodInDays must be between %d and %d (inclusive).", leastRotationDays, mostRotationDays)
	}
	return none, setRotation(c, tx, in.KeyId, days)
}

func (s *Service) disableRotation(c *door.Call, tx *store.Tx, in *api.DisableKeyRotationRequest) (*awsapi.None, error) {
	return none, setRotation(c, tx, in.KeyId, 0)
}

// setRotation sets the period of a key and its replicas. A period that was
// another begins now.
func setRotation(c *door.Call, tx *store.Tx, given *string, days int64) error {
	row, err := rotatable(c, tx, given)
	if err != nil || row.RotationDays == days {
		return err
	}
	relatives, err := row.relatives(tx)
	if err != nil {
		return err
	}
	for _, k := range append(relatives, row) {
		k.RotationDays, k.NextRotation = days, time.Time{}
		if days > 0 {
			k.NextRotation = c.Time.AddDate(0, 0, int(days))
		}
		if err := k.save(tx); err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) rotationStatus(c *door.Call, r store.Reader, in *api.GetKeyRotationStatusRequest) (*api.GetKeyRotationStatusResponse, error) {
	row, err := rowOf(c, r, in.KeyId)
	if err != nil {
		return nil, err
	}
	out := &api.GetKeyRotationStatusResponse{KeyId: ptr(row.arn()), KeyRotationEnabled: ptr(row.RotationDays > 0 && !row.dying())}
	if *out.KeyRotationEnabled {
		out.RotationPeriodInDays, out.NextRotationDate = &row.RotationDays, &row.NextRotation
	}
	return out, nil
}

func (s *Service) rotateOnDemand(c *door.Call, in *api.RotateKeyOnDemandRequest) (*api.RotateKeyOnDemandResponse, error) {
	var row *keyRow
	err := c.View(func(r store.Reader) (err error) {
		row, err = rotatable(c, r, in.KeyId)
		return err
	})
	if err != nil {
		return nil, err
	}
	if row.OnDemand >= mostOnDemand {
		return nil, fail("LimitExceededException", "A key can be rotated on demand %d times.", mostOnDemand)
	}
	made, err := s.newVersion(c, row, "ON_DEMAND", c.Time)
	if err != nil {
		return nil, err
	}
	err = c.Commit(func(tx *store.Tx) error {
		now, err := rotatable(c, tx, in.KeyId)
		if err != nil {
			return err
		}
		now.OnDemand++
		return made.add(tx, now)
	})
	if errors.Is(err, errMeanwhile) {
		err = conflict()
	}
	if err != nil {
		if refused(err) {
			s.vault.discard(made.rows...)
		}
		return nil, err
	}
	return &api.RotateKeyOnDemandResponse{KeyId: ptr(row.arn())}, nil
}

// rotateWhenDue rotates a key on its own, if it is still due.
func (s *Service) rotateWhenDue(ctx context.Context, id keyID, now time.Time) error {
	var row *keyRow
	err := s.db.View(ctx, func(r store.Reader) (err error) {
		row, err = keys.Get(r, id.key())
		return err
	})
	if err != nil {
		return or404(err, nil)
	}
	made, err := s.newVersion(ctx, row, "AUTOMATIC", now)
	if err != nil {
		return err
	}
	err = s.db.Update(ctx, func(tx *store.Tx) error {
		fresh, err := keys.Get(tx, id.key())
		if err != nil {
			return or404(err, errMeanwhile)
		}
		if fresh.State != enabled || !fresh.rotatesItself() || fresh.NextRotation.After(now) {
			return errMeanwhile
		}
		return errors.Join(s.note(tx, "RotateKey", fresh, now), made.add(tx, fresh))
	})
	if errors.Is(err, errMeanwhile) {
		s.vault.discard(made.rows...)
		return nil
	}
	return err
}

// errMeanwhile ends a transaction for which something has changed.
var errMeanwhile = errors.New("the key has changed meanwhile")

// newMaterial is a version that is about to be added to a key and to its
// replicas, wrapped for each.
type newMaterial struct {
	version version
	ids     []keyID
	rows    []*materialRow
}

func (s *Service) newVersion(ctx context.Context, row *keyRow, kind string, at time.Time) (*newMaterial, error) {
	raw, err := generate(row.Spec)
	if err != nil {
		return nil, err
	}
	defer clear(raw)
	m := &newMaterial{version: version{ID: newID(), Date: at, Kind: kind}}
	for _, region := range append(row.regions(), row.Region) {
		id := keyID{row.Account, region, row.ID}
		made, err := s.vault.wrap(ctx, id, m.version.ID, raw)
		if err != nil {
			return nil, err
		}
		m.ids, m.rows = append(m.ids, id), append(m.rows, made)
	}
	return m, nil
}

// add makes the version the one in use, for the key and its replicas. The
// material that was in use is kept.
func (m *newMaterial) add(tx *store.Tx, row *keyRow) error {
	relatives, err := row.relatives(tx)
	if err != nil {
		return err
	}
	all := append(relatives, row)
	if len(all) != len(m.ids) {
		return errMeanwhile
	}
	for _, k := range all {
		i := slices.Index(m.ids, k.id())
		if i < 0 {
			return errMeanwhile
		}
		if err := materials.Insert(tx, k.id().key(m.version.ID), m.rows[i]); err != nil {
			return err
		}
		k.Versions = append(k.Versions, m.version)
		if k.RotationDays > 0 && m.version.Kind == "AUTOMATIC" {
			k.NextRotation = m.version.Date.AddDate(0, 0, int(k.RotationDays))
		}
		if err := k.save(tx); err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) listRotations(c *door.Call, r store.Reader, in *api.ListKeyRotationsRequest) (*api.ListKeyRotationsResponse, error) {
	row, err := rowOf(c, r, in.KeyId)
	if err != nil {
		return nil, err
	}
	if row.Spec != symmetric {
		return nil, unsupported("%s cannot be rotated: its key spec is %s.", row.arn(), row.Spec)
	}
	from, err := parsePlace(in.Marker, len(row.Versions))
	if err != nil {
		return nil, err
	}
	out := &api.ListKeyRotationsResponse{Rotations: []*api.RotationsListEntry{}, Truncated: ptr(false)}
	for i := from; i < len(row.Versions); i++ {
		v := &row.Versions[i]
		if v.Kind == "" && val(in.IncludeKeyMaterial) != "ALL_KEY_MATERIAL" {
			continue
		}
		if int64(len(out.Rotations)) == or(in.Limit, 100) {
			out.NextMarker, out.Truncated = ptr(strconv.Itoa(i)), ptr(true)
			break
		}
		out.Rotations = append(out.Rotations, row.describeVersion(i))
	}
	return out, nil
}

func (k *keyRow) describeVersion(i int) *api.RotationsListEntry {
	v := &k.Versions[i]
	entry := &api.RotationsListEntry{KeyId: &k.ID, KeyMaterialId: &v.ID, KeyMaterialState: ptr("NON_CURRENT")}
	if i == len(k.Versions)-1 {
		entry.KeyMaterialState = ptr("CURRENT")
	}
	if v.Kind != "" {
		entry.RotationDate, entry.RotationType = &v.Date, &v.Kind
	}
	return entry
}

// parsePlace reads a marker that is a place in a list.
func parsePlace(marker *string, size int) (int, error) {
	if marker == nil {
		return 0, nil
	}
	at, err := strconv.Atoi(*marker)
	if err != nil || at < 0 || at > size {
		return 0, fail("InvalidMarkerException", "The marker is not valid.")
	}
	return at, nil
}
