package iam

import (
	"context"
	"testing"
	"time"

	api "cloister/internal/awsapi/iam"
	"cloister/internal/door/session"
)

func TestLastUseIsAnsweredBeforeAndAfterItIsWritten(t *testing.T) {
	h := newHarness(t)
	key := h.newUser("alice")
	at := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	ask := func() *api.AccessKeyLastUsed {
		return do(h, h.root(), api.OpGetAccessKeyLastUsed, &api.GetAccessKeyLastUsedRequest{AccessKeyId: key.AccessKeyId}).AccessKeyLastUsed
	}
	want := func(when string) {
		t.Helper()
		if got := ask(); got.LastUsedDate == nil || !got.LastUsedDate.Equal(at) || *got.ServiceName != "lambda" || *got.Region != "eu-west-1" {
			t.Errorf("%s: %+v", when, got)
		}
	}
	h.iam.Used(*key.AccessKeyId, "s3", "us-east-1", at.Add(-time.Minute))
	h.iam.Used(*key.AccessKeyId, "lambda", "eu-west-1", at.Add(time.Millisecond))
	want("in memory")
	h.must(h.iam.flush(context.Background()))
	if len(h.iam.uses.pending) != 0 {
		t.Error("what was written is still pending")
	}
	want("written")
	do(h, h.root(), api.OpDeleteAccessKey, &api.DeleteAccessKeyRequest{UserName: key.UserName, AccessKeyId: key.AccessKeyId})
	h.iam.Used(*key.AccessKeyId, "lambda", "eu-west-1", at)
	h.must(h.iam.flush(context.Background())) // Check finds it if the use of a deleted key is kept
}

func TestUsesAreBoundedAndOnlyOfLongTermKeys(t *testing.T) {
	h := newHarness(t)
	id, _ := session.NewAccessKey(session.TemporaryPrefix)
	h.iam.Used(id, "lambda", "us-east-1", time.Now())
	if len(h.iam.uses.pending) != 0 {
		t.Error("the use of a temporary key is kept")
	}
	for range maxUses + 10 {
		id, _ := session.NewAccessKey(session.LongTermPrefix)
		h.iam.Used(id, "lambda", "us-east-1", time.Now())
	}
	if len(h.iam.uses.pending) != maxUses {
		t.Errorf("%d uses are pending", len(h.iam.uses.pending))
	}
}

func TestRunWritesUsesDownWhenItEnds(t *testing.T) {
	h := newHarness(t)
	key := h.newUser("alice")
	ctx, cancel := context.WithCancel(context.Background())
	h.iam.Used(*key.AccessKeyId, "lambda", "us-east-1", time.Now())
	cancel()
	h.iam.Run(ctx)
	if len(h.iam.uses.pending) != 0 {
		t.Error("a use is lost when the node stops")
	}
}
