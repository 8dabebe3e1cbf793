package audit

import (
	"testing"

	"golang.org/x/mod/sumdb/tlog"
	"pgregory.net/rapid"
)

// Each checkpoint that was ever taken is proven to be a beginning of the log,
// and each record to be in it, in the form that anyone with tlog can check.
func TestProofsHoldForCheckpoints(t *testing.T) {
	dir := t.TempDir()
	l := openLog(t, dir)
	var taken []*checkpoint
	for n := range 20 {
		appendCalls(t, l, n, n+1)
		taken = append(taken, must1(openCheckpoint(must1(l.Checkpoint(t.Context()))(t), l.id.verifier))(t))
	}
	must0(t, l.Close())
	records := forge(t, dir).records
	rapid.Check(t, func(t *rapid.T) {
		older := rapid.SampledFrom(taken).Draw(t, "older")
		newer := rapid.SampledFrom(taken[older.size-1:]).Draw(t, "newer")
		proof := must1(ProveConsistency(t.Context(), dir, older.size, newer.size))(t)
		must0(t, tlog.CheckTree(proof, newer.size, newer.root, older.size, older.root))
		index := rapid.Int64Range(0, newer.size-1).Draw(t, "index")
		path := must1(ProveRecord(t.Context(), dir, newer.size, index))(t)
		must0(t, tlog.CheckRecord(path, newer.size, newer.root, index, tlog.RecordHash(records[index])))
	})
	verifyWhole(t, dir, nil)
}

func TestThereIsNoProofOfWhatIsNotThere(t *testing.T) {
	dir := t.TempDir()
	outside := makeLog(t, dir, 5)
	for _, c := range [][2]int64{{0, 5}, {-1, 5}, {5, 4}, {2, 6}} {
		if proof, err := ProveConsistency(t.Context(), dir, c[0], c[1]); err == nil {
			t.Errorf("from %d to %d: %v", c[0], c[1], proof)
		}
	}
	for _, c := range [][2]int64{{5, 5}, {5, -1}, {6, 0}} {
		if proof, err := ProveRecord(t.Context(), dir, c[0], c[1]); err == nil {
			t.Errorf("record %d of %d: %v", c[1], c[0], proof)
		}
	}
	verifyWhole(t, dir, outside)
}
