package cell

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// The one host of the tests, and the directory that holds the compiled probe.
var (
	host     *Host
	probeDir string
)

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "cell-test")
	if err != nil {
		fmt.Println(err)
		return 1
	}
	defer os.RemoveAll(dir)
	os.Chmod(dir, 0o755)
	probeDir = dir
	build := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", filepath.Join(dir, "probe"), "./testdata/probe")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Printf("build the probe: %v\n%s", err, out)
		return 1
	}
	if host, err = NewHost(HostOptions{}); err != nil {
		fmt.Println(err)
		return 1
	}
	code := m.Run()
	if err := host.Close(); err != nil {
		fmt.Println(err)
		return 1
	}
	return code
}

// probeSpec runs the probe in a cell of its own.
func probeSpec(args ...string) Spec {
	return Spec{
		ID:          "test",
		Root:        []Bind{{probeDir, "/var/task"}},
		Args:        append([]string{"/var/task/probe"}, args...),
		MemoryBytes: 128 << 20,
		Listen:      []string{"127.0.0.1:9001"},
	}
}
