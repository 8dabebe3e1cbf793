package child

import (
	"os"
	"testing"
)

func TestWhatCellsMayUseTogether(t *testing.T) {
	const gib = 1 << 30
	for total, want := range map[uint64]uint64{
		1 * gib: gib / 2, 2 * gib: 1 * gib, 3 * gib: 2 * gib, 4 * gib: 3 * gib, 24 * gib: 18 * gib, 100: 50,
	} {
		if got := cellsShare(total); got != want {
			t.Errorf("of %d: %d, want %d", total, got, want)
		}
	}
	if got, err := CellsMemory(); err != nil || got == 0 {
		t.Errorf("on this machine: %d, %v", got, err)
	}
	if got := totalMemory("MemTotal:       24684032 kB\nMemFree: 1 kB\n"); got != 24684032<<10 {
		t.Errorf("total %d", got)
	}
	if got := totalMemory("MemFree: 1 kB\n"); got != 0 {
		t.Errorf("total %d of nothing", got)
	}
}

// A node in a container has the container's memory, whatever the machine has.
func TestLimitsAboveCount(t *testing.T) {
	v1 := fakeGroup(t, map[string]string{"memory.stat": "cache 7\nhierarchical_memory_limit 5000\n"})
	top := fakeGroup(t, map[string]string{"cgroup.controllers": "memory", "memory.max": "max\n"})
	middle, own := top+"/middle", top+"/middle/own"
	for dir, limit := range map[string]string{middle: "3000\n", own: "4000\n"} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		for file, text := range map[string]string{"cgroup.controllers": "memory", "memory.max": limit} {
			if err := os.WriteFile(dir+"/"+file, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	got := memoryLimits([]hierarchy{{path: v1, controllers: []string{"memory"}}, {path: top, controllers: []string{"cpu"}}}, own)
	if len(got) != 3 || got[0] != 5000 || got[1] != 4000 || got[2] != 3000 {
		t.Errorf("limits %v", got)
	}
}

func TestTheLimitOfAllCells(t *testing.T) {
	old := fakeGroup(t, map[string]string{"memory.use_hierarchy": "0\n", "memory.limit_in_bytes": "", "memory.memsw.limit_in_bytes": ""})
	plain := fakeGroup(t, map[string]string{"memory.limit_in_bytes": ""})
	second := fakeGroup(t, map[string]string{"memory.max": ""})
	for _, err := range []error{limitTogether1(old, 4096), limitTogether1(plain, 4096), limitTogether2(second, 4096)} {
		if err != nil {
			t.Error(err)
		}
	}
	for path, want := range map[string]string{
		old + "/memory.use_hierarchy": "1\n", old + "/memory.limit_in_bytes": "4096", old + "/memory.memsw.limit_in_bytes": "4096",
		plain + "/memory.limit_in_bytes": "4096", second + "/memory.max": "4096",
	} {
		if got := read(t, path); got != want {
			t.Errorf("%s is %q, want %q", path, got, want)
		}
	}
	if err := limitTogether2(t.TempDir(), 4096); err == nil {
		t.Error("no limit, and no error")
	}
}
