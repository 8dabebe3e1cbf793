package secretsmanager

import (
	"crypto/rand"
	"errors"
	"regexp"
	"strings"

	"cloister/internal/door"
	"cloister/internal/store"
)

// suffixLength is that of the random end of a secret's ARN.
const suffixLength = 6

// unknown stands for the suffix of a secret that does not exist.
const unknown = "??????"

var (
	namePattern   = regexp.MustCompile(`^[A-Za-z0-9/_+=.@!-]{1,512}$`)
	suffixPattern = regexp.MustCompile(`^[A-Za-z0-9]{6}$`)
)

func newSuffix() string {
	text := rand.Text() + rand.Text() // A-Z, 2-7
	mixed := make([]byte, suffixLength)
	for i := range mixed {
		mixed[i] = text[i]
		if text[i+suffixLength]%2 == 0 && text[i] >= 'A' {
			mixed[i] += 'a' - 'A'
		}
	}
	return string(mixed)
}

// found is the secret that an id names; row is nil when there is none, and ref
// then says what it would be.
type found struct {
	ref secret // account, region, name and suffix
	row *secret
}

// find looks up a secret by name, ARN, or ARN without the suffix. One of
// another region is none that a call can reach.
func find(c *door.Call, r store.Reader, id string) (found, error) { return findIn(c, stored(r), id) }

func findIn(c *door.Call, in rows, id string) (found, error) {
	missing := found{ref: secret{Account: c.Account, Region: c.Region, Name: id, Suffix: unknown}}
	if !strings.HasPrefix(id, "arn:") {
		return look(c, in, missing, "")
	}
	parts := strings.SplitN(id, ":", 7)
	if len(parts) < 7 || parts[2] != "secretsmanager" || parts[5] != "secret" {
		return missing, nil
	}
	missing.ref.Account, missing.ref.Name = parts[4], parts[6]
	if parts[3] != c.Region {
		missing.ref.Region = parts[3]
		return missing, nil
	}
	if at := len(parts[6]) - suffixLength - 1; at > 0 && parts[6][at] == '-' && suffixPattern.MatchString(parts[6][at+1:]) {
		whole := missing
		whole.ref.Name, whole.ref.Suffix = parts[6][:at], parts[6][at+1:]
		f, err := look(c, in, whole, whole.ref.Suffix)
		if err != nil || f.row != nil {
			return f, err
		}
		if f, err = look(c, in, missing, ""); err != nil || f.row != nil {
			return f, err
		}
		return whole, nil
	}
	return look(c, in, missing, "")
}

// look reads the secret of a name, which must have the suffix if one is given.
func look(c *door.Call, in rows, f found, suffix string) (found, error) {
	row, err := in(f.ref.place())
	switch {
	case errors.Is(err, store.ErrNotFound):
		return f, nil
	case err != nil:
		return f, err
	case row.isGone(c.Time) || suffix != "" && suffix != row.Suffix:
		return f, nil
	}
	f.ref.Suffix, f.row = row.Suffix, row
	return f, nil
}

// get is the secret that an id names, which must be there.
func get(c *door.Call, r store.Reader, id *string) (*secret, error) {
	f, err := find(c, r, val(id))
	if err == nil && f.row == nil {
		err = notFound()
	}
	return f.row, err
}

// live is the secret that an id names, which must not be marked for deletion.
func live(c *door.Call, r store.Reader, id *string) (*secret, error) {
	row, err := get(c, r, id)
	if err == nil && !row.Deleted.IsZero() {
		err = marked()
	}
	return row, err
}

// again reads a secret anew, in the transaction that changes it: the one that
// was authorised, and still not marked for deletion.
func again(tx *store.Tx, was *secret) (*secret, error) {
	row, err := secrets.Get(tx, was.key())
	if err != nil {
		return nil, or404(err)
	}
	if row.Suffix != was.Suffix {
		return nil, notFound()
	}
	if !row.Deleted.IsZero() {
		return nil, marked()
	}
	return row, nil
}

func put(tx *store.Tx, row *secret) error { return secrets.Put(tx, row.key(), row) }
