package secretsmanager

import (
	"strings"
	"testing"

	kms "cloister/internal/awsapi/kms"
	api "cloister/internal/awsapi/secretsmanager"
	"cloister/policy"

	"cloister/internal/door"
	"cloister/internal/store"
)

const customerKey = "arn:aws:kms:us-east-1:123456789012:key/00000000-0000-0000-0000-000000000009"

func allow(action string, more ...string) string {
	return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"` + action + `","Resource":"*"` + strings.Join(more, "") + `}]}`
}

func create(h *harness, name, text string, change ...func(*api.CreateSecretRequest)) string {
	h.t.Helper()
	in := &api.CreateSecretRequest{Name: &name, SecretString: &text}
	for _, f := range change {
		f(in)
	}
	return *do(h, h.t, api.OpCreateSecret, in).ARN
}

func TestAValueTakesItsKey(t *testing.T) {
	h := newHarness(t)
	create(h, "managed", "x")
	arn := create(h, "customer", "y", func(in *api.CreateSecretRequest) { in.KmsKeyId = ptr(customerKey) })
	reader := h.User("reader", allow("secretsmanager:*"))
	if _, err := try(h, reader, api.OpGetSecretValue, &api.GetSecretValueRequest{SecretId: ptr("managed")}); err != nil {
		t.Errorf("by the managed key: %v", err)
	}
	_, err := try(h, reader, api.OpGetSecretValue, &api.GetSecretValueRequest{SecretId: ptr("customer")})
	wantCode(t, err, "AccessDenied")
	if err != nil && err.Error() != "AccessDenied: Access to KMS is not allowed" {
		t.Errorf("the refusal is %v", err)
	}
	for name, in := range map[string]*api.PutSecretValueRequest{
		"a value":                {SecretId: ptr("customer"), SecretString: ptr("z")},
		"the value, to probe it": {SecretId: ptr("customer"), SecretString: ptr("y"), ClientRequestToken: ptr(*do(h, t, api.OpGetSecretValue, &api.GetSecretValueRequest{SecretId: &arn}).VersionId)},
	} {
		if _, err = try(h, reader, api.OpPutSecretValue, in); err == nil {
			t.Errorf("%s was put without the key", name)
		}
	}
	_, err = try(h, reader, api.OpCreateSecret, &api.CreateSecretRequest{Name: ptr("other"), SecretString: ptr("z"), KmsKeyId: ptr(customerKey)})
	wantCode(t, err, "AccessDenied")
	_, err = try(h, reader, api.OpUpdateSecret, &api.UpdateSecretRequest{SecretId: ptr("customer"), KmsKeyId: ptr("")})
	wantCode(t, err, "AccessDenied")

	via := h.User("via", allow("secretsmanager:GetSecretValue"), allow("kms:Decrypt", `,"Condition":{"StringEquals":{"kms:ViaService":"secretsmanager.us-east-1.amazonaws.com","kms:EncryptionContext:SecretARN":"`+arn+`"}}`))
	got, err := try(h, via, api.OpGetSecretValue, &api.GetSecretValueRequest{SecretId: ptr("customer")})
	if err != nil || *got.SecretString != "y" {
		t.Errorf("by way of the service, for this secret: %v", err)
	}
	_, err = try(h, via, kms.OpDecrypt, &kms.DecryptRequest{CiphertextBlob: []byte(`{"KeyID":"` + customerKey + `"}`)})
	wantCode(t, err, "AccessDenied")
}

func TestABrokenKey(t *testing.T) {
	h := newHarness(t)
	create(h, "s", "x")
	h.kms.Broken = true
	_, err := try(h, h.root, api.OpGetSecretValue, &api.GetSecretValueRequest{SecretId: ptr("s")})
	wantCode(t, err, "DecryptionFailure")
	_, err = try(h, h.root, api.OpPutSecretValue, &api.PutSecretValueRequest{SecretId: ptr("s"), SecretString: ptr("y")})
	wantCode(t, err, "EncryptionFailure")
	_, err = try(h, h.root, api.OpCreateSecret, &api.CreateSecretRequest{Name: ptr("t"), SecretString: ptr("y")})
	wantCode(t, err, "EncryptionFailure")
	do(h, t, api.OpDeleteSecret, &api.DeleteSecretRequest{SecretId: ptr("s"), ForceDeleteWithoutRecovery: ptr(true)})
}

// A secret goes under another key with its versions that are in use; the caller
// must be able to read them.
func TestAnotherKey(t *testing.T) {
	h := newHarness(t)
	create(h, "s", "one")
	do(h, t, api.OpPutSecretValue, &api.PutSecretValueRequest{SecretId: ptr("s"), SecretString: ptr("two")})
	do(h, t, api.OpUpdateSecret, &api.UpdateSecretRequest{SecretId: ptr("s"), KmsKeyId: ptr(customerKey)})
	for stage, want := range map[string]string{current: "two", previous: "one"} {
		got := do(h, t, api.OpGetSecretValue, &api.GetSecretValueRequest{SecretId: ptr("s"), VersionStage: &stage})
		if *got.SecretString != want {
			t.Errorf("%s is %s", stage, *got.SecretString)
		}
		_, err := try(h, h.User("nokey", allow("secretsmanager:*")), api.OpGetSecretValue, &api.GetSecretValueRequest{SecretId: ptr("s"), VersionStage: &stage})
		wantCode(t, err, "AccessDenied")
	}
}

func TestPoliciesOfSecrets(t *testing.T) {
	h := newHarness(t)
	create(h, "blue", "x", func(in *api.CreateSecretRequest) { in.Tags = []*api.Tag{{Key: ptr("team"), Value: ptr("blue")}} })
	create(h, "red", "x", func(in *api.CreateSecretRequest) { in.Tags = []*api.Tag{{Key: ptr("team"), Value: ptr("red")}} })
	get := func(who *door.Principal, id string) error {
		_, err := try(h, who, api.OpGetSecretValue, &api.GetSecretValueRequest{SecretId: &id})
		return err
	}
	for _, key := range []string{"secretsmanager:ResourceTag/team", "aws:ResourceTag/team"} {
		byTag := h.User("bytag", allow("secretsmanager:GetSecretValue", `,"Condition":{"StringEquals":{"`+key+`":"blue"}}`))
		if err := get(byTag, "blue"); err != nil {
			t.Errorf("%s: %v", key, err)
		}
		wantCode(t, get(byTag, "red"), "AccessDenied")
	}
	onlyCurrent := h.User("current", allow("secretsmanager:GetSecretValue", `,"Condition":{"ForAnyValue:StringEquals":{"secretsmanager:VersionStage":"AWSCURRENT"}}`))
	if err := get(onlyCurrent, "blue"); err != nil {
		t.Error(err)
	}
	_, err := try(h, onlyCurrent, api.OpGetSecretValue, &api.GetSecretValueRequest{SecretId: ptr("blue"), VersionStage: ptr(previous)})
	wantCode(t, err, "AccessDenied")

	// What a secret's own policy gives, and takes; gone with it.
	nobody := h.User("nobody")
	wantCode(t, get(nobody, "blue"), "AccessDenied")
	wantCode(t, get(nobody, "nothing"), "AccessDenied")
	give := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"` + nobody.ARN + `"},"Action":"secretsmanager:GetSecretValue","Resource":"*"}]}`
	do(h, t, api.OpPutResourcePolicy, &api.PutResourcePolicyRequest{SecretId: ptr("blue"), ResourcePolicy: &give})
	if err := get(nobody, "blue"); err != nil {
		t.Errorf("by the secret's policy: %v", err)
	}
	wantCode(t, get(nobody, "red"), "AccessDenied")
	do(h, t, api.OpDeleteResourcePolicy, &api.DeleteResourcePolicyRequest{SecretId: ptr("blue")})
	wantCode(t, get(nobody, "blue"), "AccessDenied")
	deny := `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":"secretsmanager:GetSecretValue","Resource":"*","Condition":{"StringNotEquals":{"aws:PrincipalArn":"` + h.root.ARN + `"}}}]}`
	do(h, t, api.OpPutResourcePolicy, &api.PutResourcePolicyRequest{SecretId: ptr("red"), ResourcePolicy: &deny})
	wantCode(t, get(h.User("all", allow("*")), "red"), "AccessDenied")
	if err := get(h.root, "red"); err != nil {
		t.Error(err)
	}
}

// A denial names the secret as its caller did, and is the same where there is
// none.
func TestDenialsTellNothing(t *testing.T) {
	h := newHarness(t)
	create(h, "there", "x")
	nobody := h.User("nobody")
	message := func(id string) string {
		_, err := try(h, nobody, api.OpDescribeSecret, &api.DescribeSecretRequest{SecretId: &id})
		wantCode(t, err, "AccessDenied")
		return strings.ReplaceAll(err.Error(), id, "ID")
	}
	if a, b := message("there"), message("nowhere"); a != b {
		t.Errorf("of one that is there %q\nof one that is not %q", a, b)
	}
}

func TestCreateConditions(t *testing.T) {
	h := newHarness(t)
	who := h.User("maker", `{"Statement":[{"Effect":"Allow","Action":["secretsmanager:CreateSecret","secretsmanager:TagResource"],"Resource":"arn:aws:secretsmanager:*:*:secret:dev/*","Condition":{"StringEquals":{"aws:RequestTag/team":"blue"}}}]}`)
	make := func(name, team string) error {
		_, err := try(h, who, api.OpCreateSecret, &api.CreateSecretRequest{Name: &name, Tags: []*api.Tag{{Key: ptr("team"), Value: &team}}})
		return err
	}
	if err := make("dev/a", "blue"); err != nil {
		t.Error(err)
	}
	wantCode(t, make("dev/b", "red"), "AccessDenied")
	wantCode(t, make("prod/a", "blue"), "AccessDenied")
}

func TestBatchTakesEachSecretsPermission(t *testing.T) {
	h := newHarness(t)
	create(h, "a", "x")
	create(h, "b", "y")
	who := h.User("some", allow("secretsmanager:BatchGetSecretValue"), `{"Statement":{"Effect":"Allow","Action":"secretsmanager:GetSecretValue","Resource":"arn:aws:secretsmanager:*:*:secret:a-*"}}`)
	out, err := try(h, who, api.OpBatchGetSecretValue, &api.BatchGetSecretValueRequest{SecretIdList: []string{"a", "b"}})
	if err != nil || len(out.SecretValues) != 1 || len(out.Errors) != 1 || *out.Errors[0].ErrorCode != "AccessDeniedException" {
		t.Errorf("%v %+v", err, out)
	}
	_, err = try(h, h.User("one", allow("secretsmanager:GetSecretValue")), api.OpBatchGetSecretValue, &api.BatchGetSecretValueRequest{SecretIdList: []string{"a"}})
	wantCode(t, err, "AccessDenied")
}

// A name that ends like a suffix is not taken for another's ARN.
func TestNamesLikeARNs(t *testing.T) {
	h := newHarness(t)
	short := create(h, "db", "short")
	create(h, "db-abcdef", "long")
	get := func(id string) string {
		return *do(h, t, api.OpGetSecretValue, &api.GetSecretValueRequest{SecretId: &id}).SecretString
	}
	prefix := "arn:aws:secretsmanager:us-east-1:123456789012:secret:"
	for id, want := range map[string]string{"db": "short", short: "short", prefix + "db": "short", "db-abcdef": "long", prefix + "db-abcdef": "long"} {
		if got := get(id); got != want {
			t.Errorf("%s is %s", id, got)
		}
	}
}

func TestDescribeForExplanations(t *testing.T) {
	h := newHarness(t)
	arn := create(h, "s", "x", func(in *api.CreateSecretRequest) { in.Tags = []*api.Tag{{Key: ptr("team"), Value: ptr("blue")}} })
	need := &door.Need{Action: "secretsmanager:GetSecretValue", Resource: arn, Context: policy.MapContext{}}
	if err := h.DB.View(t.Context(), func(r store.Reader) error { return h.service.Describe(r, need) }); err != nil || need.Context["aws:resourcetag/team"][0] != "blue" {
		t.Errorf("%v %+v", err, need)
	}
	other := &door.Need{Resource: arn[:len(arn)-1] + "_"}
	if err := h.DB.View(t.Context(), func(r store.Reader) error { return h.service.Describe(r, other) }); err != nil || other.Context != nil {
		t.Errorf("%v %+v", err, other)
	}
}
