package store

// Key is a tuple of components: string, []byte, int64, uint64 or time.Time.
type Key []any

// K makes a Key; an int becomes an int64.
func K(parts ...any) Key { return Key(parts) }

// Bytes encodes the key so that bytes.Compare orders as the tuples do.
func (k Key) Bytes() ([]byte, error) { panic("skeleton") }

// ParseKey is the inverse of Key.Bytes.
func ParseKey(b []byte) (Key, error) { panic("skeleton") }
