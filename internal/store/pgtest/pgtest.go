// Package pgtest gives tests a real PostgreSQL: one throwaway server for the
// test binary, from the distribution's package, with a fresh database for
// whoever asks. It runs as an unprivileged user on a Unix socket in a temporary
// directory and does not sync, since nobody tests PostgreSQL's own durability.
//
// Where PostgreSQL is missing, tests are skipped with the command that
// installs it; with CI=true in the environment they fail instead.
package pgtest

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
)

var (
	start     sync.Once
	running   *server
	startErr  error
	databases atomic.Int64
)

// Main runs the tests and stops the server; a test binary that uses Database
// has it as its TestMain.
func Main(m *testing.M) {
	code := m.Run()
	if running != nil {
		running.stop()
	}
	os.Exit(code)
}

// Database returns the URL of an empty database, which nobody else uses.
func Database(t testing.TB) string {
	t.Helper()
	start.Do(func() { running, startErr = newServer() })
	if startErr != nil && os.Getenv("CI") != "true" {
		t.Skip(startErr)
	}
	if startErr != nil {
		t.Fatal(startErr)
	}
	name := fmt.Sprintf("cloister%d", databases.Add(1))
	if err := running.exec("CREATE DATABASE " + name); err != nil {
		t.Fatal(err)
	}
	return running.url(name)
}

func (s *server) url(database string) string {
	query := url.Values{"host": {s.dir}, "user": {"cloister"}}
	return "postgres:///" + database + "?" + query.Encode()
}

func (s *server) exec(sql string) error {
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, s.url("postgres"))
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	_, err = conn.Exec(ctx, sql)
	return err
}
