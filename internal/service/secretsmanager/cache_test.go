package secretsmanager

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	api "cloister/internal/awsapi/secretsmanager"
	"cloister/internal/store"
)

// What was read before a change is not remembered after it.
func TestTheCacheForgets(t *testing.T) {
	c := newCache(nil, 1<<20)
	row := &secret{Account: "1", Region: "r", Name: "n"}
	change := store.Change{Key: store.K("1", "r", "n")}
	_, since := c.get(row.place())
	c.changed(change)
	c.keep(since, row)
	if got, _ := c.get(row.place()); got != nil {
		t.Error("what may be old is remembered")
	}
	_, since = c.get(row.place())
	c.keep(since, row)
	if got, _ := c.get(row.place()); got != row {
		t.Fatal("nothing is remembered")
	}
	c.changed(change)
	if got, _ := c.get(row.place()); got != nil || c.used != 0 {
		t.Errorf("it is not forgotten; %d bytes", c.used)
	}
}

func TestTheCacheHasABudget(t *testing.T) {
	c := newCache(nil, 1<<20)
	for i := range 1000 {
		row := &secret{Account: "1", Region: "r", Name: fmt.Sprint(i), known: known{value: &value{Sealed: make([]byte, 10000)}}}
		_, since := c.get(row.place())
		c.keep(since, row)
		if got, _ := c.get(row.place()); got != row || c.used > c.budget {
			t.Fatalf("%d: %v, %d bytes", i, got, c.used)
		}
	}
	large := &secret{Account: "1", Name: "large", Policy: strings.Repeat("x", 20000)}
	_, since := c.get(large.place())
	c.keep(since, large)
	if got, _ := c.get(large.place()); got != nil {
		t.Error("one secret takes all")
	}
	sum := 0
	for _, row := range c.rows {
		sum += row.footprint()
	}
	if sum != c.used || len(c.rows) < 50 {
		t.Errorf("%d secrets of %d bytes, said to be %d", len(c.rows), sum, c.used)
	}
}

// Whoever reads after a change was acknowledged reads what it made, beside
// others who read all the time.
func TestReadersSeeWhatWasAcknowledged(t *testing.T) {
	h := newHarness(t)
	create(h, "s", "0")
	var written atomic.Int64
	var done atomic.Bool
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			for !done.Load() {
				from := written.Load()
				got, err := try(h, h.root, api.OpGetSecretValue, &api.GetSecretValueRequest{SecretId: ptr("s")})
				var n int64
				if err == nil {
					_, err = fmt.Sscan(*got.SecretString, &n)
				}
				if err != nil || n < from {
					t.Errorf("%d was acknowledged, and %d is read: %v", from, n, err)
					return
				}
			}
		})
	}
	for i := range int64(60) {
		do(h, t, api.OpPutSecretValue, &api.PutSecretValueRequest{SecretId: ptr("s"), SecretString: ptr(fmt.Sprint(i + 1))})
		written.Store(i + 1)
	}
	done.Store(true)
	readers.Wait()
}
