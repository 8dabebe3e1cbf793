package kms

import (
	"errors"
	"slices"
	"strings"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/kms"
	"cloister/internal/door"
	"cloister/internal/store"
	"cloister/policy"
)

// maxAliases is AWS's limit for a key.
const maxAliases = 50

// aliasNeed is action on an alias, which has no policy of its own.
func aliasNeed(c *door.Call, action string, a aliasID) door.Need {
	u := use{}
	return door.Need{Action: "kms:" + action, Resource: a.arn(), Account: a.Account, Context: u.conditions(c, policy.MapContext{"kms:requestalias": {a.Name}})}
}

func ownAlias(c *door.Call, name *string) aliasID { return aliasID{c.Account, c.Region, val(name)} }

func (s *Service) needsOfCreateAlias(c *door.Call, r store.Reader, in *api.CreateAliasRequest) ([]door.Need, error) {
	u := use{action: "CreateAlias", key: val(in.TargetKeyId)}
	_, need, err := s.need(c, r, &u)
	return []door.Need{aliasNeed(c, "CreateAlias", ownAlias(c, in.AliasName)), need}, err
}

// needsOfUpdateAlias are on the alias, the key that it stands for and the one
// that it is to stand for.
func (s *Service) needsOfUpdateAlias(c *door.Call, r store.Reader, in *api.UpdateAliasRequest) ([]door.Need, error) {
	needs, err := s.aliasAndTarget(c, r, "UpdateAlias", ownAlias(c, in.AliasName))
	if err != nil {
		return nil, err
	}
	u := use{action: "UpdateAlias", key: val(in.TargetKeyId)}
	_, need, err := s.need(c, r, &u)
	return append(needs, need), err
}

func (s *Service) needsOfDeleteAlias(c *door.Call, r store.Reader, in *api.DeleteAliasRequest) ([]door.Need, error) {
	return s.aliasAndTarget(c, r, "DeleteAlias", ownAlias(c, in.AliasName))
}

func (s *Service) aliasAndTarget(c *door.Call, r store.Reader, action string, a aliasID) ([]door.Need, error) {
	needs := []door.Need{aliasNeed(c, action, a)}
	id, err := loadAlias(r, a)
	if errors.Is(err, store.ErrNotFound) {
		return needs, nil
	}
	if err != nil {
		return nil, err
	}
	u := use{action: action, key: id.ID}
	_, need, err := s.need(c, r, &u)
	need.Named = a.arn()
	return append(needs, need), err
}

func checkAlias(name string) error {
	switch {
	case !strings.HasPrefix(name, aliasPrefix):
		return invalid("Alias must start with the prefix \"alias/\". Please see https://docs.aws.amazon.com/kms/latest/developerguide/kms-alias.html")
	case strings.HasPrefix(name, reservedPrefix):
		return fail("InvalidAliasNameException", "The alias name must not begin with alias/aws/: such names are reserved for AWS managed keys.")
	case !aliasPattern.MatchString(name):
		return fail("InvalidAliasNameException", "Alias contains invalid characters for an alias")
	}
	return nil
}

func (s *Service) createAlias(c *door.Call, tx *store.Tx, in *api.CreateAliasRequest) (*awsapi.None, error) {
	a := ownAlias(c, in.AliasName)
	if err := checkAlias(a.Name); err != nil {
		return nil, err
	}
	row, err := living(c, tx, in.TargetKeyId)
	if err != nil {
		return nil, err
	}
	err = aliases.Insert(tx, a.key(), &aliasRow{KeyID: row.ID, Created: c.Time, Updated: c.Time})
	if errors.Is(err, store.ErrExists) {
		return nil, fail("AlreadyExistsException", "An alias with the name %s already exists", a.arn())
	}
	if err != nil {
		return nil, err
	}
	return none, row.addAlias(tx, a.Name)
}

func (k *keyRow) addAlias(tx *store.Tx, name string) error {
	if len(k.Aliases) >= maxAliases {
		return fail("LimitExceededException", "A key can have at most %d aliases.", maxAliases)
	}
	k.Aliases = append(k.Aliases, name)
	slices.Sort(k.Aliases)
	return k.save(tx)
}

func (k *keyRow) removeAlias(tx *store.Tx, name string) error {
	k.Aliases = slices.DeleteFunc(k.Aliases, func(other string) bool { return other == name })
	return k.save(tx)
}

// updateAlias moves an alias to a key of the same kind and usage.
func (s *Service) updateAlias(c *door.Call, tx *store.Tx, in *api.UpdateAliasRequest) (*awsapi.None, error) {
	a, old, row, err := existingAlias(c, tx, in.AliasName)
	if err != nil {
		return nil, err
	}
	target, err := living(c, tx, in.TargetKeyId)
	if err != nil {
		return nil, err
	}
	if old.ID == target.ID {
		return none, nil
	}
	if old.Usage != target.Usage || (old.Spec == symmetric) != (target.Spec == symmetric) || (old.Usage == forMACs) != (target.Usage == forMACs) {
		return nil, invalid("Alias %s cannot be changed from a key of usage %s to one of usage %s.", a.arn(), old.Usage, target.Usage)
	}
	if err := old.removeAlias(tx, a.Name); err != nil {
		return nil, err
	}
	row.KeyID, row.Updated = target.ID, c.Time
	if err := aliases.Put(tx, a.key(), row); err != nil {
		return nil, err
	}
	return none, target.addAlias(tx, a.Name)
}

func (s *Service) deleteAlias(c *door.Call, tx *store.Tx, in *api.DeleteAliasRequest) (*awsapi.None, error) {
	a, row, _, err := existingAlias(c, tx, in.AliasName)
	if err != nil {
		return nil, err
	}
	if err := aliases.Delete(tx, a.key()); err != nil {
		return nil, err
	}
	return none, row.removeAlias(tx, a.Name)
}

// existingAlias is an alias that a customer made, and its key.
func existingAlias(c *door.Call, tx *store.Tx, name *string) (aliasID, *keyRow, *aliasRow, error) {
	a := ownAlias(c, name)
	if err := checkAlias(a.Name); err != nil {
		return a, nil, nil, err
	}
	row, err := aliases.Get(tx, a.key())
	if err != nil {
		return a, nil, nil, or404(err, noAlias(a))
	}
	k, err := keys.Get(tx, keyID{a.Account, a.Region, row.KeyID}.key())
	return a, k, row, err
}

func (s *Service) listAliases(c *door.Call, r store.Reader, in *api.ListAliasesRequest) (*api.ListAliasesResponse, error) {
	var of string
	if in.KeyId != nil {
		row, err := rowOf(c, r, in.KeyId)
		if err != nil {
			return nil, err
		}
		if row.Account != c.Account {
			return nil, noKey(row.id())
		}
		of = row.ID
	}
	out := &api.ListAliasesResponse{Aliases: []*api.AliasListEntry{}}
	next, err := page(aliases.Scan, r, store.K(c.Account, c.Region), in.Marker, or(in.Limit, 50), func(item store.Item[aliasRow]) bool {
		row := item.Value
		if of != "" && row.KeyID != of {
			return false
		}
		a := aliasID{c.Account, c.Region, item.Key[2].(string)}
		out.Aliases = append(out.Aliases, &api.AliasListEntry{
			AliasName: &a.Name, AliasArn: ptr(a.arn()), TargetKeyId: &row.KeyID, CreationDate: &row.Created, LastUpdatedDate: &row.Updated,
		})
		return true
	})
	out.NextMarker, out.Truncated = next, ptr(next != nil)
	return out, err
}
