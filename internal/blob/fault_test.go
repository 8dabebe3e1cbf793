package blob

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"cloister/internal/seal"
)

func testKeys(t testing.TB) *seal.Keyring {
	t.Helper()
	keys, err := seal.Open(seal.RootOptions{Dir: t.TempDir(), Create: true})
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

func content(i int) []byte {
	return bytes.Repeat([]byte{byte(i), byte(i >> 8), 'x'}, 10+i*30_000)
}

func idOf(i int) string { return fmt.Sprintf("%032x", i+1) }

// history is what a run was told: which blobs were acknowledged, and which
// were acknowledged as deleted.
type history struct{ there, gone []int }

// work puts three blobs, deletes one, and puts one more.
func work(d *Dir) (h history) {
	ctx := context.Background()
	for i := range 4 {
		size, err := d.Put(ctx, idOf(i), bytes.NewReader(content(i)))
		if err == nil && size == int64(len(content(i))) {
			h.there = append(h.there, i)
		}
		if i == 2 && d.Delete(ctx, idOf(0)) == nil {
			h.gone = append(h.gone, 0)
		}
	}
	return h
}

// verify checks a disk against what was acknowledged, and that nothing else on
// it looks like a blob and is not one, whole.
func (h history) verify(t *testing.T, disk *faultFS, keys *seal.Keyring) {
	t.Helper()
	d, err := openDir(disk, "blobs", keys)
	if err != nil {
		t.Fatal(err)
	}
	gone := map[int]bool{}
	for _, i := range h.gone {
		gone[i] = true
		if _, err := d.Open(context.Background(), idOf(i)); !errors.Is(err, ErrNotFound) {
			t.Errorf("blob %d was deleted and is back: %v", i, err)
		}
	}
	for _, i := range h.there {
		// Blob 0 may be gone when its deletion was tried and not acknowledged.
		if got, err := readBlob(d, idOf(i)); i != 0 && (err != nil || !bytes.Equal(got, content(i))) {
			t.Errorf("blob %d was acknowledged and reads %d bytes, %v", i, len(got), err)
		}
	}
	for i := range 4 {
		got, err := readBlob(d, idOf(i))
		if !errors.Is(err, ErrNotFound) && (err != nil || !bytes.Equal(got, content(i))) {
			t.Errorf("blob %d is there and not whole: %d bytes, %v", i, len(got), err)
		}
	}
	h.verifyClean(t, d)
}

func (h history) verifyClean(t *testing.T, d *Dir) {
	t.Helper()
	if _, err := d.Clean(); err != nil {
		t.Error(err)
	}
	problems, err := d.Check(context.Background(), nil)
	if err != nil || len(problems) > 0 {
		t.Errorf("after Clean, Check says %v, %v", problems, err)
	}
}

func readBlob(d *Dir, id string) ([]byte, error) {
	r, err := d.Open(context.Background(), id)
	if err != nil {
		return nil, err
	}
	defer func() { _ = r.Close() }()
	return io.ReadAll(r)
}

// Each operation of a run fails in turn, in each way; then the power is cut,
// and what was not synced is there or not, at random.
func TestEveryFaultLeavesWhatWasAcknowledged(t *testing.T) {
	keys := testKeys(t)
	operations := func() int {
		disk := newFaultFS()
		d, err := openDir(disk, "blobs", keys)
		if err != nil {
			t.Fatal(err)
		}
		if h := work(d); len(h.there) != 4 || len(h.gone) != 1 {
			t.Fatalf("without faults, only %+v", h)
		}
		return disk.ops
	}()
	for at := 1; at <= operations; at++ {
		for _, effect := range []effect{failedWithoutEffect, failedButPersisted, killedBefore, killedAfter} {
			disk := newFaultFS()
			disk.failAt, disk.effect = at, effect
			d, err := openDir(disk, "blobs", keys)
			if err != nil {
				continue // nothing was acknowledged
			}
			h := work(d)
			for seed := range uint64(3) {
				random := rand.New(rand.NewPCG(seed, uint64(at)))
				h.verify(t, disk.powerCut(func() bool { return random.IntN(2) == 0 }), keys)
			}
			if t.Failed() {
				t.Fatalf("operation %d of %d, effect %d", at, operations, effect)
			}
		}
	}
}

// The fault injection itself must be able to find a fault: a disk that says it
// has synced and has not loses what was acknowledged.
func TestFaultInjectionSeesALyingDisk(t *testing.T) {
	disk := newFaultFS()
	d, err := openDir(lyingFS{disk}, "blobs", testKeys(t))
	if err != nil {
		t.Fatal(err)
	}
	if h := work(d); len(h.there) != 4 {
		t.Fatal("the lying disk failed")
	}
	after := disk.powerCut(func() bool { return false })
	if len(after.now) != 0 {
		t.Error("nothing was synced and something is there")
	}
}

type lyingFS struct{ *faultFS }

func (lyingFS) SyncDir(string) error { return nil }

func TestPutStopsWhenTheReaderFails(t *testing.T) {
	disk := newFaultFS()
	d, err := openDir(disk, "blobs", testKeys(t))
	if err != nil {
		t.Fatal(err)
	}
	broken := errors.New("connection reset")
	_, err = d.Put(context.Background(), NewID(), io.MultiReader(strings.NewReader("half"), errReader{broken}))
	if !errors.Is(err, broken) {
		t.Error(err)
	}
	canceled, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := d.Put(canceled, NewID(), strings.NewReader("x")); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if len(disk.now) != 0 {
		t.Errorf("left behind: %v", disk.now)
	}
}

type errReader struct{ err error }

func (e errReader) Read([]byte) (int, error) { return 0, e.err }
