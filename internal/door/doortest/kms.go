package doortest

import (
	"encoding/json"
	"strings"

	"cloister/internal/awsapi"
	"cloister/internal/awsapi/kms"
	"cloister/internal/door"
	"cloister/internal/store"
	"cloister/policy"
)

// KMS is a Key Management Service for tests of another service, which no test
// may import: the service's managed key is for everybody by way of the service,
// and other keys are for whom IAM lets use them. Its ciphertexts are legible.
type KMS struct {
	Broken bool // every key is disabled

	service string
	managed string
}

// NewKMS puts a KMS behind the harness's door, which must have been made for it
// (kms.Service). service is who calls it ("ssm"), managed the alias of its key.
func (h *Harness) NewKMS(service, managed string) *KMS {
	k := &KMS{service: service, managed: managed}
	door.Act(h.Door, kms.OpGenerateDataKey, door.Permission(func(c *door.Call, _ store.Reader, in *kms.GenerateDataKeyRequest) ([]door.Need, error) {
		return k.need(c, "kms:GenerateDataKey", *in.KeyId, in.EncryptionContext)
	}), k.generateDataKey)
	door.Act(h.Door, kms.OpEncrypt, door.Permission(func(c *door.Call, _ store.Reader, in *kms.EncryptRequest) ([]door.Need, error) {
		return k.need(c, "kms:Encrypt", *in.KeyId, in.EncryptionContext)
	}), k.encrypt)
	door.Act(h.Door, kms.OpDecrypt, door.Permission(func(c *door.Call, _ store.Reader, in *kms.DecryptRequest) ([]door.Need, error) {
		return k.need(c, "kms:Decrypt", KeyOf(in.CiphertextBlob), in.EncryptionContext)
	}), k.decrypt)
	return k
}

// sealedText is a ciphertext.
type sealedText struct {
	KeyID   string
	Context map[string]string
	Data    []byte
}

// KeyOf is the key that a ciphertext of a KMS of tests is under.
func KeyOf(ciphertext []byte) string {
	var sealed sealedText
	_ = json.Unmarshal(ciphertext, &sealed)
	return sealed.KeyID
}

func (k *KMS) need(c *door.Call, action, keyID string, context map[string]string) ([]door.Need, error) {
	n := door.Need{Action: action, Resource: keyID, Context: policy.MapContext{}}
	via := k.service + ".us-east-1.amazonaws.com"
	if services := c.CalledVia(); len(services) > 0 && services[len(services)-1] == k.service+".amazonaws.com" {
		n.Context["kms:viaservice"] = []string{via}
	}
	for name, value := range context {
		n.Context["kms:encryptioncontext:"+strings.ToLower(name)] = []string{value}
	}
	if keyID != k.managed {
		return []door.Need{n}, nil
	}
	p, err := policy.Parse(policy.KindResource, []byte(`{"Statement":{"Effect":"Allow","Principal":{"AWS":"*"},"Action":"kms:*","Resource":"*",
		"Condition":{"StringEquals":{"kms:ViaService":"`+via+`"}}}}`))
	n.Resource, n.ResourcePolicy = "arn:aws:kms:us-east-1:"+Account+":key/managed", &policy.Named{Name: "managed", Policy: p}
	return []door.Need{n}, err
}

func (k *KMS) usable() error {
	if k.Broken {
		return awsapi.Errorf("DisabledException", "the key is disabled")
	}
	return nil
}

func (k *KMS) generateDataKey(_ *door.Call, in *kms.GenerateDataKeyRequest) (*kms.GenerateDataKeyResponse, error) {
	if err := k.usable(); err != nil {
		return nil, err
	}
	key := []byte("0123456789abcdef0123456789abcdef")
	blob, err := json.Marshal(sealedText{*in.KeyId, in.EncryptionContext, key})
	return &kms.GenerateDataKeyResponse{CiphertextBlob: blob, Plaintext: key, KeyId: in.KeyId}, err
}

func (k *KMS) encrypt(_ *door.Call, in *kms.EncryptRequest) (*kms.EncryptResponse, error) {
	if err := k.usable(); err != nil {
		return nil, err
	}
	blob, err := json.Marshal(sealedText{*in.KeyId, in.EncryptionContext, in.Plaintext})
	return &kms.EncryptResponse{CiphertextBlob: blob, KeyId: in.KeyId}, err
}

func (k *KMS) decrypt(_ *door.Call, in *kms.DecryptRequest) (*kms.DecryptResponse, error) {
	var sealed sealedText
	if err := json.Unmarshal(in.CiphertextBlob, &sealed); err != nil {
		return nil, awsapi.Errorf("InvalidCiphertextException", "not a ciphertext")
	}
	if err := k.usable(); err != nil {
		return nil, err
	}
	for name, value := range sealed.Context {
		if in.EncryptionContext[name] != value {
			return nil, awsapi.Errorf("InvalidCiphertextException", "another context")
		}
	}
	return &kms.DecryptResponse{Plaintext: sealed.Data, KeyId: &sealed.KeyID}, nil
}
