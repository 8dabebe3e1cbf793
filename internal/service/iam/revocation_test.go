package iam

import (
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/iam"
)

// While readers ask all the time, a permission is given and taken, each time in
// another way. A reader whose question began after a change was acknowledged,
// and ended before the next one was begun, must get the answer of that change.
func TestRevocationIsImmediateUnderConcurrentReaders(t *testing.T) {
	h := newHarness(t)
	key := h.newUser("alice")
	p := h.wantCredential("", *key.AccessKeyId, "").Principal
	root, name := h.root(), awsapi.Ptr("x")
	arn := awsapi.Ptr("arn:aws:iam::123456789012:policy/x")
	do(h, root, api.OpCreatePolicy, &api.CreatePolicyRequest{PolicyName: name, PolicyDocument: awsapi.Ptr(allowList)})
	do(h, root, api.OpCreateGroup, &api.CreateGroupRequest{GroupName: name})
	do(h, root, api.OpAttachGroupPolicy, &api.AttachGroupPolicyRequest{GroupName: name, PolicyArn: arn})

	changes := []struct{ give, take func() }{
		{
			func() {
				do(h, root, api.OpAttachUserPolicy, &api.AttachUserPolicyRequest{UserName: key.UserName, PolicyArn: arn})
			},
			func() {
				do(h, root, api.OpDetachUserPolicy, &api.DetachUserPolicyRequest{UserName: key.UserName, PolicyArn: arn})
			},
		},
		{
			func() {
				do(h, root, api.OpAddUserToGroup, &api.AddUserToGroupRequest{UserName: key.UserName, GroupName: name})
			},
			func() {
				do(h, root, api.OpRemoveUserFromGroup, &api.RemoveUserFromGroupRequest{UserName: key.UserName, GroupName: name})
			},
		},
		{
			func() {
				do(h, root, api.OpPutUserPolicy, &api.PutUserPolicyRequest{UserName: key.UserName, PolicyName: name, PolicyDocument: awsapi.Ptr(allowList)})
			},
			func() {
				do(h, root, api.OpPutUserPolicy, &api.PutUserPolicyRequest{UserName: key.UserName, PolicyName: name, PolicyDocument: awsapi.Ptr(denyList)})
				do(h, root, api.OpDeleteUserPolicy, &api.DeleteUserPolicyRequest{UserName: key.UserName, PolicyName: name})
			},
		},
	}

	// epoch is odd while a change is on its way; allowed is what the last
	// acknowledged change says.
	var epoch atomic.Uint64
	var allowed, stop atomic.Bool
	var wrong, checked atomic.Int64
	var readers sync.WaitGroup
	for range 4 {
		readers.Add(1)
		go func() {
			defer readers.Done()
			for !stop.Load() {
				before, want := epoch.Load(), allowed.Load()
				got := h.mayList(p)
				if before%2 == 0 && epoch.Load() == before {
					checked.Add(1)
					if got != want {
						wrong.Add(1)
					}
				}
			}
		}()
	}
	change := func(fn func(), may bool) {
		epoch.Add(1)
		fn()
		allowed.Store(may)
		epoch.Add(1)
		h.wantList(may, p, "as soon as the change is acknowledged")
		for before := checked.Load(); checked.Load() == before; { // on a busy machine the readers may not have had their turn
			runtime.Gosched()
		}
	}
	for range 8 {
		for _, c := range changes {
			change(c.give, true)
			change(c.take, false)
		}
	}
	stop.Store(true)
	readers.Wait()
	if wrong.Load() > 0 || checked.Load() == 0 {
		t.Errorf("%d of %d answers are those of before the change", wrong.Load(), checked.Load())
	}
}
