package kms

import (
	api "cloister/internal/awsapi/kms"
	"cloister/internal/door"
	"cloister/policy"
)

func (s *Service) registerKeys(d *door.Door) {
	door.Act(d, api.OpCreateKey, door.Permission(needsOfCreate), s.createKey)
	door.Act(d, api.OpDescribeKey, onUse(s, func(in *api.DescribeKeyRequest) use {
		return use{action: "DescribeKey", key: val(in.KeyId), tokens: in.GrantTokens}
	}), s.describeKey)
	door.Read(d, api.OpListKeys, door.On("kms:ListKeys", func(*door.Call, *api.ListKeysRequest) string { return "*" }), s.listKeys)
	door.Write(d, api.OpUpdateKeyDescription, onKey(s, "UpdateKeyDescription", func(in *api.UpdateKeyDescriptionRequest) *string { return in.KeyId }), s.updateDescription)
	door.Write(d, api.OpEnableKey, onKey(s, "EnableKey", func(in *api.EnableKeyRequest) *string { return in.KeyId }), s.enableKey)
	door.Write(d, api.OpDisableKey, onKey(s, "DisableKey", func(in *api.DisableKeyRequest) *string { return in.KeyId }), s.disableKey)
}

func (s *Service) registerAliases(d *door.Door) {
	door.Write(d, api.OpCreateAlias, door.Permission(s.needsOfCreateAlias), s.createAlias)
	door.Write(d, api.OpUpdateAlias, door.Permission(s.needsOfUpdateAlias), s.updateAlias)
	door.Write(d, api.OpDeleteAlias, door.Permission(s.needsOfDeleteAlias), s.deleteAlias)
	door.Read(d, api.OpListAliases, door.On("kms:ListAliases", func(*door.Call, *api.ListAliasesRequest) string { return "*" }), s.listAliases)
}

func (s *Service) registerPolicies(d *door.Door) {
	door.Read(d, api.OpGetKeyPolicy, onKey(s, "GetKeyPolicy", func(in *api.GetKeyPolicyRequest) *string { return in.KeyId }), s.getPolicy)
	door.Read(d, api.OpListKeyPolicies, onKey(s, "ListKeyPolicies", func(in *api.ListKeyPoliciesRequest) *string { return in.KeyId }), s.listPolicies)
	door.Write(d, api.OpPutKeyPolicy, onKey(s, "PutKeyPolicy", func(in *api.PutKeyPolicyRequest) *string { return in.KeyId },
		func(in *api.PutKeyPolicyRequest) policy.MapContext {
			return bypassKey(in.BypassPolicyLockoutSafetyCheck)
		}), s.putPolicy)
}

func (s *Service) registerEncryption(d *door.Door) {
	door.Act(d, api.OpEncrypt, onUse(s, func(in *api.EncryptRequest) use {
		return use{
			action: "Encrypt", key: val(in.KeyId), context: in.EncryptionContext, tokens: in.GrantTokens,
			asked: asked("kms:encryptionalgorithm", or(in.EncryptionAlgorithm, symmetric)),
		}
	}), s.encryptCall)
	door.Act(d, api.OpDecrypt, door.Permission(s.needsOfDecrypt), s.decryptCall)
	door.Act(d, api.OpReEncrypt, door.Permission(s.needsOfReEncrypt), s.reEncrypt)
}

func (s *Service) registerDataKeys(d *door.Door) {
	door.Act(d, api.OpGenerateDataKey, onUse(s, func(in *api.GenerateDataKeyRequest) use {
		return use{
			action: "GenerateDataKey", key: val(in.KeyId), context: in.EncryptionContext, tokens: in.GrantTokens,
			asked: asked("kms:encryptionalgorithm", symmetric),
		}
	}), s.generateDataKey)
	door.Act(d, api.OpGenerateDataKeyWithoutPlaintext, onUse(s, func(in *api.GenerateDataKeyWithoutPlaintextRequest) use {
		return use{
			action: "GenerateDataKeyWithoutPlaintext", key: val(in.KeyId), context: in.EncryptionContext, tokens: in.GrantTokens,
			asked: asked("kms:encryptionalgorithm", symmetric),
		}
	}), s.generateDataKeyWithoutPlaintext)
	door.Act(d, api.OpGenerateDataKeyPair, onUse(s, func(in *api.GenerateDataKeyPairRequest) use {
		return use{
			action: "GenerateDataKeyPair", key: val(in.KeyId), context: in.EncryptionContext, tokens: in.GrantTokens,
			asked: policy.MapContext{"kms:datakeypairspec": {val(in.KeyPairSpec)}, "kms:encryptionalgorithm": {symmetric}},
		}
	}), s.generateDataKeyPair)
	door.Act(d, api.OpGenerateDataKeyPairWithoutPlaintext, onUse(s, func(in *api.GenerateDataKeyPairWithoutPlaintextRequest) use {
		return use{
			action: "GenerateDataKeyPairWithoutPlaintext", key: val(in.KeyId), context: in.EncryptionContext, tokens: in.GrantTokens,
			asked: policy.MapContext{"kms:datakeypairspec": {val(in.KeyPairSpec)}, "kms:encryptionalgorithm": {symmetric}},
		}
	}), s.generateDataKeyPairWithoutPlaintext)
	door.Act(d, api.OpGenerateRandom, door.On("kms:GenerateRandom", func(*door.Call, *api.GenerateRandomRequest) string { return "*" }), s.generateRandom)
}

func (s *Service) registerAsymmetric(d *door.Door) {
	door.Act(d, api.OpSign, onUse(s, func(in *api.SignRequest) use {
		return signingUse("Sign", in.KeyId, in.SigningAlgorithm, in.MessageType, in.GrantTokens)
	}), s.sign)
	door.Act(d, api.OpVerify, onUse(s, func(in *api.VerifyRequest) use {
		return signingUse("Verify", in.KeyId, in.SigningAlgorithm, in.MessageType, in.GrantTokens)
	}), s.verify)
	door.Act(d, api.OpGetPublicKey, onUse(s, func(in *api.GetPublicKeyRequest) use {
		return use{action: "GetPublicKey", key: val(in.KeyId), tokens: in.GrantTokens}
	}), s.getPublicKey)
	door.Act(d, api.OpGenerateMac, onUse(s, func(in *api.GenerateMacRequest) use {
		return use{action: "GenerateMac", key: val(in.KeyId), tokens: in.GrantTokens, asked: asked("kms:macalgorithm", val(in.MacAlgorithm))}
	}), s.generateMAC)
	door.Act(d, api.OpVerifyMac, onUse(s, func(in *api.VerifyMacRequest) use {
		return use{action: "VerifyMac", key: val(in.KeyId), tokens: in.GrantTokens, asked: asked("kms:macalgorithm", val(in.MacAlgorithm))}
	}), s.verifyMAC)
	door.Act(d, api.OpDeriveSharedSecret, onUse(s, func(in *api.DeriveSharedSecretRequest) use {
		return use{action: "DeriveSharedSecret", key: val(in.KeyId), tokens: in.GrantTokens, asked: asked("kms:keyagreementalgorithm", val(in.KeyAgreementAlgorithm))}
	}), s.deriveSharedSecret)
}

// asked is a condition key of a request.
func asked(key, value string) policy.MapContext { return policy.MapContext{key: {value}} }
