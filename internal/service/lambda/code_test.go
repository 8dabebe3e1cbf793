package lambda

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	api "cloister/internal/awsapi/lambda"
	"cloister/internal/blob"
	"cloister/internal/service/lambda/codepkg"
	"cloister/internal/store"
)

// readable reports whether the code of a function can still be had.
func (h *harness) readable(name string) error {
	h.t.Helper()
	_, err := do(h, h.Root(), api.OpInvoke, &api.InvocationRequest{FunctionName: ptr(name)})
	h.must(err)
	r, err := h.lambda.OpenCode(context.Background(), h.fleet.last().fn.CodeID)
	if err == nil {
		err = r.Close()
	}
	return err
}

func TestCodeThatWasNotCommittedIsRemoved(t *testing.T) {
	h := newHarness(t)
	h.create("f", "one")
	h.blobs.uploaded = func(string) { // somebody deletes the function during the upload
		h.blobs.uploaded = nil
		_, err := do(h, h.Root(), api.OpDeleteFunction, &api.DeleteFunctionRequest{FunctionName: ptr("f")})
		h.must(err)
	}
	_, err := do(h, h.Root(), api.OpUpdateFunctionCode, &api.UpdateFunctionCodeRequest{FunctionName: ptr("f"), ZipFile: zipOf("two")})
	if !coded(err, "ResourceNotFoundException") {
		t.Fatalf("the update ended with %v", err)
	}
	if n := h.blobs.count(); n != 1 {
		t.Errorf("%d blobs are kept, want that of the deleted function, for its grace", n)
	}
}

// An error after a commit that took place must not take the code away.
func TestCodeThatWasCommittedStaysWhateverIsAnswered(t *testing.T) {
	h := newHarness(t)
	h.create("f", "one")
	lost := errors.New("the answer is lost")
	err := h.lambda.withCode(context.Background(), zipOf("two"), codeKey{}, func(code codeRef) error {
		h.must(h.DB.Update(context.Background(), func(tx *store.Tx) error {
			f := ref{Account: "123456789012", Region: "us-east-1", Name: "f"}
			v, err := latestOf(tx, f, nil)
			if err != nil {
				return err
			}
			v.Code = code
			return versions.Put(tx, f.key(int64(latest)), v)
		}))
		return lost
	})
	if !errors.Is(err, lost) {
		t.Fatal(err)
	}
	if err := h.readable("f"); err != nil {
		t.Errorf("the code of f: %v", err)
	}
}

func TestOrphansAreRemovedAtStart(t *testing.T) {
	h := newHarness(t)
	h.create("f", "one")
	orphan := blob.NewID()
	_, err := h.blobs.Put(context.Background(), orphan, strings.NewReader("x"))
	h.must(err)
	h.must(h.lambda.removeOrphans(context.Background()))
	if n := h.blobs.count(); n != 1 {
		t.Errorf("%d blobs are left, want 1", n)
	}
	h.must(h.readable("f"))
}

// What is being uploaded is no orphan, even if its commit comes while the
// orphans are looked for.
func TestAnUploadIsNoOrphan(t *testing.T) {
	h := newHarness(t)
	h.blobs.uploaded = func(string) { h.must(h.lambda.removeOrphans(context.Background())) }
	h.create("f", "one")
	h.must(h.readable("f"))
	h.must(h.lambda.removeOrphans(context.Background()))
	h.must(h.readable("f"))
}

// Replaced code goes after its grace; what a version or a function's layer
// still needs stays.
func TestReplacedCodeGoesWhenNothingNeedsIt(t *testing.T) {
	h := newHarness(t)
	l, err := do(h, h.Root(), api.OpPublishLayerVersion, &api.PublishLayerVersionRequest{LayerName: ptr("l"), Content: &api.LayerVersionContentInput{ZipFile: zipOf("layer")}})
	h.must(err)
	in := createRequest("f", "one")
	in.Layers, in.Publish = []string{*l.LayerVersionArn}, ptr(true)
	_, err = do(h, h.Root(), api.OpCreateFunction, in)
	h.must(err)
	update := func(words string) {
		_, err := do(h, h.Root(), api.OpUpdateFunctionCode, &api.UpdateFunctionCodeRequest{FunctionName: ptr("f"), ZipFile: zipOf(words)})
		h.must(err)
	}
	update("two")
	update("three")
	_, err = do(h, h.Root(), api.OpDeleteLayerVersion, &api.DeleteLayerVersionRequest{LayerName: ptr("l"), VersionNumber: l.Version})
	h.must(err)
	if n := h.blobs.count(); n != 4 {
		t.Errorf("%d blobs before the grace is over, want 4", n)
	}
	h.lambda.discards.fire() // as when the grace is over
	h.lambda.discards.fire()
	if n := h.blobs.count(); n != 3 {
		t.Errorf("%d blobs after it, want 3: the layer, version 1 and the latest", n)
	}
	_, err = do(h, h.Root(), api.OpDeleteFunction, &api.DeleteFunctionRequest{FunctionName: ptr("f")})
	h.must(err)
	h.lambda.discards.fire()
	h.lambda.discards.fire()
	if n := h.blobs.count(); n != 0 {
		t.Errorf("%d blobs after the function was deleted, want none", n)
	}
}

// The discarder waits for the grace, and never more than twice as long.
func TestDiscarder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		var mu sync.Mutex
		var swept []string
		var at []time.Duration
		d := &discarder{grace: time.Minute, sweep: func(ids []string) {
			mu.Lock()
			defer mu.Unlock()
			swept, at = append(swept, ids...), append(at, time.Since(start))
		}}
		d.add([]string{"a"})
		time.Sleep(30 * time.Second)
		d.add([]string{"b"})
		time.Sleep(time.Hour)
		synctest.Wait()
		mu.Lock()
		if len(at) != 2 || swept[0] != "a" || swept[1] != "b" || at[0] != time.Minute || at[1] != 2*time.Minute {
			t.Errorf("swept %v at %v", swept, at)
		}
		mu.Unlock()
		d.add([]string{"c"})
		d.stop()
		d.add([]string{"d"})
		time.Sleep(time.Hour)
		synctest.Wait()
		if len(swept) != 2 {
			t.Errorf("swept %v after it was stopped", swept)
		}
	})
}

func TestCodeAndLayersHaveOneLimit(t *testing.T) {
	v := &version{Code: codeRef{Unpacked: codepkg.MaxUnpacked - 10}, Layers: []layerRef{{Code: codeRef{Unpacked: 10}}}}
	if err := v.checkSize(); err != nil {
		t.Error(err)
	}
	v.Layers = append(v.Layers, layerRef{Code: codeRef{Unpacked: 1}})
	if err := v.checkSize(); !coded(err, "InvalidParameterValueException") {
		t.Errorf("one byte too much: %v", err)
	}
}

func TestZipLimit(t *testing.T) {
	h := newHarness(t)
	_, err := h.lambda.checkZip(context.Background(), "x", make([]byte, maxZip+1))
	if !coded(err, "RequestEntityTooLargeException") {
		t.Errorf("one byte too much: %v", err)
	}
}
