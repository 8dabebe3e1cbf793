// Package seal keeps what is stored unreadable and unmovable: whoever holds
// the storage but not the root key can neither read a value, nor change one,
// nor put one in another's place without being noticed.
//
// Use [Keyring.Seal] for records, [Keyring.NewSegmentWriter] for blobs,
// [Keyring.MAC] for components of keys that are only ever compared, and
// [Keyring.Derive] for a key of one's own. What the storage can still do is
// delete values, and bring back an older state: of all of it, or of a single
// value under its own key. Where that matters something must remember the
// newer state elsewhere, as the audit log's checkpoints do.
package seal
