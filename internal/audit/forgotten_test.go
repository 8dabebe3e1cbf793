package audit

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// A state that was brought back from a time before, or that lost the end of its
// files, is not gone on with: the log has what is missing.
func TestTheLogMissesChangesThatTheStoreLost(t *testing.T) {
	for name, changes := range map[string]int{"since the last stop": 3, "more than one checkpoint": 40} {
		for _, how := range []string{"older", "empty"} {
			t.Run(how+" "+name, func(t *testing.T) {
				dir := t.TempDir()
				h := openHouse(t, dir, testKeys())
				must0(t, h.change(0, nil))
				h.close()
				older := filepath.Join(t.TempDir(), "store")
				must0(t, os.CopyFS(older, os.DirFS(filepath.Join(dir, "store"))))
				h = openHouse(t, dir, testKeys())
				for n := range changes {
					must0(t, h.change(1+n, nil))
				}
				h.close()
				must0(t, os.RemoveAll(filepath.Join(dir, "store")))
				if how == "older" {
					must0(t, os.CopyFS(filepath.Join(dir, "store"), os.DirFS(older)))
				}
				h = openStoreOnly(t, dir, testKeys())
				if _, err := Open(dir, h.db, testKeys()); !errors.Is(err, ErrForgotten) {
					t.Errorf("Open: %v", err)
				}
				must0(t, h.db.Close())
			})
		}
	}
}
