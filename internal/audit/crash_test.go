package audit

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"cloister/internal/seal"
	"cloister/internal/store"
)

// crashDir names the data directory to the child that is going to be killed.
const crashDir = "CLOISTER_TEST_AUDIT_CRASH"

func TestMain(m *testing.M) {
	if dir := os.Getenv(crashDir); dir != "" {
		runUntilKilled(dir)
	}
	if flag.Parse(); flag.Lookup("test.bench").Value.String() == "" {
		useMemory()
	}
	os.Exit(m.Run())
}

// useMemory keeps the directories of tests in memory where the machine has such
// a place: no test here waits for a real disk, lost power is played.
func useMemory() {
	if os.Getenv("TMPDIR") != "" {
		return
	}
	if dir, err := os.MkdirTemp("/dev/shm", "probe"); err == nil {
		os.Remove(dir)
		os.Setenv("TMPDIR", "/dev/shm")
	}
}

// runUntilKilled appends and stages with all its might, and says on standard
// output what has been acknowledged.
func runUntilKilled(dir string) {
	inTests.syncDelay, inTests.checkpointEvery = time.Millisecond, 3*time.Millisecond
	h := openHouse(&childTester{}, dir, newKeys(dir))
	run := fmt.Sprint(os.Getpid())
	fmt.Println("ready")
	for w := range 4 {
		go crashLoop("appended", run, w, func(id string) error { return h.log.Append(&Record{RequestID: id}) })
		go crashLoop("staged", run, w, func(id string) error { return h.stage(id, nil) })
	}
	go crashLoop("aborted", run, 0, func(id string) error {
		if err := h.stage(id, errAborted); !errors.Is(err, errAborted) {
			return err
		}
		return nil
	})
	select {}
}

var errAborted = errors.New("aborted")

func crashLoop(what, run string, worker int, do func(id string) error) {
	for n := 0; ; n++ {
		id := fmt.Sprintf("%s-%s-%d-%d", what, run, worker, n)
		if err := do(id); err != nil {
			fmt.Println("failed", err)
			return
		}
		os.Stdout.WriteString(id + "\n") // one write(2), so whole or not at all
	}
}

// stage changes the state for id and stages its record.
func (h *house) stage(id string, end error) error {
	return h.db.Update(context.Background(), func(tx *store.Tx) error {
		if err := things.Put(tx, store.K(id), &id); err != nil {
			return err
		}
		if err := h.log.Stage(tx, &Record{RequestID: id}); err != nil {
			return err
		}
		return end
	})
}

// childTester ends the child at the first failure.
type childTester struct{}

func (childTester) Helper() {}
func (childTester) Fatalf(format string, args ...any) {
	fmt.Printf("failed "+format+"\n", args...)
	os.Exit(1)
}
func (c childTester) Errorf(format string, args ...any) { c.Fatalf(format, args...) }

// A process is killed at any moment, again and again on the same directory.
// Whatever it acknowledged is in the log once; a staged record is there if, and
// only if, its state is; and the log fits every checkpoint that was taken.
func TestKilledAtAnyMoment(t *testing.T) {
	directories := 1
	if os.Getenv("CLOISTER_LONG") != "" {
		directories = 100
	}
	random := rand.New(rand.NewPCG(20261124, 1))
	for range directories {
		killSeveralTimes(t, random)
	}
}

func killSeveralTimes(t *testing.T, random *rand.Rand) {
	dir := t.TempDir()
	keys := newKeys(dir)
	var acknowledged []string
	var outside []byte
	for range 5 {
		acknowledged = append(acknowledged, runAndKill(t, dir, random.IntN(400))...)
		outside = checkAfterKill(t, dir, keys, outside, acknowledged)
	}
}

// runAndKill kills a child after it has acknowledged so many records, and
// returns all that it acknowledged.
func runAndKill(t *testing.T, dir string, after int) (acknowledged []string) {
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), crashDir+"="+dir)
	child.Stderr = os.Stderr
	out := must1(child.StdoutPipe())(t)
	must0(t, child.Start())
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		line := lines.Text()
		if strings.HasPrefix(line, "failed") {
			t.Errorf("the child: %s", line)
		}
		if line != "ready" {
			acknowledged = append(acknowledged, line)
		}
		if len(acknowledged) == after {
			child.Process.Kill()
		}
	}
	child.Wait()
	return acknowledged
}

func checkAfterKill(t *testing.T, dir string, keys *seal.Keyring, outside []byte, acknowledged []string) []byte {
	t.Helper()
	h := openHouse(t, dir, keys)
	count := requestIDs(h.entries())
	for _, id := range acknowledged {
		if want := times(!strings.HasPrefix(id, "aborted")); count[id] != want {
			t.Fatalf("%s was acknowledged and is in the log %d times", id, count[id])
		}
	}
	for id, n := range count {
		if n != 1 || strings.HasPrefix(id, "staged") && !h.changed(id) {
			t.Fatalf("%s is in the log %d times; its state is there: %v", id, n, h.changed(id))
		}
	}
	for _, id := range h.allChanged() {
		if count[id] != 1 {
			t.Fatalf("the state of %s is there, and it is in the log %d times", id, count[id])
		}
	}
	next := must1(h.log.Checkpoint(context.Background()))(t)
	h.close()
	for _, c := range [][]byte{outside, next} {
		if _, err := Verify(context.Background(), VerifyOptions{Dir: dir, Keys: keys, Checkpoint: c}); err != nil {
			t.Fatal(err)
		}
	}
	return next
}

func times(once bool) int {
	if once {
		return 1
	}
	return 0
}

func (h *house) changed(id string) bool {
	err := h.db.View(context.Background(), func(r store.Reader) error {
		_, err := things.Get(r, store.K(id))
		return err
	})
	return err == nil
}

func (h *house) allChanged() (ids []string) {
	must0(h.t, h.db.View(context.Background(), func(r store.Reader) error {
		for item, err := range things.Scan(r, nil, nil) {
			if err != nil {
				return err
			}
			ids = append(ids, *item.Value)
		}
		return nil
	}))
	return ids
}
