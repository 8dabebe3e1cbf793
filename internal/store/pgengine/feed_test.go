package pgengine

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"pgregory.net/rapid"

	"cloister/internal/store"
	"cloister/internal/store/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// node is an engine whose follower writes down what it is told.
type node struct {
	*Engine
	mu   sync.Mutex
	seen []string
}

func newNode(t testing.TB, url string) *node {
	t.Helper()
	e, err := Open(context.Background(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	return &node{Engine: e}
}

func (n *node) follow() *node {
	n.Follow(func(e store.Event) error {
		n.mu.Lock()
		defer n.mu.Unlock()
		n.seen = append(n.seen, string(e.Payload))
		return nil
	})
	return n
}

// count is how often the node was told of the event.
func (n *node) count(payload string) (count int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, s := range n.seen {
		if s == payload {
			count++
		}
	}
	return count
}

// put is a transaction through the engine.
func (n *node) put(payload string) error {
	return n.Update(context.Background(), func(tx store.EngineTx) error {
		return errors.Join(tx.Set([]byte(payload), []byte("v")), tx.Emit([]byte(payload)))
	})
}

// eventually waits for a condition, with far more patience than it takes.
func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	for patience := 4000; !condition(); patience-- {
		if patience == 0 {
			t.Fatal("never: ", what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// slow is a transaction of another node that has drawn its number and put
// its event, and has yet to commit.
type slow struct {
	conn    *pgx.Conn
	tx      pgx.Tx
	payload string
}

func begin(t testing.TB, url, payload string) slow {
	t.Helper()
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		t.Fatal(err)
	}
	tx, err := conn.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.Serializable})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(ctx, upsert, []byte(payload), []byte("v")); err != nil {
		t.Fatal(err)
	}
	var seq int64
	if err := tx.QueryRow(ctx, announce, []byte(payload)).Scan(&seq); err != nil {
		t.Fatal(err)
	}
	return slow{conn, tx, payload}
}

func (s slow) end(commit bool) error {
	defer s.conn.Close(context.Background())
	if commit {
		return s.tx.Commit(context.Background())
	}
	return s.tx.Rollback(context.Background())
}

func TestLateCommitIsNotSkipped(t *testing.T) {
	url := pgtest.Database(t)
	n := newNode(t, url).follow()
	late := begin(t, url, "late")
	if err := n.put("early, with a higher number"); err != nil {
		t.Fatal(err)
	}
	// Long enough that the feed has looked whether the number is lost.
	time.Sleep(fillAfter + 3*tidyEvery)
	if n.count("late") != 0 {
		t.Fatal("an event was delivered before its transaction committed")
	}
	if err := late.end(true); err != nil {
		t.Fatalf("looking for lost numbers broke a transaction in progress: %v", err)
	}
	eventually(t, "the late event is delivered", func() bool { return n.count("late") == 1 })
}

// TestEveryCommittedEventIsDeliveredOnce opens transactions, ends them in
// another order, some by rolling back, among the engine's own.
func TestEveryCommittedEventIsDeliveredOnce(t *testing.T) {
	url := pgtest.Database(t)
	nodes := []*node{newNode(t, url).follow(), newNode(t, url).follow()}
	serial := 0
	checkRounds(t, 12)
	rapid.Check(t, func(rt *rapid.T) {
		var committed, dropped []string
		var open []slow
		for range rapid.IntRange(1, 6).Draw(rt, "steps") {
			serial++
			payload := fmt.Sprint("event ", serial)
			switch {
			case rapid.Bool().Draw(rt, "slow"):
				open = append(open, begin(t, url, payload))
			default:
				if err := nodes[rapid.IntRange(0, 1).Draw(rt, "node")].put(payload); err != nil {
					rt.Fatal(err)
				}
				committed = append(committed, payload)
			}
		}
		for _, s := range rapid.Permutation(open).Draw(rt, "order") {
			commit := rapid.Bool().Draw(rt, "commit")
			if err := s.end(commit); err != nil {
				rt.Fatal(err)
			}
			if commit {
				committed = append(committed, s.payload)
			} else {
				dropped = append(dropped, s.payload)
			}
		}
		expectDelivered(t, rt, nodes, committed, dropped)
	})
	for _, n := range nodes {
		eventually(t, "lost numbers are filled", func() bool {
			n.feed.mu.Lock()
			defer n.feed.mu.Unlock()
			return len(n.feed.gaps) == 0
		})
	}
}

// checkRounds has rapid do fewer rounds than its hundred, since each waits for
// commits; CLOISTER_LONG=1 makes it five hundred.
func checkRounds(t *testing.T, n int) {
	if os.Getenv("CLOISTER_LONG") == "1" {
		n = 500
	}
	rounds := flag.Lookup("rapid.checks").Value
	before := rounds.String()
	t.Cleanup(func() { _ = rounds.Set(before) })
	if err := rounds.Set(strconv.Itoa(n)); err != nil {
		t.Fatal(err)
	}
}

func expectDelivered(t *testing.T, rt *rapid.T, nodes []*node, committed, dropped []string) {
	for _, n := range nodes {
		for _, payload := range committed {
			eventually(t, payload+" is delivered", func() bool { return n.count(payload) > 0 })
			if c := n.count(payload); c != 1 {
				rt.Fatalf("%s was delivered %d times", payload, c)
			}
		}
		if i := slices.IndexFunc(dropped, func(p string) bool { return n.count(p) > 0 }); i >= 0 {
			rt.Fatalf("%s was rolled back and delivered", dropped[i])
		}
	}
}

func TestTransactionsOpenAtStartAreDelivered(t *testing.T) {
	url := pgtest.Database(t)
	first := newNode(t, url).follow()
	late := begin(t, url, "late")
	if err := first.put("before"); err != nil {
		t.Fatal(err)
	}
	second := newNode(t, url).follow()
	if err := late.end(true); err != nil {
		t.Fatal(err)
	}
	eventually(t, "a node that started meanwhile is told", func() bool { return second.count("late") == 1 })
	if second.count("before") != 0 {
		t.Error("a node was told of what was committed before it started")
	}
}

func TestNumberGivenUpForLostIsRetried(t *testing.T) {
	url := pgtest.Database(t)
	n := newNode(t, url).follow()
	ctx := context.Background()
	var seq int64
	if err := n.pool.QueryRow(ctx, `SELECT nextval('cloister_seq')`).Scan(&seq); err != nil {
		t.Fatal(err)
	}
	if err := n.put("passes the number"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the number is filled", func() bool {
		var filled bool
		err := n.pool.QueryRow(ctx, `SELECT EXISTS (SELECT 1 FROM cloister_feed WHERE seq = $1)`, seq).Scan(&filled)
		return err == nil && filled
	})
	_, err := n.pool.Exec(ctx, `INSERT INTO cloister_feed (seq, payload, at) VALUES ($1, 'x', now())`, seq)
	if err == nil || !again(retryable(err)) {
		t.Errorf("a transaction that comes too late with its number gets %v, which is not tried again", err)
	}
}

func TestNodeThatMissedPrunedEventsAnswersNothing(t *testing.T) {
	url := pgtest.Database(t)
	first, behind := newNode(t, url).follow(), newNode(t, url)
	if err := errors.Join(first.put("a"), first.put("b")); err != nil {
		t.Fatal(err)
	}
	if err := first.feed.prune(context.Background(), 0); err != nil {
		t.Fatal(err)
	}
	behind.follow()
	eventually(t, "the node notices", func() bool { return errors.Is(behind.Healthy(), errPruned) })
	if err := first.put("c"); err != nil {
		t.Errorf("the node that pruned: %v", err)
	}
	if again := newNode(t, url).follow(); again.put("d") != nil || again.Healthy() != nil {
		t.Errorf("a node started after pruning: %v", again.Healthy())
	}
}

func TestPruningStopsAtAMissingNumber(t *testing.T) {
	url := pgtest.Database(t)
	n := newNode(t, url).follow()
	late := begin(t, url, "late")
	if err := n.put("after"); err != nil {
		t.Fatal(err)
	}
	if err := n.feed.prune(context.Background(), 0); err != nil {
		t.Fatal(err)
	}
	if err := late.end(true); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the late event is delivered", func() bool { return n.count("late") == 1 })
	if err := n.Healthy(); err != nil {
		t.Error(err)
	}
}

// TestNodeCutOffAnswersNothing takes the database away and gives it back.
func TestNodeCutOffAnswersNothing(t *testing.T) {
	url := pgtest.Database(t)
	n := newNode(t, url).follow()
	admin, err := pgx.Connect(context.Background(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close(context.Background())
	run := func(sql string) {
		if _, err := admin.Exec(context.Background(), sql); err != nil {
			t.Fatal(err)
		}
	}
	run(`ALTER TABLE cloister_feed RENAME TO cloister_away`)
	eventually(t, "the node is unhealthy", func() bool { return n.Healthy() != nil })
	run(`ALTER TABLE cloister_away RENAME TO cloister_feed`)
	eventually(t, "the node is healthy again", func() bool { return n.Healthy() == nil })
	if err := n.put("x"); err != nil {
		t.Error(err)
	}
}

func TestServerThatForgetsIsRefused(t *testing.T) {
	url := pgtest.Database(t)
	if e, err := Open(context.Background(), url+"&synchronous_commit=off"); !errors.Is(err, errSynchronousCommit) {
		t.Errorf("synchronous_commit=off gives %v, %v", e, err)
	}
}
