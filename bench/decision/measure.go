package decision

import (
	"runtime"
	"time"
)

// Cost is what one decision takes.
type Cost struct{ Nanoseconds, Allocations float64 }

// Measure has e decide the first n requests in turn for as long as length.
func Measure(e Engine, n int, length time.Duration) Cost {
	const batch = 64
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	began, decisions := time.Now(), 0
	for time.Since(began) < length {
		for range batch {
			e.Decide(decisions % n)
			decisions++
		}
	}
	elapsed := time.Since(began)
	runtime.ReadMemStats(&after)
	return Cost{
		float64(elapsed.Nanoseconds()) / float64(decisions),
		float64((after.Mallocs - before.Mallocs) / uint64(decisions)), // whole ones: the runtime's own few are not a decision's
	}
}
