package lambda

import (
	"context"
	"fmt"
	"sync"
	"testing"

	api "cloister/internal/awsapi/lambda"
	"cloister/internal/service/lambda/invoke"
)

// A change is what the next invocation sees as soon as it was acknowledged,
// whoever else fills the cache meanwhile.
func TestAChangeIsTheNextInvocations(t *testing.T) {
	h := newHarness(t)
	h.create("f", "one")
	stop := make(chan struct{})
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					_, err := h.lambda.targets.get(context.Background(), ref{Account: "123456789012", Region: "us-east-1", Name: "f"})
					if err != nil {
						t.Error(err)
						return
					}
				}
			}
		})
	}
	for i := range 50 {
		handler := fmt.Sprintf("m.f%d", i)
		_, err := do(h, h.Root(), api.OpUpdateFunctionConfiguration, &api.UpdateFunctionConfigurationRequest{FunctionName: ptr("f"), Handler: ptr(handler)})
		h.must(err)
		if got := h.invoked(t, "f").Handler; got != handler {
			t.Fatalf("after the handler became %s an invocation ran %s", handler, got)
		}
	}
	close(stop)
	readers.Wait()
}

// invoked invokes a function and returns what the data plane was given.
func (h *harness) invoked(t *testing.T, name string) *invoke.Function {
	t.Helper()
	_, err := do(h, h.Root(), api.OpInvoke, &api.InvocationRequest{FunctionName: ptr(name)})
	h.must(err)
	return h.fleet.last().fn
}

func TestEverythingThatATargetIsMadeOfCounts(t *testing.T) {
	h := newHarness(t)
	h.create("f", "one")
	_, err := do(h, h.Root(), api.OpPublishVersion, &api.PublishVersionRequest{FunctionName: ptr("f")})
	h.must(err)
	_, err = do(h, h.Root(), api.OpCreateAlias, &api.CreateAliasRequest{FunctionName: ptr("f"), Name: ptr("live"), FunctionVersion: ptr("$LATEST")})
	h.must(err)
	if got := h.invoked(t, "f:live").Version; got != "$LATEST" {
		t.Errorf("the alias runs %s", got)
	}
	_, err = do(h, h.Root(), api.OpUpdateAlias, &api.UpdateAliasRequest{FunctionName: ptr("f"), Name: ptr("live"), FunctionVersion: ptr("1")})
	h.must(err)
	if got := h.invoked(t, "f:live").Version; got != "1" {
		t.Errorf("after it was pointed to 1 the alias runs %s", got)
	}
	_, err = do(h, h.Root(), api.OpPutFunctionConcurrency, &api.PutFunctionConcurrencyRequest{FunctionName: ptr("f"), ReservedConcurrentExecutions: ptr(int64(7))})
	h.must(err)
	if got := h.invoked(t, "f:live").Reserved; got != 7 {
		t.Errorf("after 7 were reserved the data plane is told %d", got)
	}
	_, err = do(h, h.Root(), api.OpDeleteAlias, &api.DeleteAliasRequest{FunctionName: ptr("f"), Name: ptr("live")})
	h.must(err)
	_, err = do(h, h.Root(), api.OpInvoke, &api.InvocationRequest{FunctionName: ptr("f:live")})
	if !coded(err, "ResourceNotFoundException") {
		t.Errorf("after it was deleted the alias answers %v", err)
	}
}

// Whose permission is taken away is refused the next invocation.
func TestARevokedPermissionIsGone(t *testing.T) {
	h := newHarness(t)
	h.create("f", "one")
	arn := "arn:aws:lambda:us-east-1:123456789012:function:f"
	try := func() error {
		_, err := do(h, h.other(), api.OpInvoke, &api.InvocationRequest{FunctionName: ptr(arn)})
		return err
	}
	for range 10 {
		_, err := do(h, h.Root(), api.OpAddPermission, &api.AddPermissionRequest{FunctionName: ptr("f"), StatementId: ptr("s"), Action: ptr("lambda:InvokeFunction"), Principal: ptr(otherAccount)})
		h.must(err)
		h.must(try())
		_, err = do(h, h.Root(), api.OpRemovePermission, &api.RemovePermissionRequest{FunctionName: ptr("f"), StatementId: ptr("s")})
		h.must(err)
		if err := try(); !coded(err, "AccessDenied") {
			t.Fatalf("after its permission was removed the other account's call ended with %v", err)
		}
	}
}

func TestCellsOfWhatChangedAreRetired(t *testing.T) {
	h := newHarness(t)
	revision := val(h.create("f", "one").RevisionId)
	if got := <-h.fleet.retired; got != "f $LATEST "+revision {
		t.Errorf("creation retired %q", got)
	}
	out, err := do(h, h.Root(), api.OpUpdateFunctionCode, &api.UpdateFunctionCodeRequest{FunctionName: ptr("f"), ZipFile: zipOf("two")})
	h.must(err)
	if got := <-h.fleet.retired; got != "f $LATEST "+val(out.RevisionId) {
		t.Errorf("an update retired %q", got)
	}
	_, err = do(h, h.Root(), api.OpDeleteFunction, &api.DeleteFunctionRequest{FunctionName: ptr("f")})
	h.must(err)
	got := map[string]bool{<-h.fleet.retired: true, <-h.fleet.retired: true}
	if !got["f  "] || !got["f $LATEST "] {
		t.Errorf("deletion retired %v", got)
	}
}

func TestTheCacheIsBounded(t *testing.T) {
	h := newHarness(t)
	h.create("f", "one")
	c := h.lambda.targets
	for i := range maxTargets {
		c.keep(ref{Name: fmt.Sprint(i)}, &target{}, c.generation.Load())
	}
	h.invoked(t, "f")
	if n := len(c.byAt); n > maxTargets {
		t.Errorf("%d targets are kept", n)
	}
}
