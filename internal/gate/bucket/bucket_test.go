package bucket

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// In no window does more get through than the burst and what the rate adds, and
// whoever keeps to the rate is never refused.
func TestBucketLaw(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := Limit{Rate: float64(rapid.IntRange(1, 1000).Draw(t, "rate")), Burst: rapid.IntRange(1, 50).Draw(t, "burst")}
		var b Bucket
		var taken []time.Time
		now := time.Unix(1_800_000_000, 0)
		for range rapid.IntRange(1, 300).Draw(t, "requests") {
			now = now.Add(time.Duration(rapid.IntRange(0, 50).Draw(t, "ms")) * time.Millisecond)
			if b.Take(l, now) {
				taken = append(taken, now)
			}
		}
		for i := range taken {
			for j := i; j < len(taken); j++ {
				allowed := float64(l.Burst) + l.Rate*taken[j].Sub(taken[i]).Seconds() + 1e-3
				if float64(j-i+1) > allowed+1 {
					t.Fatalf("%d in %v, of %+v", j-i+1, taken[j].Sub(taken[i]), l)
				}
			}
		}
	})
}

func TestBucket(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	var b Bucket
	l := Limit{Rate: 10, Burst: 3}
	for i := range 3 {
		if !b.Take(l, now) {
			t.Errorf("%d of the burst is refused", i)
		}
	}
	if b.Take(l, now) || !b.Take(l, now.Add(100*time.Millisecond)) || b.Take(l, now.Add(100*time.Millisecond)) {
		t.Error("after the burst it is not one each tenth of a second")
	}
	for _, none := range []Limit{{}, {Rate: 5}, {Burst: 5}, {Rate: -1, Burst: 5}} {
		var b Bucket
		if b.Take(none, now) {
			t.Errorf("%+v lets something through", none)
		}
	}
}

// Whoever makes up keys gets no memory by it and, once there is no room, not
// more than one bucket gives.
func TestSetIsBounded(t *testing.T) {
	s, now, l := NewSet[string](10), time.Unix(1_800_000_000, 0), Limit{Rate: 1, Burst: 2}
	through := 0
	for i := range 1000 {
		if s.Take(fmt.Sprint(i), l, now) {
			through++
		}
	}
	if through != 12 || len(s.buckets) != 10 {
		t.Errorf("%d got through, %d buckets", through, len(s.buckets))
	}
	if now = now.Add(time.Minute); !s.Take("new", l, now) || len(s.buckets) != 1 {
		t.Errorf("full buckets are not forgotten: %d", len(s.buckets))
	}
}

func BenchmarkTake(b *testing.B) {
	s := NewSet[string](1000)
	l, now := Limit{Rate: 1e9, Burst: 1 << 30}, time.Now()
	for b.Loop() {
		s.Take("api/stage/route", l, now)
	}
}
