package logs

import (
	"errors"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/logs"
	"cloister/internal/door"
	"cloister/internal/store"
)

// A group can be under a key of its customer's: what is put into it from then on
// is encrypted under data keys that CloudWatch Logs has for it, as the service
// logs.REGION.amazonaws.com that the key's policy must let use it
// (https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html).

// tryKey has the customer's key make a data key, which shows that it can be
// used. It is nil for no key.
func (s *Service) tryKey(c *door.Call, g groupID, key string) (*dataKey, error) {
	if key == "" {
		return nil, nil
	}
	return s.makeKey(c, g, key)
}

func (k *dataKey) customer() string {
	if k == nil {
		return ""
	}
	return k.Wrapped.Key
}

func (k *dataKey) store(tx *store.Tx, g groupID) error {
	if k == nil {
		return nil
	}
	return dataKeys.Put(tx, g.key(k.ID), k)
}

func deleteKeys(tx *store.Tx, g groupID) error {
	rows, err := storedKeys(tx, g)
	for _, row := range rows {
		err = errors.Join(err, dataKeys.Delete(tx, g.key(row.ID)))
	}
	return err
}

func needsOfAssociate(c *door.Call, r store.Reader, in *api.AssociateKmsKeyRequest) ([]door.Need, error) {
	return identifiedNeed(c, r, "logs:AssociateKmsKey", in.LogGroupName, in.ResourceIdentifier)
}

func needsOfDisassociate(c *door.Call, r store.Reader, in *api.DisassociateKmsKeyRequest) ([]door.Need, error) {
	return identifiedNeed(c, r, "logs:DisassociateKmsKey", in.LogGroupName, in.ResourceIdentifier)
}

// identifiedNeed is the permission for the group that a request names. The
// handler says what is wrong with one that names none, to who may do it to all.
func identifiedNeed(c *door.Call, r store.Reader, action string, name, resource *string) ([]door.Need, error) {
	g, err := identified(c, name, resource)
	if err != nil {
		return []door.Need{{Action: action, Resource: "*"}}, nil
	}
	need, err := groupNeed(r, action, g)
	return []door.Need{need}, err
}

// identified is the group that a request names in one of two ways. The results
// of queries, which the second way could name too, are not there.
func identified(c *door.Call, name, resource *string) (groupID, error) {
	if (name == nil) == (resource == nil) {
		return groupID{}, invalid("Exactly one of logGroupName and resourceIdentifier must be given.")
	}
	return parseGroup(c, name, resource)
}

func (s *Service) associateKey(c *door.Call, in *api.AssociateKmsKeyRequest) (*awsapi.None, error) {
	g, err := identified(c, in.LogGroupName, in.ResourceIdentifier)
	if err != nil {
		return nil, err
	}
	err = c.View(func(r store.Reader) error { _, err := groups.Get(r, g.key()); return or404(err, noGroup()) })
	if err != nil {
		return nil, err
	}
	key, err := s.tryKey(c, g, *in.KmsKeyId)
	if err != nil {
		return nil, err
	}
	return none, c.Commit(func(tx *store.Tx) error {
		row, err := groups.Get(tx, g.key())
		if err != nil {
			return or404(err, noGroup())
		}
		row.KMSKey = key.customer()
		young, err := youngKey(c, tx, g, row.KMSKey)
		if err == nil && young == nil {
			err = key.store(tx, g)
		}
		return errors.Join(err, groups.Put(tx, g.key(), row))
	})
}

// disassociateKey ends the use of the key for what is put from now on. What was
// put stays under it, and its data keys stay.
func (s *Service) disassociateKey(c *door.Call, tx *store.Tx, in *api.DisassociateKmsKeyRequest) (*awsapi.None, error) {
	g, err := identified(c, in.LogGroupName, in.ResourceIdentifier)
	if err != nil {
		return nil, err
	}
	row, err := groups.Get(tx, g.key())
	if err != nil {
		return nil, or404(err, noGroup())
	}
	row.KMSKey = ""
	return none, groups.Put(tx, g.key(), row)
}
