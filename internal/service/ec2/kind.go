package ec2

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"time"

	"cloister/internal/awsapi"
	"cloister/internal/door"
	"cloister/internal/store"
)

// Head is what all resources have.
type Head struct {
	Account, Region, ID string
	VPC                 string
	Tags                []tag
	Created             time.Time
}

type tag struct{ Key, Value string }

func (h *Head) base() *Head { return h }

func (h *Head) key() store.Key { return store.K(h.Account, h.Region, h.ID) }

// class is what EC2 calls a kind of resource, and how to come by its heads.
type class struct {
	name      string // in ARNs: "security-group"
	tagType   string // in tag specifications, where it is another
	prefix    string // of ids: "sg"
	malformed string // code for what is no id
	missing   string // code for an id of none
	text      string // message for it, with %s for the id
	idKey     string // condition key that has the id, in lower case

	get   func(r store.Reader, key store.Key) (*Head, error)
	all   func(r store.Reader, account, region string) ([]*Head, error)
	retag func(tx *store.Tx, key store.Key, fn func(*Head) error) error
}

// classes are all of them, by the prefix of their ids.
var classes = map[string]*class{}

// entity is a resource of type T.
type entity[T any] interface {
	*T
	base() *Head
}

// kind is a class with its table.
type kind[T any, P entity[T]] struct {
	*class
	rows *store.Collection[T]
}

// define makes a kind. Its ids begin with the class's prefix, which no other has.
func define[T any, P entity[T]](c *class) *kind[T, P] {
	k := &kind[T, P]{class: c, rows: store.Define[T]("ec2." + c.name)}
	if c.tagType == "" {
		c.tagType = c.name
	}
	c.get = func(r store.Reader, key store.Key) (*Head, error) {
		v, err := k.rows.Get(r, key)
		if err != nil {
			return nil, err
		}
		return P(v).base(), nil
	}
	c.all = func(r store.Reader, account, region string) ([]*Head, error) {
		list, err := k.list(r, account, region)
		heads := make([]*Head, len(list))
		for i, v := range list {
			heads[i] = v.base()
		}
		return heads, err
	}
	c.retag = func(tx *store.Tx, key store.Key, fn func(*Head) error) error {
		v, err := k.rows.Get(tx, key)
		if err != nil {
			return err
		}
		if err := fn(P(v).base()); err != nil {
			return err
		}
		return k.rows.Put(tx, key, v)
	}
	classes[c.prefix] = c
	return k
}

// find is a resource of the caller's account, or EC2's error for none.
func (k *kind[T, P]) find(c *door.Call, r store.Reader, id string) (P, error) {
	if err := k.checkID(id); err != nil {
		return nil, err
	}
	v, err := k.rows.Get(r, store.K(c.Account, c.Region, id))
	if errors.Is(err, store.ErrNotFound) {
		return nil, k.none(id)
	}
	return P(v), err
}

func (c *class) none(id string) error {
	return awsapi.Errorf(c.missing, c.text, id)
}

func (c *class) checkID(id string) error {
	rest, ok := strings.CutPrefix(id, c.prefix+"-")
	if !ok || len(rest) != 8 && len(rest) != 17 || strings.Trim(rest, "0123456789abcdef") != "" {
		return awsapi.Errorf(c.malformed, "Invalid id: \"%s\" (expecting \"%s-...\")", id, c.prefix)
	}
	return nil
}

// list is every resource of an account and region, by id.
func (k *kind[T, P]) list(r store.Reader, account, region string) ([]P, error) {
	var all []P
	for item, err := range k.rows.Scan(r, store.K(account, region), nil) {
		if err != nil {
			return nil, err
		}
		all = append(all, P(item.Value))
	}
	slices.SortFunc(all, func(a, b P) int { return strings.Compare(a.base().ID, b.base().ID) })
	return all, nil
}

// within is every resource of a VPC.
func (k *kind[T, P]) within(r store.Reader, account, region, vpc string) ([]P, error) {
	all, err := k.list(r, account, region)
	return slices.DeleteFunc(all, func(v P) bool { return v.base().VPC != vpc }), err
}

func (k *kind[T, P]) put(tx *store.Tx, v P) error { return k.rows.Put(tx, v.base().key(), (*T)(v)) }

func (k *kind[T, P]) insert(tx *store.Tx, v P) error {
	return k.rows.Insert(tx, v.base().key(), (*T)(v))
}

func (k *kind[T, P]) remove(tx *store.Tx, v P) error { return k.rows.Delete(tx, v.base().key()) }

// newID makes an id of a resource, or of a part of one.
func newID(prefix string) string {
	var b [8]byte
	_, _ = rand.Read(b[:])
	return prefix + "-0" + hex.EncodeToString(b[:])
}

// fixedID is the id of a part of an account's default network, which is known
// before that is made.
func fixedID(prefix, account, region string) string {
	sum := sha256.Sum256([]byte("default\x00" + account + "\x00" + region))
	return prefix + "-0" + hex.EncodeToString(sum[:8])
}

// fresh is the head of a resource that a call makes.
func (s *Service) fresh(c *door.Call, k *class, vpc string, tags []tag) Head {
	return Head{Account: c.Account, Region: c.Region, ID: s.newID(k.prefix), VPC: vpc, Tags: tags, Created: s.now().UTC().Truncate(time.Millisecond)}
}

func (h *Head) arn(k *class) string { return arnOf(k, h.Account, h.Region, h.ID) }

func arnOf(k *class, account, region, id string) string {
	return "arn:aws:ec2:" + region + ":" + account + ":" + k.name + "/" + id
}
