package kms

import (
	"time"

	"cloister/internal/store"
)

// Ids, names and regions stay clear in keys: lists are in their order. What a
// material is sealed under lies in the vault.
var (
	// keys are by account, region and key id.
	keys = store.Define[keyRow]("kms.key", store.Clear(0, 1, 2), store.Index("due", func(k *keyRow) []store.Key {
		if at := k.due(); !at.IsZero() {
			return []store.Key{store.K(at)}
		}
		return nil
	}, store.Clear(0)))
	// materials are by account, region, key id and material id.
	materials = store.Define[materialRow]("kms.material", store.Clear(0, 1, 2, 3))
	// aliases are by account, region and name.
	aliases = store.Define[aliasRow]("kms.alias", store.Clear(0, 1, 2))
	// grants are by account, region, key id and grant id.
	grants = store.Define[grantRow]("kms.grant", store.Clear(0, 1, 2, 3), store.Index("retiring", func(g *grantRow) []store.Key {
		if g.Retiring == "" {
			return nil
		}
		return []store.Key{store.K(g.Region, g.Retiring)}
	}))
	// erasures are wrapping keys that are still to be destroyed, by vault id:
	// written in the transaction that gives up the material.
	erasures = store.Define[erasure]("kms.erasure")
	// witnesses has one row, of the vault that belongs to this store.
	witnesses = store.Define[witnessRow]("kms.witness")
)

var witnessKey = store.K("vault")

// The states of a key, as DescribeKey shows them.
const (
	enabled                = "Enabled"
	disabled               = "Disabled"
	pendingDeletion        = "PendingDeletion"
	pendingImport          = "PendingImport"
	pendingReplicaDeletion = "PendingReplicaDeletion"
)

// The origins and managers of keys.
const (
	fromKMS         = "AWS_KMS"
	external        = "EXTERNAL"
	managedByAWS    = "AWS"
	managedByHolder = "CUSTOMER"
)

type keyRow struct {
	Account, Region, ID string
	Created             time.Time
	Description         string
	Usage, Spec, Origin string
	Manager             string
	Service             string // of a key managed by AWS: the service it is for
	State               string
	Policy              string
	Tags                map[string]string
	Aliases             []string // sorted

	DeletionDate time.Time // of PendingDeletion
	PendingDays  int64     // of PendingDeletion and PendingReplicaDeletion

	Versions []version // oldest first; the last one is in use
	ValidTo  time.Time // of imported material; zero: for ever
	Imported string    // id of the material that was imported once: no other is taken

	RotationDays int64 // 0: no automatic rotation
	NextRotation time.Time
	OnDemand     int // how many rotations were asked for

	MultiRegion bool
	Primary     string   // region of the primary key
	Replicas    []string // regions of the replicas, sorted
}

// version is one of a key's materials.
type version struct {
	ID   string
	Date time.Time
	Kind string // "" for the first, AUTOMATIC, ON_DEMAND
}

func (k *keyRow) id() keyID       { return keyID{k.Account, k.Region, k.ID} }
func (k *keyRow) arn() string     { return k.id().arn() }
func (k *keyRow) current() string { return k.Versions[len(k.Versions)-1].ID }

// due is when the sweeper has something to do with the key; zero for never.
func (k *keyRow) due() (at time.Time) {
	sooner := func(t time.Time) {
		if !t.IsZero() && (at.IsZero() || t.Before(at)) {
			at = t
		}
	}
	if k.State == pendingDeletion {
		sooner(k.DeletionDate)
	}
	if len(k.Versions) > 0 {
		sooner(k.ValidTo)
	}
	if k.State == enabled && k.rotatesItself() {
		sooner(k.NextRotation)
	}
	return at
}

// rotatesItself tells whether the key is rotated when it is time. A replica is
// rotated together with its primary key.
func (k *keyRow) rotatesItself() bool {
	return k.RotationDays > 0 && (!k.MultiRegion || k.Region == k.Primary)
}

// materialRow is key material, sealed under the wrapping key in the vault.
type materialRow struct {
	Wrap   string // id in the vault
	Sealed []byte
}

type aliasRow struct {
	KeyID            string
	Created, Updated time.Time
}

type grantRow struct {
	Account, Region, KeyID, ID string
	Name                       string
	Grantee, Retiring          string // principals
	GranteeID, RetiringID      string // their unique ids; "" for those that have none
	Issuer                     string // account
	Operations                 []string
	Equals, Subset             map[string]string // constraints on the encryption context
	Created                    time.Time
}

type erasure struct{ Wrap string }

type witnessRow struct{ Wrap string } // id in the vault
