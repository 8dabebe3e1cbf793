package secretsmanager

import (
	api "cloister/internal/awsapi/secretsmanager"
	"cloister/internal/door"
	"cloister/policy"
)

// Register puts the service's operations behind d.
func (s *Service) Register(d *door.Door) {
	s.door = d
	s.registerSecrets(d)
	s.registerValues(d)
	s.registerRotation(d)
	s.registerPolicies(d)
	s.registerReplicas(d)
}

func (s *Service) registerSecrets(d *door.Door) {
	door.Act(d, api.OpCreateSecret, door.Permission(needsOfCreate), s.createSecret)
	door.Read(d, api.OpDescribeSecret, onSecret("DescribeSecret", func(in *api.DescribeSecretRequest) *string { return in.SecretId }), s.describeSecret)
	door.Act(d, api.OpUpdateSecret, onSecret("UpdateSecret", func(in *api.UpdateSecretRequest) *string { return in.SecretId }, conditionsOfUpdate), s.updateSecret)
	door.Write(d, api.OpDeleteSecret, onSecret("DeleteSecret", func(in *api.DeleteSecretRequest) *string { return in.SecretId }, conditionsOfDelete), s.deleteSecret)
	door.Write(d, api.OpRestoreSecret, onSecret("RestoreSecret", func(in *api.RestoreSecretRequest) *string { return in.SecretId }), s.restoreSecret)
	door.Read(d, api.OpListSecrets, door.On("secretsmanager:ListSecrets", func(*door.Call, *api.ListSecretsRequest) string { return "*" }), s.listSecrets)
	door.Write(d, api.OpTagResource, onSecret("TagResource", func(in *api.TagResourceRequest) *string { return in.SecretId },
		func(in *api.TagResourceRequest, context policy.MapContext) { addRequestTags(context, in.Tags) }), s.tagResource)
	door.Write(d, api.OpUntagResource, onSecret("UntagResource", func(in *api.UntagResourceRequest) *string { return in.SecretId },
		func(in *api.UntagResourceRequest, context policy.MapContext) {
			if len(in.TagKeys) > 0 {
				context["aws:tagkeys"] = in.TagKeys
			}
		}), s.untagResource)
}

func (s *Service) registerValues(d *door.Door) {
	door.Act(d, api.OpGetSecretValue, door.Permission(s.needsOfGet), s.getValue)
	door.Act(d, api.OpBatchGetSecretValue, door.Permission(needsOfBatch), s.batchGet)
	door.Act(d, api.OpPutSecretValue, onSecret("PutSecretValue", func(in *api.PutSecretValueRequest) *string { return in.SecretId }), s.putValue)
	door.Write(d, api.OpUpdateSecretVersionStage, onSecret("UpdateSecretVersionStage", func(in *api.UpdateSecretVersionStageRequest) *string { return in.SecretId },
		func(in *api.UpdateSecretVersionStageRequest, context policy.MapContext) {
			given(context, "secretsmanager:versionstage", in.VersionStage)
		}), s.updateStage)
	door.Read(d, api.OpListSecretVersionIds, onSecret("ListSecretVersionIds", func(in *api.ListSecretVersionIdsRequest) *string { return in.SecretId }), s.listVersions)
	door.Act(d, api.OpGetRandomPassword, door.On("secretsmanager:GetRandomPassword", func(*door.Call, *api.GetRandomPasswordRequest) string { return "*" }), s.randomPassword)
}

func (s *Service) registerRotation(d *door.Door) {
	door.Act(d, api.OpRotateSecret, door.Permission(needsOfRotate), s.rotateSecret)
	door.Write(d, api.OpCancelRotateSecret, onSecret("CancelRotateSecret", func(in *api.CancelRotateSecretRequest) *string { return in.SecretId }), s.cancelRotation)
}

func (s *Service) registerPolicies(d *door.Door) {
	door.Read(d, api.OpGetResourcePolicy, onSecret("GetResourcePolicy", func(in *api.GetResourcePolicyRequest) *string { return in.SecretId }), s.getPolicy)
	door.Write(d, api.OpPutResourcePolicy, onSecret("PutResourcePolicy", func(in *api.PutResourcePolicyRequest) *string { return in.SecretId },
		func(in *api.PutResourcePolicyRequest, context policy.MapContext) {
			flag(context, "secretsmanager:blockpublicpolicy", in.BlockPublicPolicy)
		}), s.putPolicy)
	door.Write(d, api.OpDeleteResourcePolicy, onSecret("DeleteResourcePolicy", func(in *api.DeleteResourcePolicyRequest) *string { return in.SecretId }), s.deletePolicy)
	door.Read(d, api.OpValidateResourcePolicy, door.Permission(needsOfValidate), s.validatePolicy)
}

func (s *Service) registerReplicas(d *door.Door) {
	door.Write(d, api.OpReplicateSecretToRegions, onSecret("ReplicateSecretToRegions", func(in *api.ReplicateSecretToRegionsRequest) *string { return in.SecretId },
		func(in *api.ReplicateSecretToRegionsRequest, context policy.MapContext) {
			addReplicas(context, in.AddReplicaRegions, in.ForceOverwriteReplicaSecret)
		}), s.replicate)
	door.Write(d, api.OpRemoveRegionsFromReplication, onSecret("RemoveRegionsFromReplication", func(in *api.RemoveRegionsFromReplicationRequest) *string { return in.SecretId }), s.removeRegions)
	door.Write(d, api.OpStopReplicationToReplica, onSecret("StopReplicationToReplica", func(in *api.StopReplicationToReplicaRequest) *string { return in.SecretId }), s.stopReplication)
}
