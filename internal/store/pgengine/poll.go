package pgengine

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"cloister/internal/store"
)

// pollLimit is how many events one poll reads.
const pollLimit = 500

const (
	selectEvents = `SELECT seq, payload FROM cloister_feed WHERE seq > $1 OR seq = ANY($2) ORDER BY seq LIMIT $3`
	selectFloor  = `SELECT seq FROM cloister_floor WHERE one = 1`
)

var errPruned = errors.New("changes were pruned before this node had seen them; start it again")

// event is a row of the feed.
type event struct {
	Seq     int64
	Payload []byte
}

// poll delivers what is new and reports whether there may be more at once.
func (f *feed) poll(ctx context.Context) (more bool, err error) {
	events, floor, err := f.read(ctx)
	if err != nil {
		return false, err
	}
	for _, e := range events {
		if err := f.deliver(e); err != nil {
			f.fail(err)
			return false, err
		}
	}
	return len(events) == pollLimit, f.checkFloor(floor)
}

// read asks for the events and, afterwards, for the floor: what is pruned
// between the two is noticed.
func (f *feed) read(ctx context.Context) (events []event, floor int64, err error) {
	ctx, cancel := context.WithTimeout(ctx, maxLag)
	defer cancel()
	top, missing := f.wanted()
	batch := &pgx.Batch{}
	batch.Queue(selectEvents, top, missing, pollLimit)
	batch.Queue(selectFloor)
	results := f.pool.SendBatch(ctx, batch)
	defer results.Close()
	rows, err := results.Query()
	if err != nil {
		return nil, 0, err
	}
	if events, err = pgx.CollectRows(rows, pgx.RowToStructByPos[event]); err != nil {
		return nil, 0, err
	}
	err = results.QueryRow().Scan(&floor)
	return events, floor, err
}

func (f *feed) wanted() (top int64, missing []int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.top, f.gaps.numbers()
}

// deliver calls the follower, unless the event only fills a gap, and wakes
// who waits for it.
func (f *feed) deliver(e event) error {
	if len(e.Payload) > 0 {
		if err := f.follow(store.Event{Seq: uint64(e.Seq), Payload: e.Payload}); err != nil {
			return err
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if seen := f.waiting[e.Seq]; seen != nil {
		close(seen)
		delete(f.waiting, e.Seq)
	}
	return f.pass(e.Seq, time.Now())
}

// pass notes that the number was seen and which others are missing now.
func (f *feed) pass(seq int64, now time.Time) error {
	if seq <= f.top {
		delete(f.gaps, seq)
		return nil
	}
	err := f.gaps.add(f.top+1, seq, now)
	f.top = seq
	return err
}

// checkFloor makes sure that nothing this node has yet to see was pruned.
func (f *feed) checkFloor(floor int64) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if floor <= f.complete() {
		return nil
	}
	f.fail(errPruned)
	return errPruned
}

// complete is the number up to which this node has seen everything.
func (f *feed) complete() int64 {
	if lowest, ok := f.gaps.lowest(); ok {
		return lowest - 1
	}
	return f.top
}
