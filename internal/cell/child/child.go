// Package child is what runs when the binary executes itself for
// internal/cell: the spawner, which clones cells, and the stage, which builds a
// cell from inside and then becomes its first process.
//
// Importing it is enough: its init recognises both by the program's name and
// never returns from them. It imports nothing but the system call packages and
// what those need, so the runtime initialises it before nearly everything else
// of the binary; keep it so, since every cell pays for what comes earlier.
package child

import (
	"os"
	"runtime"
	"strconv"
)

// The names by which the binary knows what it was executed for.
const (
	SpawnerName = "cloister-cell-spawner"
	StageName   = "cloister-cell-stage"
)

// controlFD is the socket to the parent: the node for the spawner, the spawner
// for the stage and the cell's first process.
const controlFD = 3

// pid1FD is the sealed program that becomes the cell's first process.
const pid1FD = 4

// cellsMemory is the argument of the spawner: the bytes of memory that all cells
// may use together. 0 when there is none.
func cellsMemory(args []string) uint64 {
	if len(args) < 2 {
		return 0
	}
	n, _ := strconv.ParseUint(args[1], 10, 64)
	return n
}

func init() {
	if len(os.Args) == 0 {
		return
	}
	switch os.Args[0] {
	case SpawnerName:
		runtime.LockOSThread()
		os.Exit(runSpawner(cellsMemory(os.Args)))
	case StageName:
		runtime.LockOSThread()
		os.Exit(runStage())
	}
}
