package kms

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"

	"cloister/internal/store"
	"cloister/policy"
)

// key is a key as calls see it: its row, and what was made from it and from its
// grants. All but opened is immutable.
type key struct {
	*keyRow
	policy  policy.Named
	context policy.MapContext   // condition keys that are the key's own
	grants  map[string][]*grant // by holder

	opened sync.Map // *material by version id
}

// grant is a grant with the policy that it amounts to, which is made when the
// grant is first used: a key may have very many.
type grant struct {
	*grantRow
	policy func() policy.Named
}

// loadKey reads a key whole.
func loadKey(r store.Reader, id keyID) (*key, error) {
	row, err := keys.Get(r, id.key())
	if err != nil {
		return nil, err
	}
	k := &key{keyRow: row, context: row.context(), grants: map[string][]*grant{}}
	if k.policy, err = row.compile(); err != nil {
		return nil, err
	}
	for item, err := range grants.Scan(r, id.key(), nil) {
		if err != nil {
			return nil, err
		}
		g := item.Value
		k.grants[g.holder()] = append(k.grants[g.holder()], &grant{g, sync.OnceValue(g.named)})
	}
	return k, nil
}

func (k *keyRow) compile() (policy.Named, error) {
	p, err := policy.Parse(policy.KindResource, []byte(k.Policy))
	if err != nil {
		return policy.Named{}, fmt.Errorf("the policy of %s: %w", k.arn(), err)
	}
	return policy.Named{Name: k.arn(), Policy: p}, nil
}

// context are the condition keys that describe the key
// (https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html).
func (k *keyRow) context() policy.MapContext {
	context := policy.MapContext{
		"kms:keyspec":                {k.Spec},
		"kms:customermasterkeyspec":  {k.Spec},
		"kms:keyusage":               {k.Usage},
		"kms:customermasterkeyusage": {k.Usage},
		"kms:keyorigin":              {k.Origin},
		"kms:multiregion":            {strconv.FormatBool(k.MultiRegion)},
	}
	if k.MultiRegion {
		context["kms:multiregionkeytype"] = []string{k.multiRegionType()}
		context["kms:primaryregion"] = []string{k.Primary}
	}
	if len(k.Aliases) > 0 {
		context["kms:resourcealiases"] = k.Aliases
	}
	for _, tag := range keysOf(k.Tags) {
		context["aws:resourcetag/"+strings.ToLower(tag)] = []string{k.Tags[tag]}
	}
	return context
}

func (k *keyRow) multiRegionType() string {
	if k.Region == k.Primary {
		return "PRIMARY"
	}
	return "REPLICA"
}

// errNoMaterial says that a version's material is destroyed or was never there.
var errNoMaterial = errors.New("there is no such material")

// material gives one version's material, from memory once it was used.
func (s *Service) material(ctx context.Context, k *key, version string) (*material, error) {
	if m, ok := k.opened.Load(version); ok {
		return m.(*material), nil
	}
	if !k.has(version) {
		return nil, errNoMaterial
	}
	var row *materialRow
	err := s.db.View(ctx, func(r store.Reader) (err error) {
		row, err = materials.Get(r, k.id().key(version))
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return nil, errNoMaterial
	}
	if err != nil {
		return nil, err
	}
	raw, err := s.vault.unwrap(ctx, k.id(), version, row)
	if err != nil {
		return nil, err
	}
	defer clear(raw)
	m, err := parseMaterial(k.Spec, raw)
	if err != nil {
		return nil, fmt.Errorf("material %s of %s: %w", version, k.arn(), err)
	}
	k.opened.Store(version, m)
	return m, nil
}

func (k *keyRow) has(version string) bool {
	for i := range k.Versions {
		if k.Versions[i].ID == version {
			return true
		}
	}
	return false
}
