package kms

import (
	"context"
	"strings"
	"sync"
	"testing"

	api "cloister/internal/awsapi/kms"
	"cloister/internal/awsapi/secretsmanager"
	"cloister/internal/door"
	"cloister/internal/door/doortest"
	"cloister/policy"
)

const here = "123456789012"

// forward registers an operation of Secrets Manager that encrypts under the key
// that it is given, with its caller's session.
func (h *harness) forward() {
	door.Act(h.Door, secretsmanager.OpGetSecretValue, door.On("secretsmanager:GetSecretValue",
		func(*door.Call, *secretsmanager.GetSecretValueRequest) string { return "*" }),
		func(c *door.Call, in *secretsmanager.GetSecretValueRequest) (*secretsmanager.GetSecretValueResponse, error) {
			out, err := door.Do(c, h.Door, c.Principal, api.OpGenerateDataKey, &api.GenerateDataKeyRequest{KeyId: in.SecretId, KeySpec: ptr("AES_256")})
			if err != nil {
				return nil, err
			}
			return &secretsmanager.GetSecretValueResponse{SecretString: out.KeyId}, nil
		})
}

// The key that AWS manages for a service is made when the service first uses it,
// once, and is used by way of that service alone.
func TestManagedKeyByWayOfItsService(t *testing.T) {
	h := newHarness(t)
	h.forward()
	user := h.User("u", `{"Statement":{"Effect":"Allow","Action":"secretsmanager:*","Resource":"*"}}`)
	alias := ptr("alias/aws/secretsmanager")
	var group sync.WaitGroup
	ids := make([]string, 8)
	for i := range ids {
		group.Go(func() {
			out, err := try(h, user, secretsmanager.OpGetSecretValue, &secretsmanager.GetSecretValueRequest{SecretId: alias})
			if err != nil {
				t.Error(err)
				return
			}
			ids[i] = *out.SecretString
		})
	}
	group.Wait()
	for _, id := range ids {
		if id != ids[0] || !strings.HasPrefix(id, "arn:aws:kms:us-east-1:"+here+":key/") {
			t.Errorf("the key is %q and %q", ids[0], id)
		}
	}
	if keys := do(h, t, api.OpListKeys, &api.ListKeysRequest{}).Keys; len(keys) != 1 || h.wrappingKeys() != 1 {
		t.Errorf("%d keys and %d wrapping keys were made", len(keys), h.wrappingKeys())
	}
	for _, other := range []string{*alias, "alias/aws/ssm"} {
		_, err := try(h, user, api.OpGenerateDataKey, &api.GenerateDataKeyRequest{KeyId: &other, KeySpec: ptr("AES_256")})
		failsWith(t, err, "AccessDenied")
	}
	_, err := try(h, user, secretsmanager.OpGetSecretValue, &secretsmanager.GetSecretValueRequest{SecretId: ptr("alias/aws/ssm")})
	failsWith(t, err, "AccessDenied")
	// Another account's callers do not come in by way of the service either.
	foreign := &door.Principal{Principal: policy.Principal{Kind: policy.PrincipalRoot, ARN: "arn:aws:iam::210987654321:root", Account: "210987654321", UserID: "210987654321"}}
	_, err = try(h, foreign, secretsmanager.OpGetSecretValue, &secretsmanager.GetSecretValueRequest{SecretId: &ids[0]})
	failsWith(t, err, "AccessDenied")
}

// kms:ViaService tells a key used by way of a service from one used directly.
func TestViaService(t *testing.T) {
	h := newHarness(t)
	h.forward()
	id := h.key(&api.CreateKeyRequest{})
	user := h.User("u", `{"Statement":[{"Effect":"Allow","Action":"secretsmanager:*","Resource":"*"},
		{"Effect":"Allow","Action":"kms:*","Resource":"*","Condition":{"StringEquals":{"kms:ViaService":"secretsmanager.us-east-1.amazonaws.com","kms:CallerAccount":"`+here+`"}}}]}`)
	if _, err := try(h, user, secretsmanager.OpGetSecretValue, &secretsmanager.GetSecretValueRequest{SecretId: id}); err != nil {
		t.Error(err)
	}
	_, err := try(h, user, api.OpGenerateDataKey, &api.GenerateDataKeyRequest{KeyId: id, KeySpec: ptr("AES_256")})
	failsWith(t, err, "AccessDenied")
}

// kms:GrantIsForAWSResource lets a user make and revoke grants by way of a
// service, and none by itself.
func TestGrantIsForAWSResource(t *testing.T) {
	h := newHarness(t)
	id := h.key(&api.CreateKeyRequest{})
	grant := &api.CreateGrantRequest{KeyId: id, GranteePrincipal: ptr("logs.amazonaws.com"), Operations: []string{"Encrypt"}}
	door.Act(h.Door, secretsmanager.OpGetSecretValue, door.On("secretsmanager:GetSecretValue",
		func(*door.Call, *secretsmanager.GetSecretValueRequest) string { return "*" }),
		func(c *door.Call, in *secretsmanager.GetSecretValueRequest) (*secretsmanager.GetSecretValueResponse, error) {
			made, err := door.Do(c, h.Door, c.Principal, api.OpCreateGrant, grant)
			if err == nil {
				_, err = door.Do(c, h.Door, c.Principal, api.OpRevokeGrant, &api.RevokeGrantRequest{KeyId: id, GrantId: made.GrantId})
			}
			return &secretsmanager.GetSecretValueResponse{}, err
		})
	user := h.User("u", `{"Statement":[{"Effect":"Allow","Action":"secretsmanager:*","Resource":"*"},
		{"Effect":"Allow","Action":["kms:CreateGrant","kms:RevokeGrant"],"Resource":"*","Condition":{"Bool":{"kms:GrantIsForAWSResource":"true"}}}]}`)
	if _, err := try(h, user, secretsmanager.OpGetSecretValue, &secretsmanager.GetSecretValueRequest{SecretId: ptr("s")}); err != nil {
		t.Error(err)
	}
	_, err := try(h, user, api.OpCreateGrant, grant)
	failsWith(t, err, "AccessDenied")
	made := do(h, t, api.OpCreateGrant, grant)
	_, err = try(h, user, api.OpRevokeGrant, &api.RevokeGrantRequest{KeyId: id, GrantId: made.GrantId})
	failsWith(t, err, "AccessDenied")
}

// A service in its own name gets as far as the key's policy or a grant lets it,
// for the source that they name.
func TestServicePrincipals(t *testing.T) {
	h := newHarness(t)
	text := `{"Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::` + here + `:root"},"Action":"kms:*","Resource":"*"},
		{"Effect":"Allow","Principal":{"Service":"logs.amazonaws.com"},"Action":"kms:Encrypt","Resource":"*","Condition":{"ArnLike":{"aws:SourceArn":"arn:aws:logs:*:` + here + `:log-group:a"}}}]}`
	id := h.key(&api.CreateKeyRequest{Policy: &text})
	in := &api.EncryptRequest{KeyId: id, Plaintext: []byte("x")}
	logs := func(group string) *door.Principal {
		return door.ServicePrincipal("logs.amazonaws.com", "arn:aws:logs:us-east-1:"+here+":log-group:"+group, here)
	}
	if _, err := try(h, logs("a"), api.OpEncrypt, in); err != nil {
		t.Error(err)
	}
	_, err := try(h, logs("b"), api.OpEncrypt, in)
	failsWith(t, err, "AccessDenied")
	do(h, t, api.OpCreateGrant, &api.CreateGrantRequest{KeyId: id, GranteePrincipal: ptr("logs.amazonaws.com"), Operations: []string{"Encrypt"}})
	if _, err := try(h, logs("b"), api.OpEncrypt, in); err != nil {
		t.Error(err)
	}
	_, err = try(h, door.ServicePrincipal("events.amazonaws.com", "", here), api.OpEncrypt, in)
	failsWith(t, err, "AccessDenied")
}

// Another account needs both sides: the key's policy or a grant, and its own
// policies. What AWS keeps to the key's own account no policy gives away.
func TestOtherAccounts(t *testing.T) {
	h := newHarness(t)
	const there = "210987654321"
	text := `{"Statement":[{"Effect":"Allow","Principal":{"AWS":["arn:aws:iam::` + here + `:root","arn:aws:iam::` + there + `:root"]},"Action":"kms:*","Resource":"*"}]}`
	shared, own := h.key(&api.CreateKeyRequest{Policy: &text}), h.key(&api.CreateKeyRequest{})
	foreigner := func(name, actions string) *door.Principal {
		p := &door.Principal{Name: name, Principal: policy.Principal{Kind: policy.PrincipalUser, ARN: "arn:aws:iam::" + there + ":user/" + name, Account: there, UserID: doortest.UniqueID("AIDA", name)}}
		compiled, err := policy.Parse(policy.KindIdentity, []byte(`{"Statement":{"Effect":"Allow","Action":"`+actions+`","Resource":"*"}}`))
		if err != nil {
			t.Fatal(err)
		}
		h.Users.Set(p, &policy.Policies{Identity: []policy.Named{{Name: "p", Policy: compiled}}})
		return p
	}
	able, unable := foreigner("able", "kms:*"), foreigner("unable", "s3:*")
	arn := func(id *string) *string { return ptr("arn:aws:kms:us-east-1:" + here + ":key/" + *id) }
	encrypt := func(p *door.Principal, id *string) error {
		_, err := try(h, p, api.OpEncrypt, &api.EncryptRequest{KeyId: id, Plaintext: []byte("x")})
		return err
	}
	if err := encrypt(able, arn(shared)); err != nil {
		t.Error(err)
	}
	failsWith(t, encrypt(unable, arn(shared)), "AccessDenied")
	failsWith(t, encrypt(able, arn(own)), "AccessDenied")
	failsWith(t, encrypt(able, own), "NotFoundException") // an id is of one's own account
	do(h, t, api.OpCreateGrant, &api.CreateGrantRequest{KeyId: own, GranteePrincipal: &able.ARN, Operations: []string{"Encrypt", "Decrypt"}})
	if err := encrypt(able, arn(own)); err != nil {
		t.Error(err)
	}
	blob := do(h, t, api.OpEncrypt, &api.EncryptRequest{KeyId: own, Plaintext: []byte("x")}).CiphertextBlob
	if _, err := try(h, able, api.OpDecrypt, &api.DecryptRequest{CiphertextBlob: blob}); err != nil {
		t.Error(err)
	}
	_, err := try(h, able, api.OpScheduleKeyDeletion, &api.ScheduleKeyDeletionRequest{KeyId: arn(shared)})
	failsWith(t, err, "AccessDenied")
	_, err = try(h, able, api.OpPutKeyPolicy, &api.PutKeyPolicyRequest{KeyId: arn(shared), Policy: &text})
	failsWith(t, err, "AccessDenied")
	_, err = try(h, able, api.OpDescribeKey, &api.DescribeKeyRequest{KeyId: ptr("arn:aws:kms:us-east-1:" + here + ":alias/aws/lambda")})
	failsWith(t, err, "AccessDenied")
}

// What was taken away counts as soon as it is acknowledged, however much was
// remembered: while others use the key all the time, no call that begins after
// the change is let through.
func TestRevocationIsImmediate(t *testing.T) {
	h := newHarness(t)
	id := h.key(&api.CreateKeyRequest{})
	bob := h.User("bob")
	blob := do(h, t, api.OpEncrypt, &api.EncryptRequest{KeyId: id, Plaintext: []byte("x")}).CiphertextBlob
	stop, group := make(chan struct{}), sync.WaitGroup{}
	defer group.Wait()
	defer close(stop)
	for range 3 {
		group.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					_, _ = door.Do(context.Background(), h.Door, bob, api.OpDecrypt, &api.DecryptRequest{CiphertextBlob: blob})
				}
			}
		})
	}
	decrypts := func(p *door.Principal, want string) {
		t.Helper()
		_, err := try(h, p, api.OpDecrypt, &api.DecryptRequest{CiphertextBlob: blob})
		if code(err) != want {
			t.Fatalf("%v, not %q", err, want)
		}
	}
	for range 20 {
		decrypts(bob, "AccessDenied")
		out := do(h, t, api.OpCreateGrant, &api.CreateGrantRequest{KeyId: id, GranteePrincipal: &bob.ARN, Operations: []string{"Decrypt"}})
		decrypts(bob, "")
		do(h, t, api.OpDisableKey, &api.DisableKeyRequest{KeyId: id})
		decrypts(bob, "DisabledException")
		do(h, t, api.OpEnableKey, &api.EnableKeyRequest{KeyId: id})
		decrypts(bob, "")
		do(h, t, api.OpRevokeGrant, &api.RevokeGrantRequest{KeyId: id, GrantId: out.GrantId})
	}
}

// An alias that is moved is moved for the next call, and a call acts on the key
// that it was allowed to use.
func TestAliasMovesAtOnce(t *testing.T) {
	h := newHarness(t)
	a, b := h.key(&api.CreateKeyRequest{}), h.key(&api.CreateKeyRequest{})
	alias := ptr("alias/app")
	do(h, t, api.OpCreateAlias, &api.CreateAliasRequest{AliasName: alias, TargetKeyId: a})
	user := h.User("u", `{"Statement":{"Effect":"Allow","Action":"kms:Encrypt","Resource":"arn:aws:kms:us-east-1:`+here+`:key/`+*a+`"}}`)
	for range 10 {
		out, err := try(h, user, api.OpEncrypt, &api.EncryptRequest{KeyId: alias, Plaintext: []byte("x")})
		if err != nil || !strings.HasSuffix(*out.KeyId, *a) {
			t.Fatal(out, err)
		}
		do(h, t, api.OpUpdateAlias, &api.UpdateAliasRequest{AliasName: alias, TargetKeyId: b})
		_, err = try(h, user, api.OpEncrypt, &api.EncryptRequest{KeyId: alias, Plaintext: []byte("x")})
		failsWith(t, err, "AccessDenied")
		do(h, t, api.OpUpdateAlias, &api.UpdateAliasRequest{AliasName: alias, TargetKeyId: a})
	}
}

// What is wrong with a request is wrong with the first one, too, which would
// make a key managed by AWS.
func TestFirstUseOfAManagedKeyIsChecked(t *testing.T) {
	h := newHarness(t)
	ssm := door.ServicePrincipal("ssm.amazonaws.com", "", here)
	in := &api.EncryptRequest{KeyId: ptr("alias/aws/ssm"), Plaintext: []byte("x"), EncryptionContext: map[string]string{"a": "1", "A": "2"}}
	_, err := try(h, ssm, api.OpEncrypt, in)
	failsWith(t, err, "ValidationException")
	_, err = try(h, ssm, api.OpEncrypt, &api.EncryptRequest{KeyId: in.KeyId, Plaintext: []byte("x"), GrantTokens: []string{"bm9uZQ=="}})
	failsWith(t, err, "InvalidGrantTokenException")
	if n := h.wrappingKeys(); n != 0 {
		t.Errorf("%d keys were made", n)
	}
	in.EncryptionContext = map[string]string{"a": "1"}
	_, err = try(h, ssm, api.OpEncrypt, in)
	passes(t, err)
}
