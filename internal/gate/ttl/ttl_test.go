package ttl

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

// Against a model that forgets nothing: what the memory gives was put last under
// that key, is not past its time, and there is never more of it than is allowed.
func TestMemory(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		most := rapid.IntRange(2, 12).Draw(t, "most")
		m, model := New[int, int](most), map[int]kept[int]{}
		now := time.Unix(0, 0)
		for i := range rapid.IntRange(1, 120).Draw(t, "steps") {
			key := rapid.IntRange(0, 15).Draw(t, "key")
			switch rapid.IntRange(0, 3).Draw(t, "what") {
			case 0:
				now = now.Add(time.Second)
			case 1:
				until := now.Add(time.Duration(rapid.IntRange(0, 5).Draw(t, "ttl")) * time.Second)
				m.Put(key, i, until)
				model[key] = kept[int]{i, until}
			case 2:
				m.Forget(func(k int) bool { return k == key })
				delete(model, key)
			case 3:
				value, ok := m.Get(key, now)
				if want := model[key]; ok && (want.value != value || !now.Before(want.until)) {
					t.Fatalf("%d is %d, want %+v at %v", key, value, want, now)
				}
			}
			if m.Len() > most {
				t.Fatalf("%d are kept, of %d", m.Len(), most)
			}
		}
	})
}

func TestWhatIsUsedStays(t *testing.T) {
	m, until := New[int, bool](4), time.Unix(100, 0)
	for i := range 100 {
		m.Put(i, true, until)
		if _, ok := m.Get(0, time.Unix(0, 0)); !ok {
			t.Fatalf("what is used all the time is forgotten after %d others", i)
		}
	}
}
