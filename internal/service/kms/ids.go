package kms

import (
	"crypto/rand"
	"encoding/hex"
	"regexp"
	"strings"

	"github.com/google/uuid"

	"cloister/internal/awsapi"
	"cloister/internal/door"
	"cloister/internal/store"
)

// keyID names a key. Keys of several regions may share an id.
type keyID struct{ Account, Region, ID string }

func (k keyID) key(parts ...any) store.Key {
	return append(store.K(k.Account, k.Region, k.ID), parts...)
}

func (k keyID) arn() string { return "arn:aws:kms:" + k.Region + ":" + k.Account + ":key/" + k.ID }

// aliasID names an alias; Name begins with "alias/".
type aliasID struct{ Account, Region, Name string }

func (a aliasID) key() store.Key { return store.K(a.Account, a.Region, a.Name) }

func (a aliasID) arn() string { return "arn:aws:kms:" + a.Region + ":" + a.Account + ":" + a.Name }

const (
	aliasPrefix    = "alias/"
	reservedPrefix = "alias/aws/"
	multiPrefix    = "mrk-"
)

func newKeyID(multiRegion bool) string {
	id := uuid.New()
	if multiRegion {
		return multiPrefix + hex.EncodeToString(id[:])
	}
	return id.String()
}

// newID is 64 hex digits, as the ids of grants and materials are.
func newID() string {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

var (
	keyIDPattern = regexp.MustCompile(`^([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|mrk-[0-9a-f]{32})$`)
	aliasPattern = regexp.MustCompile(`^alias/[a-zA-Z0-9/_-]+$`)
)

// reference is what a request calls a key: its id, or one of its aliases.
type reference struct {
	key   keyID
	alias aliasID // zero for a key's id
}

func (r reference) byAlias() bool { return r.alias.Name != "" }

// parseReference reads an id, an ARN of a key, or the name or ARN of an alias.
// An ARN of another region names nothing that this call can reach.
func parseReference(c *door.Call, given string) (reference, error) {
	account, name := c.Account, given
	if strings.HasPrefix(given, "arn:") {
		parts := strings.SplitN(given, ":", 6)
		if len(parts) < 6 || parts[1] != "aws" || parts[2] != "kms" || len(parts[4]) != 12 {
			return reference{}, invalidARN(given)
		}
		if parts[3] != c.Region {
			return reference{}, fail("NotFoundException", "Invalid arn %s", parts[3])
		}
		account = parts[4]
		name = strings.TrimPrefix(parts[5], "key/")
		if name == parts[5] && !strings.HasPrefix(name, aliasPrefix) {
			return reference{}, invalidARN(given)
		}
	}
	switch {
	case aliasPattern.MatchString(name):
		return reference{alias: aliasID{account, c.Region, name}}, nil
	case keyIDPattern.MatchString(name):
		return reference{key: keyID{account, c.Region, name}}, nil
	}
	return reference{}, invalidKeyID(given)
}

// parseKey is parseReference where aliases are not taken.
func parseKey(c *door.Call, given *string) (keyID, error) {
	ref, err := parseReference(c, val(given))
	if err == nil && ref.byAlias() {
		err = invalidKeyID(val(given))
	}
	return ref.key, err
}

func val[T any](p *T) T { return awsapi.Val(p) }

func ptr[T any](v T) *T { return awsapi.Ptr(v) }

func or[T any](p *T, otherwise T) T {
	if p == nil {
		return otherwise
	}
	return *p
}
