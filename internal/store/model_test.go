package store_test

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"pgregory.net/rapid"

	"cloister/internal/store"
)

// rowID is a key of the things table.
type rowID struct {
	account string
	n       int64
}

func (id rowID) key() store.Key { return store.K(id.account, id.n) }

// model is what a things table holds, in a map.
type model struct {
	db     *store.DB
	things *store.Collection[thing]
	now    time.Time
	rows   map[rowID]thing
	seen   map[rowID]bool // by the subscriber since the last transaction: deleted?
}

var errWanted = errors.New("the transaction gives up")

// TestStoreBehavesAsItsModel runs random transactions, scans, sweeps and
// passing time against a store and against a map.
func TestStoreBehavesAsItsModel(t *testing.T) {
	onEngines(t, func(t *testing.T, db *store.DB) {
		checkRounds(t, 40)
		rapid.Check(t, func(t *rapid.T) {
			m := &model{db: db, things: newThings(), now: time.Unix(1e9, 0), rows: map[rowID]thing{}, seen: map[rowID]bool{}}
			db.SetClock(func() time.Time { return m.now })
			db.Subscribe(m.things.Table(), func(c store.Change) {
				m.seen[rowID{c.Key[0].(string), c.Key[1].(int64)}] = c.Deleted
			})
			t.Repeat(map[string]func(*rapid.T){
				"transaction": m.transaction,
				"time passes": m.pass,
				"sweep":       m.sweep,
				"scan":        m.scan,
				"scan index":  m.scanIndex,
				"":            m.lookAll,
			})
		})
	})
}

// checkRounds has rapid do fewer rounds than its hundred, since each is many
// transactions; CLOISTER_LONG=1 makes it two hundred.
func checkRounds(t *testing.T, n int) {
	if os.Getenv("CLOISTER_LONG") == "1" {
		n = 200
	}
	rounds := flag.Lookup("rapid.checks").Value
	before := rounds.String()
	t.Cleanup(func() { _ = rounds.Set(before) })
	if err := rounds.Set(strconv.Itoa(n)); err != nil {
		t.Fatal(err)
	}
}

func drawID(t *rapid.T) rowID {
	return rowID{
		rapid.SampledFrom([]string{"", "a", "b"}).Draw(t, "account"),
		rapid.SampledFrom([]int64{-2, 0, 1, 5}).Draw(t, "n"),
	}
}

func (m *model) drawThing(t *rapid.T) thing {
	v := thing{
		Name: rapid.SampledFrom([]string{"", "", "x", "y", "z"}).Draw(t, "name"),
		Tags: rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"p", "q"}), 0, 2, rapid.ID).Draw(t, "tags"),
		N:    rapid.Int64Range(-3, 3).Draw(t, "N"),
	}
	if rapid.Bool().Draw(t, "expires") {
		v.Until = m.now.Add(time.Duration(rapid.IntRange(0, 4).Draw(t, "seconds")) * time.Second).UTC()
	}
	return v
}

// live removes what has expired from the rows.
func (m *model) live(rows map[rowID]thing) map[rowID]thing {
	rows = maps.Clone(rows)
	maps.DeleteFunc(rows, func(_ rowID, v thing) bool { return !v.Until.IsZero() && !v.Until.After(m.now) })
	return rows
}

// transaction does a few changes, and sometimes gives up after them.
func (m *model) transaction(t *rapid.T) {
	rows, changed := m.live(m.rows), map[rowID]bool{}
	clear(m.seen)
	giveUp := rapid.IntRange(0, 5).Draw(t, "give up") == 0
	err := m.db.Update(context.Background(), func(tx *store.Tx) error {
		for range rapid.IntRange(1, 5).Draw(t, "operations") {
			m.operation(t, tx, rows, changed)
		}
		m.compare(t, tx, rows)
		if giveUp {
			return errWanted
		}
		return nil
	})
	if giveUp {
		if err != errWanted || len(m.seen) > 0 {
			t.Fatalf("given up: %v, subscriber saw %v", err, m.seen)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	m.rows = rows
	for id, deleted := range changed {
		if got, ok := m.seen[id]; !ok || got != deleted {
			t.Fatalf("subscriber saw %v of the changes %v", m.seen, changed)
		}
	}
}

func (m *model) operation(t *rapid.T, tx *store.Tx, rows map[rowID]thing, changed map[rowID]bool) {
	id, v := drawID(t), m.drawThing(t)
	_, exists := rows[id]
	taken := v.Name != "" && slices.ContainsFunc(slices.Collect(maps.Keys(rows)), func(other rowID) bool {
		return other != id && rows[other].Name == v.Name
	})
	var got, want error
	switch rapid.SampledFrom([]string{"put", "insert", "delete"}).Draw(t, "operation") {
	case "put":
		got, want = m.things.Put(tx, id.key(), &v), when(taken, store.ErrExists)
	case "insert":
		got, want = m.things.Insert(tx, id.key(), &v), when(exists || taken, store.ErrExists)
	case "delete":
		got, want = m.things.Delete(tx, id.key()), when(!exists, store.ErrNotFound)
		if want == nil {
			delete(rows, id)
			changed[id] = true
		}
		m.expect(t, got, want)
		return
	}
	m.expect(t, got, want)
	if want == nil {
		rows[id], changed[id] = v, false
		if !v.Until.IsZero() && !v.Until.After(m.now) {
			// Put as expired already: it is gone, and whether it is deleted
			// yet is nobody's business.
			delete(rows, id)
			delete(changed, id)
		}
	}
}

func when(condition bool, err error) error {
	if condition {
		return err
	}
	return nil
}

func (m *model) expect(t *rapid.T, got, want error) {
	if !errors.Is(got, want) {
		t.Fatalf("got %v, want %v", got, want)
	}
}

func (m *model) pass(t *rapid.T) {
	m.now = m.now.Add(time.Duration(rapid.IntRange(1, 3).Draw(t, "seconds")) * time.Second)
}

func (m *model) sweep(t *rapid.T) {
	if _, err := m.db.Sweep(context.Background()); err != nil {
		t.Fatal(err)
	}
	m.rows = m.live(m.rows)
}

func (m *model) lookAll(t *rapid.T) {
	m.read(t, func(r store.Reader) { m.compare(t, r, m.live(m.rows)) })
}

func (m *model) read(t *rapid.T, fn func(store.Reader)) {
	if err := m.db.View(context.Background(), func(r store.Reader) error { fn(r); return nil }); err != nil {
		t.Fatal(err)
	}
}

// compare gets every row and every name.
func (m *model) compare(t *rapid.T, r store.Reader, rows map[rowID]thing) {
	got := map[rowID]thing{}
	for item, err := range m.things.Scan(r, nil, nil) {
		if err != nil {
			t.Fatal(err)
		}
		got[rowID{item.Key[0].(string), item.Key[1].(int64)}] = *item.Value
	}
	if !maps.EqualFunc(got, rows, equalThings) {
		t.Fatalf("store has %v, model %v", got, rows)
	}
	for id, v := range rows {
		if one, err := m.things.Get(r, id.key()); err != nil || !equalThings(*one, v) {
			t.Fatalf("Get of %v gives %v, %v", id, one, err)
		}
		if v.Name == "" {
			continue
		}
		if item, err := m.things.Lookup(r, "name", store.K(v.Name)); err != nil || !equalThings(*item.Value, v) {
			t.Fatalf("Lookup of %s gives %v, %v", v.Name, item, err)
		}
	}
}

func equalThings(a, b thing) bool {
	return a.Name == b.Name && slices.Equal(a.Tags, b.Tags) && a.N == b.N && a.Until.Equal(b.Until)
}

// scan reads one account's rows both ways, from a random edge.
func (m *model) scan(t *rapid.T) {
	account := drawID(t).account
	edge := drawID(t).n
	var want []int64
	for id := range m.live(m.rows) {
		if id.account == account {
			want = append(want, id.n)
		}
	}
	slices.Sort(want)
	m.read(t, func(r store.Reader) {
		prefix, at := store.K(account), store.K(account, edge)
		after := slices.DeleteFunc(slices.Clone(want), func(n int64) bool { return n <= edge })
		before := slices.DeleteFunc(slices.Clone(want), func(n int64) bool { return n >= edge })
		slices.Reverse(before)
		back := slices.Clone(want)
		slices.Reverse(back)
		expectNumbers(t, "Scan", m.things.Scan(r, prefix, nil), want)
		expectNumbers(t, "Scan after", m.things.Scan(r, prefix, at), after)
		expectNumbers(t, "ScanBack", m.things.ScanBack(r, prefix, nil), back)
		expectNumbers(t, "ScanBack before", m.things.ScanBack(r, prefix, at), before)
	})
}

func expectNumbers(t *rapid.T, what string, items func(func(store.Item[thing], error) bool), want []int64) {
	var got []int64
	for item, err := range items {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, item.Key[1].(int64))
	}
	if !slices.Equal(got, want) {
		t.Fatalf("%s yields %v, want %v", what, got, want)
	}
}

// scanIndex reads a tag's rows in pages of one.
func (m *model) scanIndex(t *rapid.T) {
	tag := rapid.SampledFrom([]string{"p", "q", "r"}).Draw(t, "tag")
	var want []string
	for id, v := range m.live(m.rows) {
		if slices.Contains(v.Tags, tag) {
			want = append(want, fmt.Sprint(v.N, id))
		}
	}
	var got []string
	var numbers []int64
	m.read(t, func(r store.Reader) {
		for after, more := store.Key(nil), true; more; {
			more = false
			for item, err := range m.things.ScanIndex(r, "tag", store.K(tag), after) {
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, fmt.Sprint(item.Index[1], rowID{item.Key[0].(string), item.Key[1].(int64)}))
				numbers = append(numbers, item.Index[1].(int64))
				after, err = item.Position()
				more = err == nil
				break
			}
		}
	})
	if !slices.IsSortedFunc(numbers, cmp.Compare) {
		t.Fatalf("the clear component comes as %v", numbers)
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Fatalf("index yields %v, want %v", got, want)
	}
}
