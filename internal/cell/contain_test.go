package cell

import (
	"bufio"
	"bytes"
	"net"
	"os"
	"strconv"
	"strings"
	"testing"
)

// TestContainment runs every attempt of testdata/containment.txt in one cell,
// with a neighbour beside it.
func TestContainment(t *testing.T) {
	testContainment(t, func(args, env []string) string {
		spec := probeSpec(args...)
		spec.Env = env
		return output(t, spec)
	})
}

// testContainment has run make all attempts with that environment, and returns
// what they wrote.
func testContainment(t *testing.T, run func(args, env []string) string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	abstract := "cell-test-" + strconv.Itoa(os.Getpid())
	a, err := net.Listen("unix", "@"+abstract)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	_, neighbour := running(t, probeSpec("write:/tmp/neighbour", "listen_abstract:neighbour", "print:1", "sleep"), "print:1 x")
	values := strings.NewReplacer(
		"$HOSTPID", strconv.Itoa(os.Getpid()),
		"$NEIGHBOURPID", strconv.Itoa(neighbour),
		"$HOSTADDRESS", l.Addr().String(),
		"$HOSTABSTRACT", abstract,
	)
	lines := readContainment(t, "testdata/containment.txt", values)
	var args []string
	for _, line := range lines {
		args = append(args, line.attempt)
	}
	out := run(args, []string{"A=1", "B=2"})
	got := strings.Split(strings.TrimSuffix(out, "\n"), "\n")
	if len(got) != len(lines) {
		t.Fatalf("%d attempts, %d outcomes:\n%s", len(lines), len(got), out)
	}
	for i, line := range lines {
		if want := line.attempt + " " + line.outcome; got[i] != want {
			t.Errorf("got %q, want %q: %s", got[i], want, line.layer)
		}
	}
}

type containment struct{ attempt, outcome, layer string }

func readContainment(t *testing.T, file string, values *strings.Replacer) []containment {
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var lines []containment
	for s := bufio.NewScanner(bytes.NewReader(text)); s.Scan(); {
		line, layer, _ := strings.Cut(s.Text(), ";")
		if strings.HasPrefix(line, "#") || strings.TrimSpace(line) == "" {
			continue
		}
		attempt, outcome, ok := strings.Cut(line, "=>")
		if !ok {
			t.Fatalf("no => in %q", line)
		}
		lines = append(lines, containment{values.Replace(strings.TrimSpace(attempt)), strings.TrimSpace(outcome), strings.TrimSpace(layer)})
	}
	return lines
}

// What is limited ends at the limit, and takes nobody else along.

func TestForkBombStaysInItsCell(t *testing.T) {
	spec := probeSpec("fork_bomb:1000")
	spec.Pids = 60
	if out := output(t, spec); out != "fork_bomb:1000 EAGAIN\n" {
		t.Errorf("fork bomb: %q", out)
	}
}

func TestMemoryBombEndsItsCell(t *testing.T) {
	spec := probeSpec("memory_bomb")
	spec.MemoryBytes = 48 << 20
	exit := start(t, spec).Exit()
	if !exit.OOMKilled || exit.Signal != 9 || exit.Killed {
		t.Errorf("exit %+v", exit)
	}
	if exit.PeakMemory < 40<<20 || exit.PeakMemory > 49<<20 {
		t.Errorf("peak %d", exit.PeakMemory)
	}
}

func TestMemoryBombInAChildEndsTheWholeCell(t *testing.T) {
	spec := probeSpec("child_memory_bomb")
	spec.MemoryBytes = 48 << 20
	if exit := start(t, spec).Exit(); !exit.OOMKilled {
		t.Errorf("exit %+v", exit)
	}
}

func TestTmpIsLimited(t *testing.T) {
	spec := probeSpec("fill_tmp")
	spec.TmpBytes = 4 << 20
	if out := output(t, spec); out != "fill_tmp ENOSPC\n" {
		t.Errorf("fill: %q", out)
	}
	spec.Args[1] = "fill_inodes"
	if out := output(t, spec); out != "fill_inodes ENOSPC\n" {
		t.Errorf("inodes: %q", out)
	}
}

func TestFilesInTmpCountAsMemory(t *testing.T) {
	spec := probeSpec("fill_tmp")
	spec.MemoryBytes, spec.TmpBytes = 32<<20, 1<<30
	if exit := start(t, spec).Exit(); !exit.OOMKilled {
		t.Errorf("exit %+v", exit)
	}
}
