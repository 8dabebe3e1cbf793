package audit

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"testing"
)

func TestRecordsComeBackInOrder(t *testing.T) {
	dir := t.TempDir()
	outside := makeLog(t, dir, 40)
	l := openLog(t, dir)
	appendCalls(t, l, 40, 50)
	next := int64(17)
	for e, err := range l.Records(context.Background(), next) {
		must0(t, err)
		if want := *call(int(next)); e.Index != next || !reflect.DeepEqual(e.Record, want) {
			t.Fatalf("record %d came back as %+v, was %+v", next, e, want)
		}
		next++
	}
	if next != 50 || l.Size() != 50 {
		t.Errorf("reading ended at %d of %d records", next, l.Size())
	}
	must0(t, l.Close())
	if r := verifyWhole(t, dir, outside); r.Size != 50 || r.Checkpoint != 50 || r.Outside != 40 || r.Segments < 5 || !r.Opened || r.Live {
		t.Errorf("the report is %+v", r)
	}
}

func TestAnEmptyLogIsWhole(t *testing.T) {
	dir := t.TempDir()
	outside := makeLog(t, dir, 0)
	if r := verifyWhole(t, dir, outside); r.Size != 0 {
		t.Errorf("the report is %+v", r)
	}
	if got := readAll(t, dir); len(got) != 0 {
		t.Errorf("%d records in an empty log", len(got))
	}
	makeLog(t, dir, 3)
	verifyWhole(t, dir, outside)
}

func TestConcurrentAppendersShareTheLog(t *testing.T) {
	dir := t.TempDir()
	l := openLog(t, dir)
	var all sync.WaitGroup
	for w := range 16 {
		all.Go(func() { appendCalls(t, l, w*100, w*100+100) })
	}
	all.Wait()
	must0(t, l.Close())
	verifyWhole(t, dir, nil)
	count := requestIDs(readAll(t, dir))
	for n := range 1600 {
		if got := count[fmt.Sprintf("request-%d", n)]; got != 1 {
			t.Fatalf("request %d is in the log %d times", n, got)
		}
	}
}

func TestALogHasOneHolder(t *testing.T) {
	dir := t.TempDir()
	l := openLog(t, dir)
	if _, err := Open(dir, nil, testKeys()); !errors.Is(err, errInUse) {
		t.Errorf("a second Open: %v", err)
	}
	appendCalls(t, l, 0, 5)
	outside := must1(l.Checkpoint(context.Background()))(t)
	appendCalls(t, l, 5, 9)
	r := verifyWhole(t, dir, outside)
	if !r.Live || r.Size < 5 {
		t.Errorf("the report of a running node's log is %+v", r)
	}
	must0(t, l.Close())
	verifyWhole(t, dir, outside)
}

func TestSizeCountsWholeRecords(t *testing.T) {
	dir := t.TempDir()
	if _, err := Size(dir); err == nil {
		t.Error("a directory without a log has a size")
	}
	for _, want := range []int64{0, 1, 30} {
		l := openLog(t, dir)
		appendCalls(t, l, int(l.Size()), int(want))
		if got := must1(Size(dir))(t); got != want {
			t.Errorf("size of a running log is %d, want %d", got, want)
		}
		must0(t, l.Close())
		if got := must1(Size(dir))(t); got != want {
			t.Errorf("size is %d, want %d", got, want)
		}
	}
	verifyWhole(t, dir, nil)
}

// A running node's log verifies at any moment, whatever is being written.
func TestVerifyBesideARunningNode(t *testing.T) {
	dir := t.TempDir()
	how := inTests
	how.syncDelay, how.checkpointEvery = 0, 0
	l := must1(open(dir, nil, testKeys(), how))(t)
	var all sync.WaitGroup
	for w := range 4 {
		all.Go(func() { appendCalls(t, l, w*500, w*500+500) })
	}
	for range 20 {
		outside := must1(l.Checkpoint(context.Background()))(t)
		if r := verifyWhole(t, dir, outside); !r.Live {
			t.Error("the node is not said to be running")
		}
	}
	all.Wait()
	must0(t, l.Close())
	if r := verifyWhole(t, dir, nil); r.Size != 2000 {
		t.Errorf("the log holds %d records", r.Size)
	}
}

func TestAClosedLogTakesNothing(t *testing.T) {
	dir := t.TempDir()
	l := openLog(t, dir)
	must0(t, l.Close())
	must0(t, l.Close())
	if err := l.Append(call(0)); !errors.Is(err, errClosed) {
		t.Errorf("Append after Close: %v", err)
	}
	if _, err := l.Checkpoint(context.Background()); !errors.Is(err, errClosed) {
		t.Errorf("Checkpoint after Close: %v", err)
	}
	verifyWhole(t, dir, nil)
}

func TestFollowWaitsForMore(t *testing.T) {
	dir := t.TempDir()
	l := openLog(t, dir)
	appendCalls(t, l, 0, 3)
	seen := make(chan string)
	go func() {
		defer close(seen)
		for e, err := range l.Follow(context.Background(), 1) {
			if err != nil {
				t.Error(err)
			}
			seen <- e.RequestID
		}
	}()
	for n := 1; n < 40; n++ {
		if n >= 3 {
			appendCalls(t, l, n, n+1)
		}
		if got, want := <-seen, call(n).RequestID; got != want {
			t.Fatalf("followed %q, want %q", got, want)
		}
	}
	must0(t, l.Close())
	if id, open := <-seen; open {
		t.Errorf("Follow yielded %q after Close", id)
	}
	verifyWhole(t, dir, nil)
}

func TestFollowEndsWithItsContext(t *testing.T) {
	dir := t.TempDir()
	l := openLog(t, dir)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for range l.Follow(ctx, 0) {
			t.Error("an entry in an empty log")
		}
	}()
	cancel()
	<-ended
	must0(t, l.Close())
	verifyWhole(t, dir, nil)
}

func TestAnotherProcessReadsARunningLog(t *testing.T) {
	dir := t.TempDir()
	l := openLog(t, dir)
	appendCalls(t, l, 0, 20)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	next := 0
	for e, err := range Read(ctx, dir, testKeys(), 0, true) {
		must0(t, err)
		if e.RequestID != call(next).RequestID {
			t.Fatalf("read %q as number %d", e.RequestID, next)
		}
		if next++; next == 20 {
			appendCalls(t, l, 20, 40)
		}
		if next == 40 {
			break
		}
	}
	must0(t, l.Close())
	verifyWhole(t, dir, nil)
}

func TestFilterSelects(t *testing.T) {
	rec := call(1)
	rec.Principal.RoleARN = "arn:aws:iam::123456789012:role/r"
	for _, c := range []struct {
		filter Filter
		want   bool
	}{
		{Filter{}, true},
		{Filter{RequestID: "request-1"}, true},
		{Filter{RequestID: "request-2"}, false},
		{Filter{Principal: rec.Principal.ARN}, true},
		{Filter{Principal: "AKIAEXAMPLE"}, true},
		{Filter{Principal: "AIDAEXAMPLE"}, true},
		{Filter{Principal: rec.Principal.RoleARN}, true},
		{Filter{Principal: "arn:aws:iam::123456789012:user/eve"}, false},
		{Filter{EventSource: "lambda.amazonaws.com", EventName: "GetFunction"}, true},
		{Filter{EventSource: "lambda.amazonaws.com", EventName: "Invoke"}, false},
		{Filter{EventSource: "iam.amazonaws.com"}, false},
		{Filter{Outcome: Allowed}, true},
		{Filter{Outcome: Denied}, false},
		{Filter{Since: rec.Time, Until: rec.Time.Add(1)}, true},
		{Filter{Since: rec.Time.Add(1)}, false},
		{Filter{Until: rec.Time}, false},
	} {
		if got := c.filter.Match(rec); got != c.want {
			t.Errorf("%+v selects: %v, want %v", c.filter, got, c.want)
		}
	}
}

func TestSelectPassesErrorsOn(t *testing.T) {
	broken := errors.New("broken")
	entries := func(yield func(Entry, error) bool) {
		_ = yield(Entry{0, *call(0)}, nil) && yield(Entry{1, *call(1)}, nil) && yield(Entry{}, broken)
	}
	var got []string
	filter := Filter{RequestID: "request-1"}
	for e, err := range filter.Select(entries) {
		got = append(got, fmt.Sprint(e.RequestID, err))
	}
	if s := strings.Join(got, " "); s != "request-1<nil> broken" {
		t.Errorf("selected %q", s)
	}
}
