package pgengine

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// tables are what a database holds.
//
// kv: keys order as bytea does, byte by byte in every collation.
// feed: an event a row; an empty payload takes the place of a transaction
// that drew a number and never committed.
// floor: all events up to this one were seen by whoever needed them, and
// pruned.
var tables = []string{
	`CREATE TABLE IF NOT EXISTS cloister_kv (k bytea PRIMARY KEY, v bytea NOT NULL)`,
	`CREATE SEQUENCE IF NOT EXISTS cloister_seq AS bigint CACHE 1`,
	`CREATE TABLE IF NOT EXISTS cloister_feed (seq bigint PRIMARY KEY, payload bytea NOT NULL, at timestamptz NOT NULL)`,
	`CREATE TABLE IF NOT EXISTS cloister_floor (one int PRIMARY KEY, seq bigint NOT NULL)`,
	`INSERT INTO cloister_floor (one, seq) VALUES (1, 0) ON CONFLICT DO NOTHING`,
}

// createTables makes what is not there. Nodes that start at the same time get
// in each other's way, because IF NOT EXISTS is not atomic: they try again.
func createTables(ctx context.Context, pool *pgxpool.Pool) error {
	var mode string
	if err := pool.QueryRow(ctx, `SHOW synchronous_commit`).Scan(&mode); err != nil {
		return err
	}
	if mode == "off" {
		return errSynchronousCommit
	}
	for _, statement := range tables {
		if err := create(ctx, pool, statement); err != nil {
			return err
		}
	}
	return nil
}

func create(ctx context.Context, pool *pgxpool.Pool, statement string) error {
	for attempt := 0; ; attempt++ {
		_, err := pool.Exec(ctx, statement)
		var pg *pgconn.PgError
		if err == nil || !errors.As(err, &pg) || attempt == 10 {
			return err
		}
		time.Sleep(20 * time.Millisecond)
	}
}
