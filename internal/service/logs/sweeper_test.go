package logs

import (
	"context"
	"strings"
	"testing"
	"time"

	api "cloister/internal/awsapi/logs"
	"cloister/internal/store"
)

// left is how many chunks the disk holds.
func (h *harness) left() (n int) {
	h.t.Helper()
	err := h.DB.View(context.Background(), func(r store.Reader) error {
		for _, err := range chunks.Scan(r, nil, nil) {
			if err != nil {
				return err
			}
			n++
		}
		return nil
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return n
}

func (h *harness) sweep() {
	h.t.Helper()
	if err := h.service.sweeper.sweep(context.Background(), h.now); err != nil {
		h.t.Fatal(err)
	}
	h.check(h.t)
}

func (h *harness) storedBytes(group string) int64 {
	h.t.Helper()
	return *do(h, h.t, api.OpDescribeLogGroups, &api.DescribeLogGroupsRequest{LogGroupNamePrefix: &group}).LogGroups[0].StoredBytes
}

// What is past the retention is gone for readers at once, and from the disk at
// the next sweep.
func TestExpiry(t *testing.T) {
	h := newHarness(t)
	h.stream("g", "s")
	h.stream("forever", "s")
	h.put("forever", "s", "stays")
	h.put("g", "s", "one")
	h.now = h.now.Add(12 * time.Hour)
	h.put("g", "s", "two")
	do(h, t, api.OpPutRetentionPolicy, &api.PutRetentionPolicyRequest{LogGroupName: ptr("g"), RetentionInDays: ptr(int64(1))})
	for _, step := range []struct {
		pass  time.Duration
		seen  string
		left  int // chunks on disk after a sweep
		bytes int64
	}{
		{0, "one two", 3, 2 * (3 + overhead)},
		{12 * time.Hour, "one two", 3, 2 * (3 + overhead)},
		{time.Millisecond, "two", 2, 3 + overhead},
		{12 * time.Hour, "", 1, 0},
		{time.Hour, "", 1, 0},
	} {
		h.now = h.now.Add(step.pass)
		before := h.left()
		if seen := strings.Join(h.filter("g", ""), " "); seen != step.seen {
			t.Errorf("%s: %q is seen", h.now, seen)
		}
		out := do(h, t, api.OpGetLogEvents, &api.GetLogEventsRequest{LogGroupName: ptr("g"), LogStreamName: ptr("s")})
		if len(out.Events) != len(strings.Fields(step.seen)) {
			t.Errorf("%s: GetLogEvents gives %v", h.now, out.Events)
		}
		if h.left() != before {
			t.Error("reading removes")
		}
		h.sweep()
		if h.left() != step.left || h.storedBytes("g") != step.bytes {
			t.Errorf("%s: %d chunks and %d bytes are left", h.now, h.left(), h.storedBytes("g"))
		}
	}
	if seen := h.filter("forever", ""); len(seen) != 1 {
		t.Errorf("without a retention %v is seen", seen)
	}
}

// What a deleted stream or group held is swept, in as many transactions as it
// takes, and a stream made again under the name begins empty.
func TestSweepDeleted(t *testing.T) {
	h := newHarness(t)
	h.stream("g", "s")
	h.stream("h", "s")
	for range 2*sweepRows + 1 {
		h.put("g", "s", "x")
	}
	h.put("h", "s", "stays")
	do(h, t, api.OpDeleteLogStream, &api.DeleteLogStreamRequest{LogGroupName: ptr("g"), LogStreamName: ptr("s")})
	do(h, t, api.OpCreateLogStream, &api.CreateLogStreamRequest{LogGroupName: ptr("g"), LogStreamName: ptr("s")})
	h.put("g", "s", "new")
	if seen := h.filter("g", ""); len(seen) != 1 || seen[0] != "new" || h.left() != 2*sweepRows+3 {
		t.Errorf("%v is seen, %d chunks are left", seen, h.left())
	}
	h.sweep()
	if h.left() != 2 || h.storedBytes("g") != 3+overhead {
		t.Errorf("%d chunks and %d bytes are left", h.left(), h.storedBytes("g"))
	}
	do(h, t, api.OpDeleteLogGroup, &api.DeleteLogGroupRequest{LogGroupName: ptr("g")})
	h.sweep()
	if seen := h.filter("h", ""); len(seen) != 1 || h.left() != 1 {
		t.Errorf("%v is seen, %d chunks are left", seen, h.left())
	}
}

// A deletion wakes the sweeper; nobody has to wait for its next round.
func TestSweeperWakes(t *testing.T) {
	h := newHarness(t)
	h.service.sweeper = startSweeper(h.DB, time.Hour)
	defer h.service.sweeper.close()
	h.stream("g", "s")
	h.put("g", "s", "x")
	gone := make(chan struct{}, 1)
	h.DB.Subscribe("logs.removed", func(c store.Change) {
		if c.Deleted {
			gone <- struct{}{}
		}
	})
	do(h, t, api.OpDeleteLogGroup, &api.DeleteLogGroupRequest{LogGroupName: ptr("g")})
	<-gone
	if h.left() != 0 {
		t.Errorf("%d chunks are left", h.left())
	}
}
