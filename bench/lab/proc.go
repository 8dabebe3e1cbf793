package lab

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Memory is what a process occupies, in MB of 10⁶ bytes.
type Memory struct {
	Resident     float64
	Proportional float64 // 0 where this user may not see it
}

// MemoryOf reads the memory of a process (proc(5): status, smaps_rollup).
func MemoryOf(pid int) (Memory, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return Memory{}, err
	}
	resident, ok := kilobytes(status, "VmRSS:")
	if !ok {
		return Memory{}, fmt.Errorf("process %d has no VmRSS", pid)
	}
	rollup, _ := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid)) // only root may read that of a process that is not dumpable
	proportional, _ := kilobytes(rollup, "Pss:")
	return Memory{resident, proportional}, nil
}

func kilobytes(text []byte, name string) (megabytes float64, ok bool) {
	for line := range bytes.Lines(text) {
		fields := bytes.Fields(line)
		if len(fields) >= 2 && string(fields[0]) == name {
			n, err := strconv.ParseFloat(string(fields[1]), 64)
			return n * 1024 / 1e6, err == nil
		}
	}
	return 0, false
}

// clockTick is the unit of times in /proc on every Linux that Go runs on.
const clockTick = time.Second / 100

// ProcessorTime is how long the processes have run, in user mode and in the
// kernel together (proc(5): stat). One that has ended counts for nothing.
func ProcessorTime(processes []int) (total time.Duration) {
	for _, id := range processes {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", id))
		if err != nil {
			continue
		}
		fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
		for _, field := range fields[11:13] {
			ticks, _ := strconv.Atoi(field)
			total += time.Duration(ticks) * clockTick
		}
	}
	return total
}

// Descendants are the processes below pid with this command name, or with any
// if it is empty.
func Descendants(pid int, name string) (found []int) {
	parents, names := map[int]int{}, map[int]string{}
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range stats {
		text, err := os.ReadFile(path)
		if err != nil {
			continue // it ended meanwhile
		}
		id, command, parent := parseStat(string(text))
		parents[id], names[id] = parent, command
	}
	for id := range parents {
		if (name == "" || names[id] == name) && id != pid && below(parents, id, pid) {
			found = append(found, id)
		}
	}
	return found
}

// parseStat reads "PID (COMMAND) STATE PARENT …"; a command may hold brackets.
func parseStat(text string) (id int, command string, parent int) {
	open, end := strings.IndexByte(text, '('), strings.LastIndexByte(text, ')')
	if open < 0 || end < open {
		return 0, "", 0
	}
	id, _ = strconv.Atoi(strings.TrimSpace(text[:open]))
	if fields := strings.Fields(text[end+1:]); len(fields) > 1 {
		parent, _ = strconv.Atoi(fields[1])
	}
	return id, text[open+1 : end], parent
}

func below(parents map[int]int, id, ancestor int) bool {
	for range len(parents) {
		if id == ancestor {
			return true
		}
		id = parents[id]
		if id == 0 {
			return false
		}
	}
	return false
}
