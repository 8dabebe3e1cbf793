package node

import "testing"

func TestMemoryIsGivenBackAtRest(t *testing.T) {
	const mb = 1 << 20
	var r rest
	for i, step := range []struct {
		allocated uint64 // since the step before
		want      bool
	}{
		{40 * mb, false},  // the start
		{mb / 2, true},    // and then quiet
		{mb / 2, false},   // nothing more to give
		{900 * mb, false}, // load
		{2 * mb, false},   // and a little still
		{0, true},
		{0, false},
		{mb / 2, false}, {mb / 2, false}, {mb / 2, false}, {mb / 2, false},
		{mb / 2, false}, {mb / 2, false}, {mb / 2, false},
		{mb / 2, true}, // what rest itself leaves behind comes to something in the end
	} {
		if got := r.due(r.seen + step.allocated); got != step.want {
			t.Errorf("step %d: %v", i, got)
		}
	}
}

func TestAllocatedGrows(t *testing.T) {
	before := allocated()
	kept := make([]byte, 1<<20)
	if got := allocated() - before; got < uint64(len(kept)) {
		t.Errorf("%d bytes after one of %d", got, len(kept))
	}
}
