package store_test

import (
	"context"
	"errors"
	"testing"

	"cloister/internal/store"
)

// An engine closed under a reader would end the process: Close waits for those
// inside and lets nobody in any more.
func TestCloseWaitsForThoseInside(t *testing.T) {
	keys := newKeys(t)
	db, err := store.Open(openPebble(t, keys), keys)
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	inside, leave, left := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	go func() {
		left <- db.View(ctx, func(store.Reader) error {
			close(inside)
			<-leave
			return nil
		})
	}()
	<-inside
	closed := make(chan error, 1)
	go func() { closed <- db.Close() }()
	nothing := func(store.Reader) error { return nil }
	for !errors.Is(db.View(ctx, nothing), store.ErrClosed) {
		select {
		case err := <-closed:
			t.Fatalf("closed under a reader: %v", err)
		default:
		}
	}
	if err := db.Update(ctx, func(*store.Tx) error { return nil }); !errors.Is(err, store.ErrClosed) {
		t.Errorf("an update of a closing store: %v", err)
	}
	close(leave)
	if err := <-left; err != nil {
		t.Errorf("the reader: %v", err)
	}
	if err := <-closed; err != nil {
		t.Errorf("close: %v", err)
	}
}
