package secretsmanager

import (
	"slices"

	api "cloister/internal/awsapi/secretsmanager"
	"cloister/internal/door"
	"cloister/internal/store"
)

// Replication is kept and shown; there is no other region to copy to.

func replicasOf(in []*api.ReplicaRegionType) (all []replica) {
	for _, r := range in {
		all = append(all, replica{val(r.Region), val(r.KmsKeyId)})
	}
	return all
}

func (s *secret) replication() []*api.ReplicationStatusType {
	var all []*api.ReplicationStatusType
	for i := range s.Replicas {
		r := &s.Replicas[i]
		all = append(all, &api.ReplicationStatusType{Region: &r.Region, KmsKeyId: some(r.KeyID), Status: ptr("InSync"), StatusMessage: ptr("Replication succeeded")})
	}
	return all
}

func (s *Service) replicate(c *door.Call, tx *store.Tx, in *api.ReplicateSecretToRegionsRequest) (*api.ReplicateSecretToRegionsResponse, error) {
	row, err := live(c, tx, in.SecretId)
	if err != nil {
		return nil, err
	}
	for _, r := range replicasOf(in.AddReplicaRegions) {
		if r.Region == row.Region {
			return nil, badParameter("Invalid replica region.")
		}
		i := slices.IndexFunc(row.Replicas, func(have replica) bool { return have.Region == r.Region })
		if i < 0 {
			row.Replicas = append(row.Replicas, r)
		} else {
			row.Replicas[i] = r
		}
	}
	return &api.ReplicateSecretToRegionsResponse{ARN: ptr(row.arn()), ReplicationStatus: row.replication()}, put(tx, row)
}

func (s *Service) removeRegions(c *door.Call, tx *store.Tx, in *api.RemoveRegionsFromReplicationRequest) (*api.RemoveRegionsFromReplicationResponse, error) {
	row, err := live(c, tx, in.SecretId)
	if err != nil {
		return nil, err
	}
	for _, region := range in.RemoveReplicaRegions {
		if !slices.ContainsFunc(row.Replicas, func(r replica) bool { return r.Region == region }) {
			return nil, badParameter("The secret has no replica in %s.", region)
		}
	}
	row.Replicas = slices.DeleteFunc(row.Replicas, func(r replica) bool { return slices.Contains(in.RemoveReplicaRegions, r.Region) })
	return &api.RemoveRegionsFromReplicationResponse{ARN: ptr(row.arn()), ReplicationStatus: row.replication()}, put(tx, row)
}

// stopReplication makes a secret of a replica; a secret here is none.
func (s *Service) stopReplication(c *door.Call, tx *store.Tx, in *api.StopReplicationToReplicaRequest) (*api.StopReplicationToReplicaResponse, error) {
	if _, err := live(c, tx, in.SecretId); err != nil {
		return nil, err
	}
	return nil, badRequest("You can't stop the replication of a secret that is not a replica.")
}
