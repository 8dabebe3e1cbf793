package kms

import (
	api "cloister/internal/awsapi/kms"
	"cloister/internal/door"
	"cloister/internal/store"
)

func (s *Service) describeKey(c *door.Call, in *api.DescribeKeyRequest) (*api.DescribeKeyResponse, error) {
	k, err := s.settled(c)
	if err != nil {
		return nil, err
	}
	return &api.DescribeKeyResponse{KeyMetadata: k.describe()}, nil
}

func (k *keyRow) describe() *api.KeyMetadata {
	out := &api.KeyMetadata{
		AWSAccountId: &k.Account, KeyId: &k.ID, Arn: ptr(k.arn()), CreationDate: &k.Created,
		Enabled: ptr(k.State == enabled), Description: &k.Description, KeyUsage: &k.Usage, KeyState: &k.State,
		Origin: &k.Origin, KeyManager: &k.Manager, CustomerMasterKeySpec: &k.Spec, KeySpec: &k.Spec, MultiRegion: &k.MultiRegion,
	}
	switch k.Usage {
	case forEncryption:
		out.EncryptionAlgorithms = k.algorithms()
	case forSignatures:
		out.SigningAlgorithms = k.algorithms()
	case forMACs:
		out.MacAlgorithms = k.algorithms()
	case forAgreement:
		out.KeyAgreementAlgorithms = k.algorithms()
	}
	if k.Spec == symmetric && len(k.Versions) > 0 {
		out.CurrentKeyMaterialId = ptr(k.current())
	}
	if k.State == pendingDeletion {
		out.DeletionDate = &k.DeletionDate
	}
	if k.State == pendingReplicaDeletion {
		out.PendingDeletionWindowInDays = &k.PendingDays
	}
	if k.Origin == external && len(k.Versions) > 0 {
		out.ExpirationModel = ptr("KEY_MATERIAL_DOES_NOT_EXPIRE")
		if !k.ValidTo.IsZero() {
			out.ExpirationModel, out.ValidTo = ptr("KEY_MATERIAL_EXPIRES"), &k.ValidTo
		}
	}
	if k.MultiRegion {
		out.MultiRegionConfiguration = k.describeRegions()
	}
	return out
}

func (k *keyRow) describeRegions() *api.MultiRegionConfiguration {
	in := func(region string) *api.MultiRegionKey {
		return &api.MultiRegionKey{Arn: ptr(keyID{k.Account, region, k.ID}.arn()), Region: &region}
	}
	out := &api.MultiRegionConfiguration{
		MultiRegionKeyType: ptr(k.multiRegionType()), PrimaryKey: in(k.Primary), ReplicaKeys: []*api.MultiRegionKey{},
	}
	for _, region := range k.Replicas {
		out.ReplicaKeys = append(out.ReplicaKeys, in(region))
	}
	return out
}

func (s *Service) listKeys(c *door.Call, r store.Reader, in *api.ListKeysRequest) (*api.ListKeysResponse, error) {
	out := &api.ListKeysResponse{Keys: []*api.KeyListEntry{}}
	next, err := page(keys.Scan, r, store.K(c.Account, c.Region), in.Marker, or(in.Limit, 100), func(item store.Item[keyRow]) bool {
		out.Keys = append(out.Keys, &api.KeyListEntry{KeyId: &item.Value.ID, KeyArn: ptr(item.Value.arn())})
		return true
	})
	out.NextMarker, out.Truncated = next, ptr(next != nil)
	return out, err
}
