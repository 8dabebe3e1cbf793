package pebbleengine

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"cloister/internal/seal"
	"cloister/internal/store"
)

// childDir names the directory in which the test binary, run again, is the
// process that gets killed.
const childDir = "CLOISTER_TEST_KILLED_STORE"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		fmt.Fprintln(os.Stderr, "child:", writeUntilKilled(dir))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// writeUntilKilled has 16 writers write, and prints a line for each
// transaction once it was acknowledged.
func writeUntilKilled(dir string) error {
	db, err := openDir(dir)
	if err != nil {
		return err
	}
	found, err := readLedger(db)
	if err != nil {
		return err
	}
	l := &ledger{db: db, attempted: found, acked: map[int]int64{}}
	failed := make(chan error)
	for w := range 16 {
		go func() {
			for {
				if err := l.write(w, 2000); err != nil {
					failed <- err
				}
				if _, err := fmt.Printf("%d %d\n", w, l.copyAcked()[w]); err != nil {
					failed <- err
				}
			}
		}()
	}
	return <-failed
}

func openDir(dir string) (*store.DB, error) {
	keys, err := seal.Open(seal.RootOptions{Dir: dir, Create: true})
	if err != nil {
		return nil, err
	}
	e, err := Open(filepath.Join(dir, "store"), keys)
	if err != nil {
		return nil, err
	}
	return store.Open(e, keys)
}

// TestKilledProcessLosesNothingAcknowledged kills a process in the middle of
// its writes, again and again on the same directory.
func TestKilledProcessLosesNothingAcknowledged(t *testing.T) {
	var dir string
	for seed := range rounds(15, 500) {
		if seed%5 == 0 {
			dir = t.TempDir()
		}
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(uint64(seed), 2))
			acked, err := killAfter(dir, 1+rng.IntN(600))
			if err != nil {
				t.Fatal(err)
			}
			db, err := openDir(dir)
			if err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(checkRecovered(db, acked, nil), db.Close()); err != nil {
				t.Error(err)
			}
		})
	}
}

// killAfter runs the child until it has acknowledged so many transactions,
// kills it, and returns all that it acknowledged.
func killAfter(dir string, count int) (acked map[int]int64, err error) {
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), childDir+"="+dir)
	child.Stderr = os.Stderr
	out, err := child.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := child.Start(); err != nil {
		return nil, err
	}
	acked = map[int]int64{}
	lines := bufio.NewReader(out)
	for n := 0; ; n++ {
		if n == count {
			if err := child.Process.Kill(); err != nil {
				return nil, err
			}
		}
		line, err := lines.ReadString('\n')
		if err == io.EOF {
			break // the last line may be half a line: it does not count
		}
		var writer int
		var number int64
		if _, scanErr := fmt.Sscan(line, &writer, &number); errors.Join(err, scanErr) != nil {
			return nil, errors.Join(err, scanErr)
		}
		acked[writer] = max(acked[writer], number)
	}
	if len(acked) == 0 {
		return nil, errors.New("the child acknowledged nothing")
	}
	_ = child.Wait() // it was killed
	return acked, nil
}
