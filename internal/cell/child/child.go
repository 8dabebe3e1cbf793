// Package child is what runs when the binary executes itself for
// internal/cell: the spawner, and the stage that builds a cell from inside.
// Importing it is enough: its init recognises these stages by the program's
// name and never returns from them, before other packages are initialised.
package child
