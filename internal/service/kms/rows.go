package kms

import (
	"cloister/internal/door"
	"cloister/internal/store"
)

// rowOf is the key that a request names by id or ARN.
func rowOf(c *door.Call, r store.Reader, given *string) (*keyRow, error) {
	id, err := parseKey(c, given)
	if err != nil {
		return nil, err
	}
	row, err := keys.Get(r, id.key())
	return row, or404(err, noKey(id))
}

// ownRow is rowOf for an operation that AWS keeps to itself for its own keys.
func ownRow(c *door.Call, r store.Reader, given *string) (*keyRow, error) {
	row, err := rowOf(c, r, given)
	if err == nil && row.Manager == managedByAWS {
		return nil, fail("AccessDeniedException", "%s is an AWS managed key: it is changed by the service that it is for.", row.arn())
	}
	return row, err
}

// living is ownRow for a key that is not about to be deleted.
func living(c *door.Call, r store.Reader, given *string) (*keyRow, error) {
	row, err := ownRow(c, r, given)
	if err == nil && row.dying() {
		return nil, invalidState(row, "is pending deletion.")
	}
	return row, err
}

func (k *keyRow) dying() bool { return k.State == pendingDeletion || k.State == pendingReplicaDeletion }

func (k *keyRow) save(tx *store.Tx) error { return keys.Put(tx, k.id().key(), k) }
