package store

import "time"

// SetClock makes the test decide what has expired. Not for concurrent use.
func (db *DB) SetClock(now func() time.Time) { db.now = now }
