package child

import (
	"errors"
	"os"
	"strconv"
	"strings"
)

// minReserve is what the host keeps for itself and for the node at least.
const minReserve = 1 << 30

// CellsMemory is how many bytes all cells together may use where nobody chose:
// what this machine has, or what the control groups above leave of it, without a
// quarter, and without 1 GiB at least, which the node, its unpacked code and
// everything else on the machine need. A machine of less than 2 GiB is halved.
func CellsMemory() (uint64, error) {
	info, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0, err
	}
	total := totalMemory(string(info))
	if total == 0 {
		return 0, errors.New("/proc/meminfo does not say how much memory there is")
	}
	v1, v2, err := hierarchies()
	if err != nil {
		return 0, err
	}
	for _, limit := range memoryLimits(v1, v2) {
		total = min(total, limit)
	}
	return cellsShare(total), nil
}

func cellsShare(total uint64) uint64 {
	reserve := max(total/4, minReserve)
	return total - min(reserve, total/2)
}

// totalMemory reads the line MemTotal, in KiB, of /proc/meminfo.
func totalMemory(info string) uint64 {
	_, rest, _ := strings.Cut(info, "MemTotal:")
	f := strings.Fields(rest)
	if len(f) == 0 {
		return 0
	}
	n, _ := strconv.ParseUint(f[0], 10, 64)
	return n << 10
}

// memoryLimits are the limits on this process's groups and those above.
func memoryLimits(v1 []hierarchy, v2 string) []uint64 {
	var limits []uint64
	add := func(n uint64) {
		if n > 0 {
			limits = append(limits, n)
		}
	}
	for _, h := range v1 {
		if hasField(strings.Join(h.controllers, " "), "memory") {
			add(counter(h.path+"/memory.stat", "hierarchical_memory_limit"))
		}
	}
	for dir := v2; v2 != "" && exists(dir+"/cgroup.controllers"); dir = parentDir(dir) {
		add(number(dir + "/memory.max")) // "max" is none
	}
	return limits
}

// limitTogether1 bounds the group of all cells. Its children count into it only
// where the hierarchy is used, which kernels before 5.11 have to be told before
// there are any.
func limitTogether1(dir string, bytes uint64) error {
	if use := dir + "/memory.use_hierarchy"; exists(use) && number(use) == 0 {
		if err := put(use, "1"); err != nil {
			return failed(LayerMemory, "have the memory of all cells counted together", err)
		}
	}
	return failed(LayerMemory, "limit the memory of all cells", limitMemory1(dir, bytes))
}

// limitMemory1 limits memory, and memory and swap together; the file for that is
// missing where swap is not counted.
func limitMemory1(dir string, bytes uint64) error {
	text := strconv.FormatUint(bytes, 10)
	swap := dir + "/memory.memsw.limit_in_bytes"
	if !exists(swap) {
		return put(dir+"/memory.limit_in_bytes", text)
	}
	// The first is never above the second: this order lowers, the other raises.
	if err := put(dir+"/memory.limit_in_bytes", text); err == nil {
		return put(swap, text)
	}
	if err := put(swap, text); err != nil {
		return err
	}
	return put(dir+"/memory.limit_in_bytes", text)
}

// limitTogether2 bounds the group of all cells. At the limit the kernel ends the
// cell that uses most: memory.oom.group is the cells', not this group's.
func limitTogether2(dir string, bytes uint64) error {
	return failed(LayerMemory, "limit the memory of all cells", put(dir+"/memory.max", strconv.FormatUint(bytes, 10)))
}
