package logs

import (
	"bytes"
	"context"
	"crypto/rand"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"cloister/internal/awsapi"
	kmsapi "cloister/internal/awsapi/kms"
	api "cloister/internal/awsapi/logs"
	"cloister/internal/door"
	"cloister/internal/store"
)

const customerKey = "arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"

// fakeKMS has one key that is for CloudWatch Logs and a group, and counts.
type fakeKMS struct {
	mu              sync.Mutex
	off             bool
	made, unwrapped int
	keys            map[string][]byte
}

func (k *fakeKMS) register(d *door.Door) {
	door.Act(d, kmsapi.OpGenerateDataKey, door.SignedOnly[kmsapi.GenerateDataKeyRequest](), k.generate)
	door.Act(d, kmsapi.OpDecrypt, door.SignedOnly[kmsapi.DecryptRequest](), k.decrypt)
}

func (k *fakeKMS) check(c *door.Call, key string, with map[string]string) error {
	switch {
	case k.off:
		return awsapi.Errorf("DisabledException", "%s is disabled.", key)
	case key != customerKey || c.Principal.Service != "logs.us-east-1.amazonaws.com" || with["aws:logs:arn"] != "arn:aws:logs:us-east-1:123456789012:log-group:g":
		return awsapi.Errorf("AccessDenied", "no")
	}
	return nil
}

func (k *fakeKMS) generate(c *door.Call, in *kmsapi.GenerateDataKeyRequest) (*kmsapi.GenerateDataKeyResponse, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := k.check(c, *in.KeyId, in.EncryptionContext); err != nil {
		return nil, err
	}
	k.made++
	key := make([]byte, 32)
	_, _ = rand.Read(key)
	id := bytes.Repeat([]byte{byte(k.made)}, 8)
	k.keys[string(id)] = bytes.Clone(key)
	return &kmsapi.GenerateDataKeyResponse{KeyId: in.KeyId, Plaintext: key, CiphertextBlob: id}, nil
}

func (k *fakeKMS) decrypt(c *door.Call, in *kmsapi.DecryptRequest) (*kmsapi.DecryptResponse, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := k.check(c, *in.KeyId, in.EncryptionContext); err != nil {
		return nil, err
	}
	k.unwrapped++
	return &kmsapi.DecryptResponse{KeyId: in.KeyId, Plaintext: bytes.Clone(k.keys[string(in.CiphertextBlob)])}, nil
}

// keyed is a harness with a stream s in a group g under the customer's key.
func keyed(t *testing.T) (*harness, *fakeKMS) {
	t.Helper()
	h, k := newHarness(t, &kmsapi.Service), &fakeKMS{keys: map[string][]byte{}}
	k.register(h.Door)
	do(h, t, api.OpCreateLogGroup, &api.CreateLogGroupRequest{LogGroupName: ptr("g"), KmsKeyId: ptr(customerKey)})
	do(h, t, api.OpCreateLogStream, &api.CreateLogStreamRequest{LogGroupName: ptr("g"), LogStreamName: ptr("s")})
	return h, k
}

func (h *harness) say(t *testing.T, message string) error {
	t.Helper()
	_, err := try(h, api.OpPutLogEvents, &api.PutLogEventsRequest{
		LogGroupName: ptr("g"), LogStreamName: ptr("s"), LogEvents: []*api.InputLogEvent{{Timestamp: ptr(h.now.UnixMilli()), Message: &message}},
	})
	return err
}

// said is all that the stream holds, by both ways of reading.
func (h *harness) said(t *testing.T) (string, error) {
	t.Helper()
	out, err := try(h, api.OpGetLogEvents, &api.GetLogEventsRequest{LogGroupName: ptr("g"), LogStreamName: ptr("s")})
	if err != nil {
		return "", err
	}
	filtered, err := try(h, api.OpFilterLogEvents, &api.FilterLogEventsRequest{LogGroupName: ptr("g")})
	if err != nil {
		return "", err
	}
	var got, again []string
	for i, e := range out.Events {
		got, again = append(got, *e.Message), append(again, *filtered.Events[i].Message)
	}
	if strings.Join(got, " ") != strings.Join(again, " ") {
		t.Errorf("GetLogEvents gives %v and FilterLogEvents %v", got, again)
	}
	return strings.Join(got, " "), nil
}

func (h *harness) expect(t *testing.T, want string) {
	t.Helper()
	if got, err := h.said(t); err != nil || got != want {
		t.Errorf("the stream holds %q, %v; want %q", got, err, want)
	}
}

func TestAGroupUnderACustomersKey(t *testing.T) {
	h, k := keyed(t)
	for _, word := range []string{"one", "two"} {
		if err := h.say(t, word); err != nil {
			t.Fatal(err)
		}
	}
	h.expect(t, "one two")
	if k.made != 1 || k.unwrapped != 0 {
		t.Errorf("%d data keys were made and %d opened", k.made, k.unwrapped)
	}
	err := h.DB.View(context.Background(), func(r store.Reader) error {
		for item, err := range chunks.Scan(r, nil, nil) {
			if err != nil {
				return err
			}
			if c := item.Value; len(c.Events) > 0 || bytes.Contains(c.Sealed, []byte("one")) || bytes.Contains(c.Sealed, []byte("two")) {
				t.Error("a chunk is legible without the customer's key")
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	groups := do(h, t, api.OpDescribeLogGroups, &api.DescribeLogGroupsRequest{}).LogGroups
	if len(groups) != 1 || groups[0].KmsKeyId == nil || *groups[0].KmsKeyId != customerKey {
		t.Errorf("described as %+v", groups)
	}

	// Without the key from now on; what was put stays readable with it.
	do(h, t, api.OpDisassociateKmsKey, &api.DisassociateKmsKeyRequest{LogGroupName: ptr("g")})
	if err := h.say(t, "three"); err != nil {
		t.Fatal(err)
	}
	h.expect(t, "one two three")
	do(h, t, api.OpAssociateKmsKey, &api.AssociateKmsKeyRequest{ResourceIdentifier: ptr("arn:aws:logs:us-east-1:123456789012:log-group:g"), KmsKeyId: ptr(customerKey)})
	if err := h.say(t, "four"); err != nil {
		t.Fatal(err)
	}
	h.expect(t, "one two three four")
	do(h, t, api.OpDeleteLogGroup, &api.DeleteLogGroupRequest{LogGroupName: ptr("g")})
	err = h.DB.View(context.Background(), func(r store.Reader) error {
		for range dataKeys.Scan(r, nil, nil) {
			t.Error("a data key outlives its group")
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

const refusedKey = "InvalidParameterException: The specified KMS key does not exist or is not allowed to be used with LogGroup 'arn:aws:logs:us-east-1:123456789012:log-group:g'"

// A key that is disabled is noticed as soon as what was opened is forgotten, and
// then nothing is read or put.
func TestADisabledKeyTakesTheLogAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, k := keyed(t)
		if err := h.say(t, "one"); err != nil {
			t.Fatal(err)
		}
		k.off = true
		time.Sleep(keyLife + time.Second)
		if _, err := h.said(t); err == nil || err.Error() != refusedKey {
			t.Errorf("read: %v", err)
		}
		if err := h.say(t, "two"); err == nil || err.Error() != refusedKey {
			t.Errorf("put: %v", err)
		}
		k.off = false
		if err := h.say(t, "three"); err != nil {
			t.Fatal(err)
		}
		h.expect(t, "one three")
		if k.made != 1 || k.unwrapped != 1 {
			t.Errorf("%d data keys were made and %d opened", k.made, k.unwrapped)
		}
	})
}

func TestADataKeyIsNotUsedForEver(t *testing.T) {
	h, k := keyed(t)
	for _, word := range []string{"one", "two"} {
		if err := h.say(t, word); err != nil {
			t.Fatal(err)
		}
		h.now = h.now.Add(keyAge)
	}
	h.expect(t, "one two")
	if k.made != 2 {
		t.Errorf("%d data keys were made", k.made)
	}
}

// A key that is gone takes away what is under it and nothing else, and asking
// for the same key again and again leaves no more data keys than one.
func TestTheKeysOfAGroup(t *testing.T) {
	h, k := keyed(t)
	if err := h.say(t, "old"); err != nil {
		t.Fatal(err)
	}
	for range 5 {
		do(h, t, api.OpAssociateKmsKey, &api.AssociateKmsKeyRequest{LogGroupName: ptr("g"), KmsKeyId: ptr(customerKey)})
	}
	rows := 0
	err := h.DB.View(context.Background(), func(r store.Reader) error {
		for range dataKeys.Scan(r, nil, nil) {
			rows++
		}
		return nil
	})
	if err != nil || rows != 1 {
		t.Errorf("%d data keys, %v", rows, err)
	}
	do(h, t, api.OpDisassociateKmsKey, &api.DisassociateKmsKeyRequest{LogGroupName: ptr("g")})
	h.now = h.now.Add(time.Hour)
	if err := h.say(t, "new"); err != nil {
		t.Fatal(err)
	}
	k.off = true
	h.service.keys.open = nil
	out, err := try(h, api.OpGetLogEvents, &api.GetLogEventsRequest{LogGroupName: ptr("g"), LogStreamName: ptr("s"), StartTime: ptr(h.now.UnixMilli())})
	if err != nil || len(out.Events) != 1 || *out.Events[0].Message != "new" {
		t.Errorf("what is under no key: %v, %v", out, err)
	}
	if _, err := h.said(t); err == nil || err.Error() != refusedKey {
		t.Errorf("what is under the key: %v", err)
	}
}

func TestAKeyThatCannotBeUsedIsRefused(t *testing.T) {
	h, k := keyed(t)
	k.off = true
	for name, err := range map[string]error{
		"associate": call(h, h.root, api.OpAssociateKmsKey, &api.AssociateKmsKeyRequest{LogGroupName: ptr("g"), KmsKeyId: ptr(customerKey)})(),
		"create":    call(h, h.root, api.OpCreateLogGroup, &api.CreateLogGroupRequest{LogGroupName: ptr("g"), KmsKeyId: ptr(customerKey)})(),
	} {
		if err == nil || err.Error() != refusedKey {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, in := range map[string]*api.AssociateKmsKeyRequest{
		"both names":    {LogGroupName: ptr("g"), ResourceIdentifier: ptr("arn:aws:logs:us-east-1:123456789012:log-group:g"), KmsKeyId: ptr(customerKey)},
		"no name":       {KmsKeyId: ptr(customerKey)},
		"missing group": {LogGroupName: ptr("missing"), KmsKeyId: ptr(customerKey)},
	} {
		if err := call(h, h.root, api.OpAssociateKmsKey, in)(); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}
