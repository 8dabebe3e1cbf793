package ssm

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"testing"
	"time"

	"cloister/internal/awsapi"
	kms "cloister/internal/awsapi/kms"
	sm "cloister/internal/awsapi/secretsmanager"
	api "cloister/internal/awsapi/ssm"
	"cloister/internal/door"
	"cloister/internal/door/doortest"
	"cloister/internal/store"
	"cloister/policy"
)

// start is the time at which every test begins.
var start = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

const anyVia = `{"Statement":{"Effect":"Allow","Principal":{"AWS":"*"},"Action":"kms:*","Resource":"*","Condition":{"StringEquals":{"kms:ViaService":"ssm.us-east-1.amazonaws.com"}}}}`

// harness is the service behind a real door, with a clock that only tests move
// and a KMS and a Secrets Manager of the tests. What is due is done when tests say so.
type harness struct {
	*doortest.Harness
	t       testing.TB
	service *Service
	root    *door.Principal

	mu     sync.Mutex
	time   time.Time
	broken bool // KMS's keys
}

func newHarness(t testing.TB) *harness {
	t.Helper()
	h := &harness{t: t, time: start}
	h.Harness = doortest.New(t, []*awsapi.Service{&api.Service, &kms.Service, &sm.Service}, func(_ *doortest.Harness, c *door.Config) {
		c.Now = h.now
	})
	h.root = h.Root()
	h.service = New(h.DB)
	h.service.now = h.now
	h.service.Register(h.Door)
	h.registerKMS()
	h.registerSecrets()
	t.Cleanup(func() { h.check(t) })
	return h
}

func (h *harness) now() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.time
}

func (h *harness) pass(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.time = h.time.Add(d)
}

// fataler is a testing.TB or a *rapid.T.
type fataler interface {
	Helper()
	Fatalf(format string, args ...any)
}

func (h *harness) check(t fataler) {
	t.Helper()
	if err := h.DB.View(context.Background(), h.service.Check); err != nil {
		t.Fatalf("check: %v", err)
	}
}

// sealedKey is the ciphertext of the tests' KMS.
type sealedKey struct {
	KeyID   string
	Context map[string]string
	Data    []byte
}

// registerKMS puts a KMS behind the door whose managed key is for everybody by
// way of the service, and whose others are for whom IAM lets use them.
func (h *harness) registerKMS() {
	need := func(c *door.Call, action, keyID string, context map[string]string) []door.Need {
		n := door.Need{Action: action, Resource: keyID, Context: policy.MapContext{}}
		if via := c.CalledVia(); len(via) > 0 && via[len(via)-1] == "ssm.amazonaws.com" {
			n.Context["kms:viaservice"] = []string{"ssm.us-east-1.amazonaws.com"}
		}
		for k, v := range context {
			n.Context["kms:encryptioncontext:"+lower(k)] = []string{v}
		}
		if keyID == managedKey {
			p, _ := policy.Parse(policy.KindResource, []byte(anyVia))
			n.Resource, n.ResourcePolicy = "arn:aws:kms:us-east-1:123456789012:key/managed", &policy.Named{Name: "managed", Policy: p}
		}
		return []door.Need{n}
	}
	door.Act(h.Door, kms.OpGenerateDataKey, door.Permission(func(c *door.Call, _ store.Reader, in *kms.GenerateDataKeyRequest) ([]door.Need, error) {
		return need(c, "kms:GenerateDataKey", *in.KeyId, in.EncryptionContext), nil
	}), func(c *door.Call, in *kms.GenerateDataKeyRequest) (*kms.GenerateDataKeyResponse, error) {
		if h.broken {
			return nil, awsapi.Errorf("DisabledException", "the key is disabled")
		}
		key := []byte("0123456789abcdef0123456789abcdef")
		blob, err := json.Marshal(sealedKey{*in.KeyId, in.EncryptionContext, key})
		return &kms.GenerateDataKeyResponse{CiphertextBlob: blob, Plaintext: append([]byte{}, key...), KeyId: in.KeyId}, err
	})
	door.Act(h.Door, kms.OpEncrypt, door.Permission(func(c *door.Call, _ store.Reader, in *kms.EncryptRequest) ([]door.Need, error) {
		return need(c, "kms:Encrypt", *in.KeyId, in.EncryptionContext), nil
	}), func(c *door.Call, in *kms.EncryptRequest) (*kms.EncryptResponse, error) {
		if h.broken {
			return nil, awsapi.Errorf("DisabledException", "the key is disabled")
		}
		blob, err := json.Marshal(sealedKey{*in.KeyId, in.EncryptionContext, in.Plaintext})
		return &kms.EncryptResponse{CiphertextBlob: blob, KeyId: in.KeyId}, err
	})
	door.Act(h.Door, kms.OpDecrypt, door.Permission(func(c *door.Call, _ store.Reader, in *kms.DecryptRequest) ([]door.Need, error) {
		var k sealedKey
		_ = json.Unmarshal(in.CiphertextBlob, &k)
		return need(c, "kms:Decrypt", k.KeyID, in.EncryptionContext), nil
	}), func(c *door.Call, in *kms.DecryptRequest) (*kms.DecryptResponse, error) {
		var k sealedKey
		if err := json.Unmarshal(in.CiphertextBlob, &k); err != nil || h.broken {
			return nil, awsapi.Errorf("DisabledException", "the key is disabled")
		}
		for name, v := range k.Context {
			if in.EncryptionContext[name] != v {
				return nil, awsapi.Errorf("InvalidCiphertextException", "another context")
			}
		}
		return &kms.DecryptResponse{Plaintext: k.Data, KeyId: &k.KeyID}, nil
	})
}

func lower(s string) string {
	b := []byte(s)
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}

// registerSecrets puts a Secrets Manager behind the door that has one secret.
func (h *harness) registerSecrets() {
	door.Act(h.Door, sm.OpGetSecretValue, door.On("secretsmanager:GetSecretValue", func(_ *door.Call, in *sm.GetSecretValueRequest) string {
		return "arn:aws:secretsmanager:us-east-1:123456789012:secret:" + *in.SecretId
	}), func(_ *door.Call, in *sm.GetSecretValueRequest) (*sm.GetSecretValueResponse, error) {
		if *in.SecretId != "app/db" {
			return nil, awsapi.Errorf("ResourceNotFoundException", "Secrets Manager can't find the specified secret.")
		}
		return &sm.GetSecretValueResponse{ARN: ptr("arn:aws:secretsmanager:us-east-1:123456789012:secret:app/db-abcdef"), SecretString: ptr("of Secrets Manager"), CreatedDate: &start}, nil
	})
}

func try[In, Out any](h *harness, who *door.Principal, op awsapi.Op[In, Out], in *In) (*Out, error) {
	return door.Do(context.Background(), h.Door, who, op, in)
}

func do[In, Out any](h *harness, t fataler, op awsapi.Op[In, Out], in *In) *Out {
	t.Helper()
	out, err := try(h, h.root, op, in)
	if err != nil {
		t.Fatalf("%s: %v", op, err)
	}
	return out
}

func wantCode(t testing.TB, err error, code string) {
	t.Helper()
	var e *awsapi.Error
	if !errors.As(err, &e) || e.Code != code {
		t.Errorf("want %s: %v", code, err)
	}
}
