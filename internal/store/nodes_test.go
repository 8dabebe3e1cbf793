package store_test

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"cloister/internal/seal"
	"cloister/internal/store"
	"cloister/internal/store/pgengine"
	"cloister/internal/store/pgtest"
)

func openURL(t *testing.T, url string, keys *seal.Keyring) *store.DB {
	t.Helper()
	e, err := pgengine.Open(context.Background(), url)
	if err != nil {
		t.Fatal(err)
	}
	return openStore(t, e, keys)
}

func TestOneNodeIsToldWhatAnotherCommits(t *testing.T) {
	url, keys, things := pgtest.Database(t), newKeys(t), newThings()
	here, there := openURL(t, url, keys), openURL(t, url, keys)
	told := make(chan store.Change, 1)
	there.Subscribe(things.Table(), func(c store.Change) { told <- c })
	update(t, here, func(tx *store.Tx) error { return things.Put(tx, store.K("account", 7), &thing{N: 1}) })
	c := <-told
	if c.Key[0] != "account" || c.Key[1] != int64(7) || c.Deleted {
		t.Errorf("the other node was told %+v", c)
	}
	view(t, there, func(r store.Reader) {
		if v, err := things.Get(r, c.Key); err != nil || v.N != 1 {
			t.Errorf("and reads %+v, %v", v, err)
		}
	})
}

func TestNodeWithOtherRootKeyIsRefused(t *testing.T) {
	url := pgtest.Database(t)
	openURL(t, url, newKeys(t))
	e, err := pgengine.Open(context.Background(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	if _, err := store.Open(e, newKeys(t)); err == nil || !strings.Contains(err.Error(), "another root key") {
		t.Errorf("opening with another root key gives %v", err)
	}
}

// TestDatabaseSeesNoValues reads all that PostgreSQL's operator can read.
func TestDatabaseSeesNoValues(t *testing.T) {
	const mark = "CLOISTER-MARK"
	url, things := pgtest.Database(t), newThings()
	db := openURL(t, url, newKeys(t))
	update(t, db, func(tx *store.Tx) error {
		return things.Put(tx, store.K(mark+"-hashed", 1), &thing{Name: mark, Tags: []string{mark}})
	})
	conn, err := pgx.Connect(context.Background(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	var dump []byte
	err = conn.QueryRow(context.Background(),
		`SELECT (SELECT string_agg(k || v, '') FROM cloister_kv) || (SELECT string_agg(payload, '') FROM cloister_feed)`).Scan(&dump)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(dump, []byte(mark)) {
		t.Error("the database holds a value or a hashed component in the clear")
	}
	if !bytes.Contains(dump, []byte(things.Table())) {
		t.Error("the dump lacks the table's name: this has looked in the wrong place")
	}
}
