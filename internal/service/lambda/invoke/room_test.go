package invoke

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// sized are functions by their names, each with a memory in MB; "slow" in a
// payload keeps a cell busy, "late" keeps it after its answer.
func sized(base *Function, name string, megabytes int) *Function {
	fn := *base
	fn.ARN, fn.Name, fn.MemoryMB = base.ARN+name, name, megabytes
	return &fn
}

func slowOrLate(r *program) {
	for {
		id, payload := r.next()
		if payload == `"slow"` {
			r.sleep(time.Second)
		}
		r.respond(id, payload)
		if payload == `"late"` {
			r.sleep(2 * time.Second)
		}
	}
}

// Each case is a row of calls, NAME:MB:PAYLOAD, a tenth of a second apart, on a
// machine that may promise 1 GB to cells; what is wanted is which of them were
// throttled, and how many cells there are in the end.
func TestCellsHaveTheMemoryThatThereIs(t *testing.T) {
	for _, c := range []struct {
		name      string
		calls     string
		throttled string
		cells     int
	}{
		{"they fit", "a:512:1 b:512:1", "", 2},
		{"the longest idle one makes room", "a:512:1 b:512:1 a:512:1 c:512:1 a:512:1", "", 2},
		{"several make room", "a:256:1 b:256:1 c:256:1 d:256:1 e:512:1", "", 3},
		{"no more than needed make room", "a:256:1 b:256:1 c:256:1 d:256:1 e:128:1", "", 4},
		{"busy ones do not", "a:512:slow b:512:slow c:128:1", "c", 2},
		{"nor do those that work on after their answer", "a:512:late b:512:late c:128:1", "c", 2},
		{"none ends when all were not enough", "a:256:1 b:256:1 c:512:slow d:1024:1", "d", 3},
		{"what is larger than everything has everything", "a:256:1 b:4096:1", "", 1},
		{"and nobody beside it", "b:4096:slow a:128:1", "a", 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newTestFleet(t, slowOrLate, func(o *Options) { o.MaxMemoryBytes = 1 << 30 / overcommit })
				defer f.shutdown(t)
				throttled := make(chan string, 10)
				for call := range strings.FieldsSeq(c.calls) {
					part := strings.Split(call, ":")
					var megabytes int
					_, _ = fmt.Sscan(part[1], &megabytes)
					go func() {
						got := outcome(f.Invoke(t.Context(), sized(f.fn, part[0], megabytes), request(`"`+part[2]+`"`)))
						if got == "error: rate exceeded: "+ReasonAccount {
							throttled <- part[0]
						} else if got != `"`+part[2]+`"` {
							t.Errorf("%s: %s", call, got)
						}
					}()
					time.Sleep(100 * time.Millisecond)
				}
				var names string
				for range len(throttled) {
					names += <-throttled
				}
				if names != c.throttled {
					t.Errorf("throttled: %q, want %q", names, c.throttled)
				}
				if s := f.Stats(); s.Cells != c.cells {
					t.Errorf("%+v, want %d cells", s, c.cells)
				}
			})
		})
	}
}

// Cells that answer and then go on working cannot be made to pile up.
func TestNoMoreCellsThanThereMayBe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newTestFleet(t, slowOrLate, func(o *Options) { o.MaxCells = 2 })
		defer f.shutdown(t)
		for i := range 6 {
			_, _ = f.Invoke(t.Context(), sized(f.fn, fmt.Sprint(i), 128), request(`"late"`))
			if s := f.Stats(); s.Cells > 2 {
				t.Errorf("after call %d: %+v", i, s)
			}
		}
	})
}

// The books balance whichever way a cell ends.
func TestRoomIsGivenBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newTestFleet(t, func(r *program) {
			if r.n%3 == 0 {
				r.exit(1)
			}
			slowOrLate(r)
		}, func(o *Options) { o.MaxCells = 4 })
		for i := range 12 {
			go f.Invoke(t.Context(), sized(f.fn, fmt.Sprint(i%5), 128), request(`"slow"`)) //nolint:errcheck // whatever becomes of it
			time.Sleep(300 * time.Millisecond)
		}
		f.shutdown(t)
		if f.room.cells != 0 || f.room.memory != 0 {
			t.Errorf("there is still %+v", f.room)
		}
	})
}

func TestRoomWithoutALimitOfMemory(t *testing.T) {
	for _, limit := range []int64{-1, 1 << 62} {
		r := newRoom(&Options{MaxCells: 1, MaxMemoryBytes: limit})
		if !r.fits(r.size(&instance{fn: &Function{MemoryMB: 10240}})) {
			t.Errorf("limit %d: no room", limit)
		}
	}
}
