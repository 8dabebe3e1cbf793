package iam

import (
	"errors"
	"sort"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/iam"
	"cloister/internal/door"
	"cloister/internal/door/session"
	"cloister/internal/store"
	"cloister/policy"
)

// keysPerUser is how many access keys a user may have.
const keysPerUser = 2

func (s *Service) registerAccessKeys(d *door.Door) {
	door.Write(d, api.OpCreateAccessKey, onSelf("iam:CreateAccessKey",
		func(in *api.CreateAccessKeyRequest) *string { return in.UserName }), s.createAccessKey)
	door.Read(d, api.OpListAccessKeys, onSelf("iam:ListAccessKeys",
		func(in *api.ListAccessKeysRequest) *string { return in.UserName }), s.listAccessKeys)
	door.Write(d, api.OpUpdateAccessKey, onSelf("iam:UpdateAccessKey",
		func(in *api.UpdateAccessKeyRequest) *string { return in.UserName }), s.updateAccessKey)
	door.Write(d, api.OpDeleteAccessKey, onSelf("iam:DeleteAccessKey",
		func(in *api.DeleteAccessKeyRequest) *string { return in.UserName }), s.deleteAccessKey)
	door.Read(d, api.OpGetAccessKeyLastUsed, permission(s.needLastUsed), s.getAccessKeyLastUsed)
}

// keyOwner finds the user whose keys a call speaks of. The root user's one key
// is the node's own and is not changed here.
func keyOwner(c *door.Call, r store.Reader, name *string) (*user, error) {
	who, err := selfOr(c, name)
	if err != nil {
		return nil, err
	}
	if who == "" {
		return nil, invalidInput("The root user's access key is set when the node starts and cannot be changed by this call. Create a user and give it a key.")
	}
	return userKind.find(r, c.Account, who)
}

// keysOf reads a user's access keys, oldest first.
func keysOf(r store.Reader, u *user) ([]*accessKey, error) {
	var keys []*accessKey
	for item, err := range accessKeys.ScanIndex(r, "user", store.K(u.Account, u.ID), nil) {
		if err != nil {
			return nil, err
		}
		keys = append(keys, item.Value)
	}
	sort.Slice(keys, func(i, j int) bool {
		a, b := keys[i], keys[j]
		return a.Created.Before(b.Created) || a.Created.Equal(b.Created) && a.ID < b.ID
	})
	return keys, nil
}

// keyOf finds a user's access key.
func keyOf(r store.Reader, u *user, id string) (*accessKey, error) {
	k, err := accessKeys.Get(r, store.K(id))
	if errors.Is(err, store.ErrNotFound) || err == nil && (k.UserID != u.ID || k.Account != u.Account) {
		return nil, noSuchEntity("The Access Key with id %s cannot be found.", id)
	}
	return k, err
}

func (s *Service) createAccessKey(c *door.Call, tx *store.Tx, in *api.CreateAccessKeyRequest) (*api.CreateAccessKeyResponse, error) {
	u, err := keyOwner(c, tx, in.UserName)
	if err != nil {
		return nil, err
	}
	keys, err := keysOf(tx, u)
	if err != nil {
		return nil, err
	}
	if len(keys) >= keysPerUser {
		return nil, overQuota("AccessKeysPerUser", keysPerUser)
	}
	id, secret := session.NewAccessKey(session.LongTermPrefix)
	k := &accessKey{Account: u.Account, ID: id, UserID: u.ID, Secret: secret, Created: second(c.Time)}
	if err := accessKeys.Insert(tx, store.K(id), k); err != nil {
		return nil, err
	}
	return &api.CreateAccessKeyResponse{AccessKey: &api.AccessKey{
		UserName: str(u.Name), AccessKeyId: str(id), Status: str(k.status()),
		SecretAccessKey: str(string(secret.Reveal())), CreateDate: &k.Created,
	}}, nil
}

func (k *accessKey) status() string {
	if k.Inactive {
		return api.StatusTypeInactive
	}
	return api.StatusTypeActive
}

func (s *Service) listAccessKeys(c *door.Call, r store.Reader, in *api.ListAccessKeysRequest) (*api.ListAccessKeysResponse, error) {
	if in.UserName == nil && c.Principal.Kind == policy.PrincipalRoot {
		return s.listRootKey(), nil
	}
	u, err := keyOwner(c, r, in.UserName)
	if err != nil {
		return nil, err
	}
	keys, err := keysOf(r, u)
	if err != nil {
		return nil, err
	}
	sort.Slice(keys, func(i, j int) bool { return keys[i].ID < keys[j].ID })
	p, err := paginate(keys, func(k *accessKey) string { return k.ID }, in.Marker, in.MaxItems)
	metadata := each(p.items, func(k *accessKey) *api.AccessKeyMetadata {
		return &api.AccessKeyMetadata{UserName: str(u.Name), AccessKeyId: str(k.ID), Status: str(k.status()), CreateDate: &k.Created}
	})
	return &api.ListAccessKeysResponse{AccessKeyMetadata: metadata, IsTruncated: p.truncated, Marker: p.marker}, err
}

func (s *Service) listRootKey() *api.ListAccessKeysResponse {
	return &api.ListAccessKeysResponse{
		AccessKeyMetadata: []*api.AccessKeyMetadata{{
			AccessKeyId: str(s.root.Principal.AccessKeyID), Status: str(api.StatusTypeActive),
		}},
		IsTruncated: awsapi.Ptr(false),
	}
}

func (s *Service) updateAccessKey(c *door.Call, tx *store.Tx, in *api.UpdateAccessKeyRequest) (*awsapi.None, error) {
	u, err := keyOwner(c, tx, in.UserName)
	if err != nil {
		return nil, err
	}
	k, err := keyOf(tx, u, awsapi.Val(in.AccessKeyId))
	if err != nil {
		return nil, err
	}
	k.Inactive = awsapi.Val(in.Status) != api.StatusTypeActive
	return &awsapi.None{}, accessKeys.Put(tx, store.K(k.ID), k)
}

func (s *Service) deleteAccessKey(c *door.Call, tx *store.Tx, in *api.DeleteAccessKeyRequest) (*awsapi.None, error) {
	u, err := keyOwner(c, tx, in.UserName)
	if err != nil {
		return nil, err
	}
	k, err := keyOf(tx, u, awsapi.Val(in.AccessKeyId))
	if err != nil {
		return nil, err
	}
	if err := lastUses.Delete(tx, store.K(k.ID)); err != nil && !errors.Is(err, store.ErrNotFound) {
		return nil, err
	}
	return &awsapi.None{}, accessKeys.Delete(tx, store.K(k.ID))
}

// needLastUsed needs the permission on the key's owner. Of a key that the
// account does not have, "*" tells nothing.
func (s *Service) needLastUsed(c *door.Call, r store.Reader, in *api.GetAccessKeyLastUsedRequest) ([]door.Need, error) {
	need := door.Need{Action: "iam:GetAccessKeyLastUsed", Resource: "*"}
	_, u, err := s.keyAndOwner(c, r, awsapi.Val(in.AccessKeyId))
	if err != nil && !absent(err) {
		return nil, err
	}
	if u != nil {
		need.Resource = userKind.arn(u)
		need.Context = policy.MapContext{}
		resourceTags(need.Context, u.Tags)
	}
	return []door.Need{need}, nil
}

func (s *Service) keyAndOwner(c *door.Call, r store.Reader, id string) (*accessKey, *user, error) {
	k, err := accessKeys.Get(r, store.K(id))
	if errors.Is(err, store.ErrNotFound) || err == nil && k.Account != c.Account {
		return nil, nil, noSuchEntity("The Access Key with id %s cannot be found.", id)
	}
	if err != nil {
		return nil, nil, err
	}
	u, err := userKind.get(r, k.Account, k.UserID)
	return k, u, err
}

func (s *Service) getAccessKeyLastUsed(c *door.Call, r store.Reader, in *api.GetAccessKeyLastUsedRequest) (*api.GetAccessKeyLastUsedResponse, error) {
	k, u, err := s.keyAndOwner(c, r, awsapi.Val(in.AccessKeyId))
	if err != nil {
		return nil, err
	}
	use, err := s.lastUse(r, k.ID)
	if err != nil {
		return nil, err
	}
	return &api.GetAccessKeyLastUsedResponse{UserName: str(u.Name), AccessKeyLastUsed: describeUse(use)}, nil
}

// describeUse says "N/A" for a key that was never used, as AWS does.
func describeUse(use *lastUse) *api.AccessKeyLastUsed {
	if use == nil {
		return &api.AccessKeyLastUsed{ServiceName: str("N/A"), Region: str("N/A")}
	}
	return &api.AccessKeyLastUsed{LastUsedDate: &use.At, ServiceName: str(use.Service), Region: str(use.Region)}
}
